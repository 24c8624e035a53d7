"""The cyclic collector visits what is young, everything when nobody asks, and no connection."""

import asyncio
import gc
import socket
import struct
import weakref

import pytest

from blockd.resolver.collector import BETWEEN, LONGEST, YOUNG, Collector
from tests.resolver.streaming import query, serving, until


@pytest.fixture(autouse=True)
def as_it_was():
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


class Knot:
    def __init__(self):
        self.self = self


def test_young_cycles_are_collected_by_themselves():
    Collector(0.0)
    lost = weakref.ref(Knot())
    kept = [[] for _ in range(2 * YOUNG)]
    assert lost() is None
    assert kept


def test_what_has_survived_is_not_visited_again():
    collector = Collector(0.0)
    kept = [[] for _ in range(1000)]
    before = gc.get_freeze_count()
    collector.rest(1.0, 1)
    assert gc.get_freeze_count() >= before + len(kept)
    assert gc.get_count()[0] < YOUNG


@pytest.mark.parametrize(
    ("now", "answered", "looks"),
    [
        (BETWEEN - 1, 5, False),
        (BETWEEN, 5, True),  # nobody has asked since
        (BETWEEN, 6, False),
        (LONGEST, 6, True),
    ],
)
def test_old_cycles_are_collected_in_an_idle_moment_or_after_a_long_time(now, answered, looks):
    collector = Collector(0.0)
    lost = weakref.ref(Knot())
    collector.rest(1.0, 5)
    collector.rest(now, answered)
    assert (lost() is None) == looks
    if looks:
        fresh = weakref.ref(Knot())
        collector.rest(now + 1, answered)
        assert fresh() is not None, "not again so soon"


@pytest.mark.parametrize("end", ["closed", "reset", "cut"])
@pytest.mark.usefixtures("uncollected")
def test_a_clients_connection_that_is_over_leaves_nothing_to_collect(end):
    async def scenario():
        async with serving() as made:
            client = await made.connect()
            await client.ask()
            (connection,) = made.listener.open
            left = weakref.ref(connection), weakref.ref(connection._transport)
            del connection
            if end == "cut":
                client.writer.write(struct.pack("!H", 100) + query())
            if end == "reset":
                linger = struct.pack("ii", 1, 0)
                sock = client.writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            client.writer.close()
            await until(lambda: not made.listener.open)
            await until(lambda: left[0]() is left[1]() is None)

    asyncio.run(scenario())
