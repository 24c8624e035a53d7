"""Every socket of a process, opened and ended together."""

import asyncio
import socket
import time

import pytest

from blockd.config import Endpoint, ResolverSection
from blockd.resolver.clients import Clients
from blockd.resolver.cookies import Cookies
from blockd.resolver.engine import Engine
from blockd.resolver.listeners import Listeners
from blockd.service.sockets import listening
from tests.resolver.messages import query, read

BURST = 400
"""Connections within a moment: many more than asyncio's own 100, fewer than the unit's 1,024."""


@pytest.fixture
def sockets():
    opened = listening((Endpoint("127.0.0.1", 0),), ())
    yield opened
    for sock in opened.all():
        sock.close()


@pytest.fixture
def listeners(policy):
    settings = ResolverSection()
    allowed = [network.prefix for network in settings.allow]
    clients = Clients(allowed, 0, Cookies(b"s" * 16), time.time)
    engine = Engine(settings, policy)
    return Listeners(engine, clients, lambda _waiter: None, time.monotonic, None)


async def asked(sock):
    """Return what comes back within a moment; empty: nothing does."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(0)
        loop = asyncio.get_running_loop()
        await loop.sock_sendto(client, query("plain.example"), sock.getsockname())
        try:
            async with asyncio.timeout(0.5):
                return await loop.sock_recv(client, 4096)
        except TimeoutError:
            return b""


def test_it_answers_from_its_opening_to_its_end_and_leaves_the_sockets_open(listeners, sockets):
    async def live():
        await listeners.open(sockets)
        before = await asked(sockets.udp[0])
        listeners.stop()
        after = await asked(sockets.udp[0])
        listeners.close()
        return before, after

    before, after = asyncio.run(live())
    assert read(before).rcode() == 3
    assert not after
    assert sockets.udp[0].fileno() >= 0
    assert listeners.unsent == 0


def test_a_burst_of_connections_waits_for_a_busy_process(listeners, sockets):
    async def live():
        await listeners.open(sockets)
        place = sockets.tcp[0].getsockname()
        clients = []
        try:
            while len(clients) < BURST:  # nobody accepts meanwhile: the loop is held up
                clients += [socket.create_connection(place, timeout=0.5)]
        finally:
            listeners.stop()
            listeners.close()
            for client in clients:
                client.close()
        return len(clients)

    assert asyncio.run(live()) == BURST


def test_what_the_kernel_holds_is_read_without_a_wake_up(listeners, sockets):
    async def live():
        await listeners.open(sockets)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(5)
            client.sendto(query("plain.example"), sockets.udp[0].getsockname())
            listeners.look()
            listeners.flush()
            answer = client.recv(4096)
        listeners.stop()
        listeners.close()
        return answer

    assert read(asyncio.run(live())).rcode() == 3
