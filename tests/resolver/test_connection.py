"""What connections may cost: nobody waits for who is slow, silent, deaf or everywhere."""

import asyncio
import contextlib
import socket
import struct
import time

import dns.message
import dns.rcode
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blockd.resolver import connection
from blockd.resolver.connections import Limits
from tests.resolver.records import give
from tests.resolver.streaming import framed, options, query, serving, until

KEEPALIVE, PADDING = (11, b""), (12, b"")
QUICK = Limits(idle=0.5, least_idle=0.1, stall=0.4)


def test_a_client_with_too_many_connections_loses_its_longest_idle_one():
    async def scenario():
        async with serving(Limits(of_one=2)) as made:
            other = await made.connect("127.0.0.2")
            first, second = [await made.connect() for _ in range(2)]
            await until(lambda: len(made.listener.open) == 3)
            await first.ask()
            third = await made.connect()
            assert await second.ended()
            for client in (first, third, other):
                assert await client.ask()

    asyncio.run(scenario())


def test_when_there_is_no_room_the_longest_idle_one_goes_and_no_busy_one():
    async def scenario():
        async with serving(Limits(connections=3)) as made:
            busy, idle, lively = [await made.connect(f"127.0.0.{n}") for n in (2, 3, 4)]
            busy.send(query("later.example", 7))
            await until(lambda: made.waiting)
            await lively.ask()
            newest = await made.connect("127.0.0.5")
            assert await idle.ended()
            assert await lively.ask()
            assert await newest.ask()
            made.answer()
            assert (await busy.receive())[:2] == b"\0\7"

    asyncio.run(scenario())


def test_who_comes_when_all_are_busy_is_refused():
    async def scenario():
        async with serving(Limits(connections=2)) as made:
            busy = [await made.connect() for _ in range(2)]
            for client in busy:
                client.send(query("later.example"))
            await until(lambda: len(made.waiting) == 2)
            with contextlib.suppress(ConnectionResetError):
                assert await (await made.connect()).ended()
            for client in busy:
                made.answer()
                assert await client.receive()

    asyncio.run(scenario())


def test_idle_connections_are_closed_earlier_when_there_are_many():
    async def scenario():
        limits = Limits(connections=4, idle=60, least_idle=0.1)
        async with serving(limits) as made:
            start = time.monotonic()
            clients = [await made.connect() for _ in range(4)]
            ended = [asyncio.ensure_future(client.ended()) for client in clients]
            await until(lambda: len(made.listener.open) < 4)
            assert time.monotonic() - start < 5
            await asyncio.wait(ended, return_when=asyncio.FIRST_COMPLETED)
            for client in clients[2:]:
                client.writer.close()
            await until(lambda: len(made.listener.open) <= 2)
            assert made.listener.connections.patience() == 60

    asyncio.run(scenario())


def test_an_idle_connection_is_closed_and_one_that_asks_or_waits_is_not():
    async def scenario():
        async with serving(QUICK) as made:
            idle, lively, waiting = [await made.connect() for _ in range(3)]
            waiting.send(query("later.example"))
            ended = asyncio.ensure_future(idle.ended())
            while not ended.done():
                await lively.ask()
                await asyncio.sleep(0.05)
            assert ended.result()
            made.answer()
            assert await waiting.receive()

    asyncio.run(scenario())


def test_a_query_that_does_not_become_whole_ends_the_connection_after_its_answers():
    async def scenario():
        async with serving(QUICK._replace(idle=60)) as made:
            client = await made.connect()
            client.send(query("later.example", 5))
            client.writer.write(framed(query())[:-1])
            await until(lambda: made.waiting)
            (open_one,) = made.listener.open
            await until(lambda: open_one._last)
            made.answer()
            assert (await client.receive())[:2] == b"\0\5"
            assert await client.ended()

    asyncio.run(scenario())


def test_a_query_may_take_its_time_when_it_is_we_who_do_not_read():
    limits = QUICK._replace(in_flight=1, idle=60)

    async def scenario():
        async with serving(limits) as made:
            client = await made.connect()
            client.send(query("later.example"))
            client.writer.write(framed(query(number=9))[:-1])
            await until(lambda: made.waiting)
            await asyncio.sleep(2 * limits.stall)
            made.answer()
            await client.receive()
            client.writer.write(framed(query(number=9))[-1:])
            assert (await client.receive())[:2] == b"\0\x09"

    asyncio.run(scenario())


@pytest.mark.parametrize("name", ["long.example", "later.example"])
def test_a_client_that_does_not_read_is_cut_off_and_costs_nobody_else(name):
    async def scenario():
        async with serving(QUICK._replace(idle=60)) as made:
            deaf, other = await made.connect(limit=1), await made.connect()
            deaf.writer.transport.pause_reading()
            deaf.send(*[query(name, number) for number in range(500)])
            while len(made.listener.open) == 2:
                while made.waiting:
                    made.answer(octets=60_000)
                await other.ask()
            # What waited for it was bounded: it was not asked on its behalf for ever.
            assert sum(b"\3now" not in packet for packet in made.engine.asked) < 500

    asyncio.run(scenario())


def test_a_client_that_reads_slowly_gets_all_its_long_answers():
    async def scenario():
        async with serving() as made:
            client = await made.connect(limit=1000)
            client.send(*[query("long.example", number) for number in range(100)])
            for number in range(100):
                assert (await client.receive())[:2] == number.to_bytes(2, "big")
                await asyncio.sleep(0.001)

    asyncio.run(scenario())


def test_one_that_asks_without_end_leaves_others_their_turn():
    async def scenario():
        async with serving() as made:
            eager, modest = await made.connect(), await made.connect()
            await until(lambda: len(made.listener.open) == 2)
            eager.send(*[query(number=1) for _ in range(20 * connection.BATCH)])
            modest.send(query(number=2))
            assert (await modest.receive())[:2] == b"\0\2"
            place = [packet[:2] for packet in made.engine.asked].index(b"\0\2")
            assert place <= 4 * connection.BATCH
            for _ in range(20 * connection.BATCH):
                await eager.receive()

    asyncio.run(scenario())


def test_answers_that_come_at_once_are_taken_however_many_are_pipelined():
    async def scenario():
        async with serving() as made:
            made.listener.forward = lambda waiter: give(waiter, 0)
            client = await made.connect()
            client.send(*[query("later.example", number) for number in range(2000)])
            client.writer.write_eof()
            for number in range(2000):
                assert (await client.receive())[:2] == number.to_bytes(2, "big")
            assert await client.ended()

    asyncio.run(scenario())


def test_so_many_queries_are_in_flight_and_no_more():
    async def scenario():
        async with serving(Limits(in_flight=5)) as made:
            client = await made.connect()
            client.send(*[query("later.example", number) for number in range(20)])
            client.writer.write_eof()
            for number in range(20):
                await until(lambda: made.waiting)
                assert len(made.waiting) <= 5
                made.answer()
                assert (await client.receive())[:2] == number.to_bytes(2, "big")
            assert await client.ended()

    asyncio.run(scenario())


def test_who_may_not_ask_is_told_so_and_shares_the_room_of_one():
    async def scenario():
        async with serving(Limits(of_one=1), allow=["127.0.0.9/32"]) as made:
            good = await made.connect("127.0.0.9")
            await until(lambda: made.listener.open)
            first = await made.connect("127.0.0.2")
            second = await made.connect("127.0.0.3")
            assert await first.ended()
            second.send(query("later.example"), query())
            refused = dns.message.from_wire(await second.receive())
            assert refused.rcode() == dns.rcode.REFUSED
            assert await second.ended()
            assert not made.waiting
            assert await good.ask()

    asyncio.run(scenario())


def test_after_a_stop_whoever_waits_gets_an_answer_and_nobody_else():
    async def scenario():
        async with serving() as made:
            waits, idle = await made.connect(), await made.connect()
            waits.send(query("later.example", 3))
            await until(lambda: made.waiting and len(made.listener.open) == 2)
            made.listener.stop()
            assert await idle.ended()
            waits.send(query())
            assert await (await made.connect()).ended()
            made.answer()
            assert (await waits.receive())[:2] == b"\0\3"
            assert await waits.ended()
            assert len(made.engine.asked) == 1

    asyncio.run(scenario())


def test_keepalive_is_answered_to_who_asks_with_the_time_in_force():
    async def scenario():
        limits = Limits(connections=4, idle=12, least_idle=1)
        async with serving(limits) as made:
            client = await made.connect()
            assert options(await client.ask()) == []
            assert options(await client.ask(options=[KEEPALIVE])) == [(11, b"\0\x78")]
            assert options(await client.ask(options=[(11, b"\0\1")])) == []
            client.send(query("later.example", options=[KEEPALIVE]))
            others = [await made.connect() for _ in range(2)]
            await until(lambda: made.waiting and len(made.listener.open) == 3)
            made.answer()
            assert options(await client.receive()) == [(11, b"\0\x3c")]
            assert len(others) == 2

    asyncio.run(scenario())


def test_padding_belongs_to_tls_alone():
    async def scenario():
        async with serving() as made:
            client = await made.connect()
            assert options(await client.ask(options=[PADDING])) == []

    asyncio.run(scenario())


@settings(max_examples=25, deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=4))
def test_whatever_a_client_sends_others_are_served(octets):
    async def scenario():
        async with serving() as made:
            made.engine.answer = lambda *_, **__: None
            odd = await made.connect()
            for each in octets:
                odd.writer.write(each)
                await asyncio.sleep(0)
            odd.writer.write_eof()
            assert await odd.ended()
            del made.engine.answer
            assert await (await made.connect()).ask()

    asyncio.run(scenario())


def test_an_answer_for_who_is_gone_is_not_counted():
    async def scenario():
        async with serving() as made:
            client = await made.connect()
            client.send(query("later.example"))
            await until(lambda: made.waiting)
            linger = struct.pack("ii", 1, 0)  # closing resets the connection
            sock = client.writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            client.writer.transport.abort()
            await until(lambda: not made.listener.open)
            made.answer()
            assert made.engine.sent.n == 0

    asyncio.run(scenario())
