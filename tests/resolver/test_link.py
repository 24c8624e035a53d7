"""One connection to an upstream: IDs of its own, replies in any order, the end told once."""

import asyncio
import socket
import weakref

import pytest

from blockd.resolver import link as link_module
from blockd.resolver.frames import Frames, framed
from blockd.resolver.link import Ask, Link
from tests.resolver.streaming import until


class Owner:
    def __init__(self):
        self.events = []

    def ready(self, _link):
        self.events.append("ready")

    def lost(self, _link, why):
        self.events.append(why)


async def linked(owner):
    """Return a link and the other side's socket."""
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    theirs.settimeout(0)
    _, link = await loop.create_connection(lambda: Link(owner, None, "", 64), sock=ours)
    return link, theirs


async def received(theirs, count):
    frames, found = Frames(), []
    async with asyncio.timeout(10):
        while len(found) < count:
            frames.feed(await asyncio.get_running_loop().sock_recv(theirs, 65_536))
            while (packet := frames.take()) is not None:
                found.append(packet)
    return found


def test_equal_ids_are_told_apart_and_given_back_in_any_order():
    async def scenario():
        owner, answers = Owner(), []
        link, theirs = await linked(owner)
        with theirs:
            asks = [
                Ask(b"\x12\x34" + bytes(9) + bytes((n,)), answers.append, 1e9) for n in range(20)
            ]
            link.send(asks)
            seen = await received(theirs, 20)
            assert len({packet[:2] for packet in seen}) == 20
            assert [packet[11] for packet in seen] == list(range(20))
            loop = asyncio.get_running_loop()
            await loop.sock_sendall(theirs, b"".join(framed(p) for p in reversed(seen)))
            async with asyncio.timeout(10):
                while len(answers) < 20:  # noqa: ASYNC110 - nothing signals it
                    await asyncio.sleep(0.005)
            assert {answer[:2] for answer in answers} == {b"\x12\x34"}
            assert [answer[11] for answer in answers] == list(reversed(range(20)))
            assert not link.asked
            link.end()

    asyncio.run(scenario())


def test_what_was_given_up_leaves_its_place_but_its_id_only_after_long(monkeypatch):
    drawn = iter([1, 2, 1, 2, 3, 1, 3, 4])
    monkeypatch.setattr(link_module.secrets, "randbits", lambda _bits: next(drawn))

    async def scenario():
        answers = []
        link, theirs = await linked(Owner())
        with theirs:

            def send(site):
                link.send([Ask(bytes(12), answers.append, 1e9, site=site)])

            link.heard_at = asyncio.get_running_loop().time() + 9
            send(b"one")
            send(b"one")
            (first, second) = (ask.sent_at for ask in link.asked.values())
            assert (list(link.asked), link.places.left) == ([1, 2], 62)
            assert not link.give_up(first, 0.0)
            assert (list(link.asked), link.places.left) == ([2], 63)
            send(b"two")  # passes 1 and 2 over
            assert list(link.asked) == [2, 3]
            (packet, *_) = await received(theirs, 3)
            await asyncio.get_running_loop().sock_sendall(theirs, framed(packet))
            await until(lambda: not link._late)
            assert (answers, list(link.asked), link.places.left) == ([], [2, 3], 62)
            send(b"two")
            assert list(link.asked) == [2, 3, 1]
            assert not link.give_up(second, second)
            assert (list(link.asked), list(link._late)) == ([3, 1], [])
            link.heard_at = 0.0
            assert not link.give_up(second, second)
            assert link.give_up(asyncio.get_running_loop().time(), second)
            assert (link.asked, link.places.left) == ({}, 64)
            link.end()

    asyncio.run(scenario())


def test_unasked_and_short_messages_are_passed_over_and_the_end_is_told():
    async def scenario():
        owner, answers = Owner(), []
        link, theirs = await linked(owner)
        link.send([Ask(bytes(12), answers.append, 1e9)])
        (packet,) = await received(theirs, 1)
        other = bytes((packet[0] ^ 1,)) + packet[1:]
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(theirs, framed(b"short") + framed(other))
        theirs.close()
        async with asyncio.timeout(10):
            while "it closed the connection" not in owner.events:  # noqa: ASYNC110 - see above
                await asyncio.sleep(0.005)
        assert answers == []
        assert len(link.asked) == 1

    asyncio.run(scenario())


def test_an_answer_counts_once():
    answers = []
    ask = Ask(bytes(12), answers.append, 0.0)
    ask.end(b"first")
    ask.end(None)
    assert answers == [b"first"]


@pytest.mark.usefixtures("uncollected")
def test_a_connection_that_is_over_leaves_nothing_to_collect():
    async def scenario():
        owner = Owner()
        link, theirs = await linked(owner)
        left = weakref.ref(link), weakref.ref(link._transport)
        del link
        theirs.close()
        await until(lambda: len(owner.events) == 2)
        await until(lambda: left[0]() is left[1]() is None)

    asyncio.run(scenario())
