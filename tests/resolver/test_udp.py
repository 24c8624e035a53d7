"""The UDP listener on real sockets: every query has its own answer, at once or late."""

import asyncio
import contextlib
import socket
import time

import pytest

from blockd import names
from blockd.config import ResolverSection
from blockd.resolver import wire
from blockd.resolver.engine import Engine
from blockd.resolver.reply import parse_reply
from blockd.resolver.udp import UdpListener
from tests.resolver.messages import errors, query, raw, read, records, reply
from tests.resolver.stub import until

DEADLINE = 10


@pytest.fixture
def engine(policy):
    return Engine(ResolverSection(), policy)


@contextlib.asynccontextmanager
async def serving(engine, address="127.0.0.1", before_batch=time.monotonic):
    """Run a listener; yields it, its port, the queries to forward, and a maker of clients."""
    loop = asyncio.get_running_loop()
    waiting = []
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with contextlib.ExitStack() as opened:
        sock = opened.enter_context(socket.socket(family, socket.SOCK_DGRAM))
        sock.bind((address, 0))
        listener = UdpListener(sock, engine, waiting.append, before_batch)

        def client(to="127.0.0.1"):
            made = opened.enter_context(socket.socket(family, socket.SOCK_DGRAM))
            made.settimeout(0)
            made.connect((to, sock.getsockname()[1]))
            return made

        async def receive(client):
            async with asyncio.timeout(DEADLINE):
                return await loop.sock_recv(client, 65_535)

        yield listener, waiting, client, receive
        listener.stop()


def answered(asked, address):
    """Return what an upstream says to a waiting query."""
    name = names.to_text(asked.name)
    packet = reply(query(name), f"{name} 60 A {address}")
    return parse_reply(packet, 12 + len(asked.question))


def test_the_first_packet_and_its_like_are_answered_and_counted(engine):
    async def scenario():
        async with serving(engine, before_batch=lambda: 1000.0) as (_, _, client, receive):
            asker = client()
            for number in (1, 2, 3):
                asker.send(query("a.listed.example", number=number))
                seen = read(await receive(asker))
                assert (seen.id, seen.rcode()) == (number, wire.NXDOMAIN)
                assert errors(seen) == [(16, "p001: Notice 7")]
        assert len(engine.hot) == 1

    asyncio.run(scenario())
    shown = engine.counters.snapshot()
    assert (shown["outcomes"]["sinkholed"], shown["platforms"]) == (3, {"p001": 3})


def test_many_batches_of_many_clients_get_each_their_own_answer(engine):
    async def scenario():
        async with serving(engine) as (_, waiting, client, receive):
            askers = [client() for _ in range(7)]
            asked = {}
            for number in range(210):  # all are there before the listener looks
                name = [f"n{number}.listed.example", "a.listed.example", "zero.example"][number % 3]
                asker = askers[number % 7]
                asker.send(query(name, number=number))
                asked.setdefault(asker, []).append((number, f"{name}."))
            for asker, numbers in asked.items():
                seen = [read(await receive(asker)) for _ in numbers]
                assert [(m.id, m.question[0].name.to_text()) for m in seen] == numbers
            assert not waiting

    asyncio.run(scenario())
    assert engine.counters["sinkholed"].n == 210


def test_late_answers_go_to_who_asked_in_any_order(engine):
    async def scenario():
        async with serving(engine) as (_, waiting, client, receive):
            askers = [client() for _ in range(100)]
            for number, asker in enumerate(askers):
                asker.send(query(f"n{number}.example", number=number))
            await until(lambda: len(waiting) == 100)
            for waiter in reversed(waiting):
                number = names.to_text(waiter.query.name).removesuffix(".example")[1:]
                waiter.done(waiter.query, answered(waiter.query, f"198.18.0.{number}"))
            for number, asker in enumerate(askers):
                seen = read(await receive(asker))
                assert seen.id == number
                assert records(seen.answer) == [f"n{number}.example. A 198.18.0.{number}"]

    asyncio.run(scenario())
    assert engine.counters["forwarded"].n == 100


def test_who_may_not_ask_is_refused_and_nothing_else(policy):
    engine = Engine(ResolverSection(allow=()), policy)

    async def scenario():
        async with serving(engine) as (_, waiting, client, receive):
            asker = client()
            asker.send(query()[:-1])
            asker.send(raw(flags=0x8180))
            for name in ("www.example", "listed.example"):
                asker.send(query(name))
                seen = read(await receive(asker))
                assert (seen.rcode(), errors(seen)[0][0]) == (wire.REFUSED, 18)
            assert not waiting

    asyncio.run(scenario())
    assert engine.counters["refused"].n == 2


def test_silence_and_errors_stand_between_answers(engine):
    async def scenario():
        async with serving(engine) as (_, _, client, receive):
            asker = client()
            for packet in (b"", b"x", raw(flags=0x8180), query("silent.example"), b"\0" * 5000):
                asker.send(packet)
            asker.send(query("a.listed.example", number=5))
            asker.send(query()[:-3])
            asker.send(query("zero.example", number=7))
            seen = [read(await receive(asker)) for _ in range(4)]
            assert [message.rcode() for message in seen] == [
                wire.FORMERR, wire.NXDOMAIN, wire.FORMERR, wire.NOERROR,
            ]  # fmt: skip

    asyncio.run(scenario())
    shown = engine.counters.snapshot()
    assert (shown["outcomes"]["dropped"], shown["outcomes"]["malformed"]) == (4, 2)
    assert shown["platforms"]["p003"] == 1


def test_replies_leave_from_the_address_asked_on_a_wildcard_socket(engine):
    async def scenario():
        async with serving(engine, "0.0.0.0") as (_, waiting, client, receive):
            # Connected clients see nothing that comes from another address.
            askers = [client(f"127.0.0.{number}") for number in (1, 2, 3)]
            for asker in askers:
                for name in ("a.listed.example", "a.listed.example", "www.example"):
                    asker.send(query(name))
                for _ in range(2):
                    assert read(await receive(asker)).rcode() == wire.NXDOMAIN
            await until(lambda: len(waiting) == 3)
            for waiter in waiting:
                waiter.done(waiter.query, None)
            for asker in askers:
                assert read(await receive(asker)).rcode() == wire.SERVFAIL

    asyncio.run(scenario())


@pytest.mark.usefixtures("ipv6")
def test_ipv6_is_served_alike(engine):
    async def scenario():
        async with serving(engine, "::") as (_, waiting, client, receive):
            asker = client("::1")
            asker.send(query("a.listed.example"))
            assert read(await receive(asker)).rcode() == wire.NXDOMAIN
            asker.send(query("www.example"))
            await until(lambda: waiting)
            waiting[0].done(waiting[0].query, None)
            assert read(await receive(asker)).rcode() == wire.SERVFAIL

    asyncio.run(scenario())


def test_a_stopped_listener_still_sends_what_was_in_flight(engine):
    async def scenario():
        async with serving(engine) as (listener, waiting, client, receive):
            asker, later = client(), client()
            asker.send(query(number=9))
            await until(lambda: waiting)
            listener.stop()
            later.send(query("a.listed.example"))
            waiting[0].done(waiting[0].query, None)
            listener.close()
            assert read(await receive(asker)).id == 9
            with pytest.raises(BlockingIOError):
                later.recv(100)

    asyncio.run(scenario())


def test_from_the_batch_after_an_adoption_no_answer_is_sent_as_if_unlisted(engine, make_policy):
    packet = query("www.example")
    asked = wire.parse_query(packet)
    answer = parse_reply(reply(packet, "www.example 60 A 198.18.0.1"), 12 + len(asked.question))
    engine.keep(asked, answer, 1000.0)

    async def scenario():
        async with serving(engine, before_batch=lambda: 1000.0) as (_, _, client, receive):
            asker = client()

            async def rcodes():
                for _ in range(3):
                    asker.send(packet)
                return {read(await receive(asker)).rcode() for _ in range(3)}

            assert await rcodes() == {wire.NOERROR}
            engine.adopt(make_policy("www.example"))
            assert await rcodes() == {wire.NXDOMAIN}
            engine.adopt(make_policy("other.example"))
            assert await rcodes() == {wire.NOERROR}

    asyncio.run(scenario())
