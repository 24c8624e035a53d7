"""A probe for loops is asked again until its upstream answers, and a few times at most."""

import asyncio
import contextlib
import socket
import time

import pytest

from blockd.config import Endpoint, Upstream
from blockd.resolver import circles
from blockd.resolver.circles import Circle
from blockd.resolver.inflight import UNSENT

MESSAGE = b"\x12\x34\1\0\0\1\0\0\0\0\0\0\1x\7invalid\0\0\1\0\1"
REPLY = MESSAGE[:2] + b"\x81\5" + MESSAGE[4:]
DEADLINE = 5


class Line:
    """A stream on which nothing is ever sent."""

    def __init__(self):
        self.asked = []

    def ask(self, message, done):
        self.asked.append((message, done))


async def until(condition):
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.002)


@pytest.mark.parametrize(
    ("said", "tries"),
    [
        ([REPLY], 1),
        ([b"", REPLY], 2),
        ([b"", b"", b"\x99\x99" + REPLY[2:], REPLY], 4),
        ([b""] * 9, 5),
    ],
)
def test_a_lost_datagram_is_no_end_and_an_answer_is(said, tries, monkeypatch):
    monkeypatch.setattr(circles, "AGAIN", (0.02,) * 5)
    heard = []

    async def play(server):
        loop = asyncio.get_running_loop()

        def readable():
            packet, client = server.recvfrom(512)
            reply = said[len(heard)]
            heard.append(packet)
            if reply:
                server.sendto(reply, client)

        loop.add_reader(server, readable)
        made = Circle(Upstream(Endpoint(*server.getsockname())), Line(), MESSAGE)
        await until(lambda: made._sock is None)
        await asyncio.sleep(0.05)  # none of the next tries, which would be due by now, is made
        loop.remove_reader(server)
        made.close()

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        asyncio.run(play(server))
    assert heard == [MESSAGE] * tries


def test_while_there_is_no_way_it_is_tried_again(monkeypatch):
    monkeypatch.setattr(circles, "AGAIN", (0.01,) * 5)
    calls = []

    def unreachable(self):
        calls.append(1)
        if len(calls) < 3:
            raise OSError
        self.close()

    monkeypatch.setattr(Circle, "_send", unreachable)

    async def play():
        Circle(Upstream(Endpoint("127.0.0.1", 9)), Line(), MESSAGE)
        await until(lambda: len(calls) == 3)
        await asyncio.sleep(0.03)

    asyncio.run(play())
    assert len(calls) == 3


def test_over_a_stream_it_is_asked_until_that_brings_an_answer(monkeypatch):
    monkeypatch.setattr(circles, "AGAIN", (0.01,) * 5)

    async def play():
        line = Line()
        upstream = Upstream.parse("tls://198.18.0.53#dns.example")
        with contextlib.closing(Circle(upstream, line, MESSAGE)):
            for number, none in enumerate((None, UNSENT)):
                line.asked[number][1](none)
                await until(lambda count=number + 2: len(line.asked) == count)
            line.asked[2][1](REPLY)
            await asyncio.sleep(0.03)
            assert [message for message, _ in line.asked] == [MESSAGE] * 3

    asyncio.run(play())
