"""What a connection writes leaves together, in order, and never without bound."""

import asyncio
import socket

import pytest

from blockd.resolver.outgoing import Outgoing
from tests.resolver.streaming import until


@pytest.fixture
def scenario():
    """Run a scenario with a plain connection, and a socket at its other side."""

    def run(play, unread=1000):
        async def whole():
            ours, theirs = socket.socketpair()
            with theirs:
                loop = asyncio.get_running_loop()
                transport, _ = await loop.create_connection(asyncio.Protocol, sock=ours)
                try:
                    await play(transport, Outgoing(transport, None, unread), theirs)
                finally:
                    transport.abort()
                    await asyncio.sleep(0)

        asyncio.run(whole())

    return run


def test_replies_leave_together_framed_and_in_their_order(scenario):
    async def play(_transport, made, theirs):
        theirs.settimeout(0)
        made.add(b"one", padded=False)
        made.add(b"three", padded=True)  # which is for TLS alone
        assert made.waiting == 8
        with pytest.raises(BlockingIOError):
            theirs.recv(1)
        made.flush()
        assert theirs.recv(100) == b"\0\3one\0\5three"
        assert made.waiting == 0
        made.flush()
        with pytest.raises(BlockingIOError):
            theirs.recv(1)

    scenario(play)


def test_whoever_reads_nothing_is_dropped_when_too_much_waits(scenario):
    async def play(transport, made, theirs):
        for _ in range(1000):
            made.add(bytes(60_000), padded=False)
            made.flush()
            if transport.is_closing():
                break
        assert transport.is_closing()
        await until(lambda: theirs.recv(1 << 20) == b"")

    scenario(play, unread=200_000)


def test_after_the_end_nothing_is_written(scenario):
    async def play(transport, made, theirs):
        made.add(b"late", padded=False)
        transport.close()
        made.flush()
        made.write(b"later")
        await asyncio.sleep(0)
        assert theirs.recv(100) == b""
        assert made.waiting == 0

    scenario(play)
