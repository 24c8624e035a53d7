"""The TCP listener on real connections: pipelined, out of order, and nobody waits for the slow."""

import asyncio
import contextlib
import itertools
import socket
import struct
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blockd.config import ResolverSection
from blockd.resolver import tcp, wire
from blockd.resolver.engine import Engine
from blockd.resolver.reply import parse_reply
from blockd.resolver.tcp import TcpListener
from tests.resolver.messages import errors, query, raw, read, records, reply
from tests.resolver.stub import until

DEADLINE = 10


@pytest.fixture
def engine(policy):
    return Engine(ResolverSection(), policy)


def framed(*packets):
    return b"".join(struct.pack("!H", len(packet)) + packet for packet in packets)


class Client:
    """One connection."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    def send(self, *packets):
        self.writer.write(framed(*packets))

    async def receive(self):
        async with asyncio.timeout(DEADLINE):
            (length,) = struct.unpack("!H", await self.reader.readexactly(2))
            return await self.reader.readexactly(length)

    async def ended(self):
        async with asyncio.timeout(DEADLINE):
            return await self.reader.read() == b""


@contextlib.asynccontextmanager
async def serving(engine, forward=None, address="127.0.0.1"):
    """Run a listener; yields it, the queries to forward, and a maker of clients."""
    waiting = []
    listener = TcpListener(engine, forward or waiting.append, time.monotonic)
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
    waiter.done(waiter.query, said)


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
    zone = [f"www.example 60 A 198.18.{n // 250}.{n % 250}" for n in range(1000)]

    async def scenario():
        async with serving(engine) as (_, waiting, connect):
            client = await connect()
            client.send(packet)
            await until(lambda: waiting)
            said = parse_reply(reply(packet, *zone), 12 + len(waiting[0].query.question))
            waiting[0].done(waiting[0].query, said)
            assert len(records(read(await client.receive()).answer)) == 1000

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
    engine = Engine(ResolverSection(allow=()), policy)

    async def scenario():
        async with serving(engine) as (_, waiting, connect):
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
    assert time.monotonic() - start < tcp.IDLE / 2


def test_an_idle_connection_is_closed_and_a_busy_one_is_not(engine, monkeypatch):
    monkeypatch.setattr(tcp, "IDLE", 0.4)

    async def scenario():
        async with serving(engine) as (listener, _, connect):
            idle, trickling, busy = [await connect() for _ in range(3)]
            trickling.writer.write(framed(query())[:5])  # half a query is not activity
            ends = asyncio.ensure_future(idle.ended())
            for _ in range(16):
                busy.send(query("a.listed.example"))
                await busy.receive()
                await asyncio.sleep(0.05)
            assert await ends
            assert await trickling.ended()
            assert len(listener.open) == 1

    asyncio.run(scenario())


def test_one_connection_has_so_many_queries_in_flight_and_no_more(engine):
    async def scenario():
        async with serving(engine) as (_, waiting, connect):
            client = await connect()
            client.send(*[query(f"n{n}.example", number=n) for n in range(150)])
            client.writer.write_eof()
            await until(lambda: len(waiting) == tcp.MOST_IN_FLIGHT)
            for number in range(150):
                await until(lambda number=number: len(waiting) > number)
                assert len(waiting) - number <= tcp.MOST_IN_FLIGHT
                answers(waiting[number])
                assert read(await client.receive()).id == number
            assert await client.ended()

    asyncio.run(scenario())


def test_answers_that_come_at_once_are_taken_however_many_are_pipelined(engine):
    def at_once(waiter):
        waiter.done(waiter.query, None)

    async def scenario():
        async with serving(engine, at_once) as (_, _, connect):
            client = await connect()
            client.send(*[query(edns=False, number=n) for n in range(2000)])
            client.writer.write_eof()
            for number in range(2000):
                assert (await client.receive())[:2] == number.to_bytes(2, "big")
            assert await client.ended()

    asyncio.run(scenario())


def test_a_client_that_does_not_read_is_dropped_and_costs_nobody_else(engine, monkeypatch):
    monkeypatch.setattr(tcp, "_SLOW", 10_000)
    packet = query("www.example", edns=False)
    zone = [f"www.example 60 A 198.18.{n // 250}.{n % 250}" for n in range(3000)]
    asked = wire.parse_query(packet)
    engine.keep(
        asked, parse_reply(reply(packet, *zone), 12 + len(asked.question)), time.monotonic()
    )

    async def scenario():
        async with serving(engine) as (listener, _, connect):
            deaf, other = await connect(limit=1), await connect()
            deaf.writer.transport.pause_reading()
            for _ in range(2000):
                if len(listener.open) < 2:
                    break
                deaf.send(packet)
                other.send(query("a.listed.example"))
                assert read(await other.receive()).rcode() == wire.NXDOMAIN
            assert len(listener.open) == 1

    asyncio.run(scenario())


def test_an_answer_for_who_is_gone_harms_nobody(engine):
    async def scenario():
        async with serving(engine) as (listener, waiting, connect):
            client = await connect()
            client.send(*[query(f"n{number}.example") for number in range(100)])
            await until(lambda: len(waiting) == tcp.MOST_IN_FLIGHT)
            linger = struct.pack("ii", 1, 0)  # closing resets the connection
            client.writer.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, linger
            )
            client.writer.transport.abort()
            await until(lambda: not listener.open)
            for waiter in tuple(waiting):
                answers(waiter)
            assert engine.counters["forwarded"].n == 0
            assert len(waiting) == tcp.MOST_IN_FLIGHT  # nothing more is asked for them

    asyncio.run(scenario())


def test_connections_are_bounded(engine, monkeypatch):
    monkeypatch.setattr(tcp, "MOST_CONNECTIONS", 2)

    async def scenario():
        async with serving(engine) as (listener, _, connect):
            first, _ = [await connect() for _ in range(2)]
            await until(lambda: len(listener.open) == 2)
            with contextlib.suppress(ConnectionResetError):
                assert await (await connect()).ended()
            first.send(query("a.listed.example"))
            assert read(await first.receive()).rcode() == wire.NXDOMAIN
            first.writer.close()
            await until(lambda: len(listener.open) == 1)
            again = await connect()
            again.send(query("a.listed.example"))
            assert read(await again.receive()).rcode() == wire.NXDOMAIN

    asyncio.run(scenario())


@pytest.mark.usefixtures("ipv6")
def test_ipv6_is_served_alike(engine):
    async def scenario():
        async with serving(engine, address="::1") as (_, _, connect):
            client = await connect()
            client.send(query("a.listed.example"))
            assert read(await client.receive()).rcode() == wire.NXDOMAIN

    asyncio.run(scenario())
