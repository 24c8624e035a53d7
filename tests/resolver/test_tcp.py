"""The TCP listener on real connections: pipelined, out of order, and nobody waits for the slow."""

import asyncio
import contextlib
import itertools
import socket
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blockd.config import ResolverSection
from blockd.resolver import wire
from blockd.resolver.clients import Clients
from blockd.resolver.connections import Limits
from blockd.resolver.cookies import Cookies
from blockd.resolver.engine import Engine
from blockd.resolver.reply import MOST_RECORDS, parse_reply
from blockd.resolver.tcp import TcpListener
from tests.resolver.messages import errors, query, raw, read, records, reply
from tests.resolver.records import give
from tests.resolver.streaming import Client, framed
from tests.resolver.stub import until


@pytest.fixture
def engine(policy):
    return Engine(ResolverSection(), policy)


@contextlib.asynccontextmanager
async def serving(engine, forward=None, address="127.0.0.1", allow=None):
    """Run a listener; yields it, the queries to forward, and a maker of clients."""
    waiting = []
    clients_of = Clients(
        [network.prefix for network in (allow or ResolverSection()).allow],
        1000,
        Cookies(b"s" * 16),
        time.time,
    )
    listener = TcpListener(engine, clients_of, forward or waiting.append, time.monotonic)
    server = await asyncio.get_running_loop().create_server(listener, address, 0)
    clients = []

    async def connect(**options):
        address = server.sockets[0].getsockname()
        clients.append(Client(*await asyncio.open_connection(*address[:2], **options)))
        return clients[-1]

    try:
        yield listener, waiting, connect
    finally:
        server.close()
        listener.close()
        for client in clients:
            client.writer.close()
            with contextlib.suppress(OSError):
                await client.writer.wait_closed()
        await until(lambda: not listener.open)


def answers(waiter, address="198.18.0.80"):
    """Let an upstream answer a waiting query."""
    packet = wire.HEADER.pack(1, 0, 1, 0, 0, 0) + waiter.query.question
    name = read(packet).question[0].name
    said = parse_reply(reply(packet, f"{name} 60 A {address}"), len(packet))
    give(waiter, said)


def test_listed_names_are_sinkholed_without_a_limit_of_size(engine):
    async def scenario():
        async with serving(engine) as (_, _, connect):
            client = await connect()
            for number in range(3):
                client.send(query("a.listed.example", number=number, edns=False))
                seen = read(await client.receive())
                assert (seen.id, seen.rcode()) == (number, wire.NXDOMAIN)

    asyncio.run(scenario())
    shown = engine.counters.snapshot()
    assert (shown["outcomes"]["sinkholed"], shown["platforms"]) == (3, {"p001": 3})


def test_pipelined_queries_are_answered_as_soon_as_each_can_be(engine):
    async def scenario():
        async with serving(engine) as (_, waiting, connect):
            client = await connect()
            client.send(
                query("slow.example", number=1),
                query("fast.example", number=2),
                query("a.listed.example", number=3),
                query("silent.example", number=4),
            )
            assert read(await client.receive()).id == 3
            answers(waiting[1], "198.18.0.2")
            answers(waiting[0], "198.18.0.1")
            for number, name in ((2, "fast"), (1, "slow")):
                seen = read(await client.receive())
                assert seen.id == number
                assert records(seen.answer) == [f"{name}.example. A 198.18.0.{number}"]

    asyncio.run(scenario())


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 200), max_size=8))
def test_it_does_not_matter_how_queries_are_cut_into_segments(policy, cuts):
    sent = framed(*[query("a.listed.example", number=number) for number in range(4)])
    edges = sorted({0, len(sent), *(cut % len(sent) for cut in cuts)})

    async def scenario():
        async with serving(Engine(ResolverSection(), policy)) as (_, _, connect):
            client = await connect()
            client.writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, 1, 1)  # NODELAY
            for start, end in itertools.pairwise(edges):
                client.writer.write(sent[start:end])
                await asyncio.sleep(0)
            assert [read(await client.receive()).id for _ in range(4)] == [0, 1, 2, 3]

    asyncio.run(scenario())


def test_a_long_answer_is_whole(engine):
    packet = query("www.example", edns=False)
    # With OPT these are all that is looked at.
    zone = [f"www.example 60 A 198.18.{n // 250}.{n % 250}" for n in range(MOST_RECORDS - 1)]

    async def scenario():
        async with serving(engine) as (_, waiting, connect):
            client = await connect()
            client.send(packet)
            await until(lambda: waiting)
            said = parse_reply(reply(packet, *zone), 12 + len(waiting[0].query.question))
            give(waiting[0], said)
            assert len(records(read(await client.receive()).answer)) == MOST_RECORDS - 1

    asyncio.run(scenario())


def test_errors_are_answered_and_the_connection_goes_on(engine):
    async def scenario():
        async with serving(engine) as (_, _, connect):
            client = await connect()
            client.send(b"", b"x", raw(flags=0x8180), query()[:-3], raw(flags=0x2800))
            client.send(query("a.listed.example"))
            seen = [read(await client.receive()).rcode() for _ in range(3)]
            assert seen == [wire.FORMERR, wire.NOTIMP, wire.NXDOMAIN]

    asyncio.run(scenario())


def test_who_may_not_ask_is_told_once_and_the_connection_ends(policy):
    nobody = ResolverSection(allow=())
    engine = Engine(nobody, policy)

    async def scenario():
        async with serving(engine, allow=nobody) as (_, waiting, connect):
            client = await connect()
            client.send(query("www.example"), query("listed.example"))
            seen = read(await client.receive())
            assert (seen.rcode(), errors(seen)[0][0]) == (wire.REFUSED, 18)
            assert await client.ended()
            assert not waiting

    asyncio.run(scenario())
    assert engine.counters["refused"].n == 1


def test_a_client_may_close_its_side_and_still_read_its_answers(engine):
    async def scenario():
        async with serving(engine) as (_, waiting, connect):
            client = await connect()
            client.send(query("a.example"), query("a.listed.example"), query("b.example"))
            client.writer.write_eof()
            assert read(await client.receive()).rcode() == wire.NXDOMAIN
            for waiter in list(waiting):
                answers(waiter)
                assert records(read(await client.receive()).answer)
            assert await client.ended()  # at once, not when it has been idle for long

    start = time.monotonic()
    asyncio.run(scenario())
    assert time.monotonic() - start < Limits().idle / 2


@pytest.mark.usefixtures("ipv6")
def test_ipv6_is_served_alike(engine):
    async def scenario():
        async with serving(engine, address="::1") as (_, _, connect):
            client = await connect()
            client.send(query("a.listed.example"))
            assert read(await client.receive()).rcode() == wire.NXDOMAIN

    asyncio.run(scenario())
