"""The watchdog's pings, as a socket hears them that stands in for systemd's."""

import asyncio
import contextlib
import os
import socket
import time

import pytest

from blockd.service import watchdog
from blockd.service.watchdog import Watchdog


@pytest.mark.parametrize(
    ("seconds", "pid", "found"),
    [
        (None, None, None),
        ("20000000", None, 20.0),
        ("1500000", "own", 1.5),
        ("1500000", "1", None),
        ("0", None, None),
        ("soon", None, None),
    ],
)
def test_it_is_wanted_where_systemd_says_so_to_this_process(monkeypatch, seconds, pid, found):
    for name, value in (
        ("WATCHDOG_USEC", seconds), ("WATCHDOG_PID", str(os.getpid()) if pid == "own" else pid),
    ):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    assert watchdog.interval() == found


def test_a_child_that_adopts_it_is_meant_too(monkeypatch):
    monkeypatch.setenv("WATCHDOG_USEC", "1000000")
    monkeypatch.setenv("WATCHDOG_PID", str(os.getppid()))
    assert watchdog.interval() is None
    watchdog.adopt()
    assert watchdog.interval() == 1.0


@pytest.fixture
def pings(tmp_path, monkeypatch):
    """Count the pings that have come; the interval is 60 ms."""
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setenv("WATCHDOG_USEC", "60000")
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as listener:
        listener.bind(str(tmp_path / "notify"))

        def count():
            found = 0
            with contextlib.suppress(BlockingIOError):
                while True:
                    assert listener.recv(4096) == b"WATCHDOG=1"
                    found += 1
            return found

        yield count


async def some(pings, wanted=3):
    """Return once so many pings have come."""
    deadline, found = time.monotonic() + 10, 0
    while found < wanted:
        assert time.monotonic() < deadline, f"{found} pings"
        await asyncio.sleep(0.01)
        found += pings()


def test_an_event_loop_that_turns_pings_until_the_end_of_the_block(pings):
    async def alive():
        with Watchdog():
            await some(pings)
        await asyncio.sleep(0.1)
        assert pings() == 0

    asyncio.run(alive())


def test_an_event_loop_that_does_not_turn_is_silent(pings):
    async def hung():
        with Watchdog():
            await some(pings)
            time.sleep(0.2)  # noqa: ASYNC251 - the very thing that it is about
            assert pings() == 0

    asyncio.run(hung())


def test_work_that_does_not_end_stops_the_pings_and_its_end_brings_them_back(pings):
    now = [0.0]

    async def working():
        with Watchdog(lambda: now[0]) as watched:
            with watched.working(most=5):
                now[0] = 4.9
                await some(pings)
                now[0] = 5.1
                await asyncio.sleep(0.05)
                pings()
                await asyncio.sleep(0.1)
                assert pings() == 0
                await asyncio.to_thread(watched.told, "reading lists", 1, 2)
                await some(pings)
                now[0] = 10.0
                await some(pings)
            await some(pings)
            watched.told("too late", 2, 2)
            now[0] = 99.0
            await some(pings)

    asyncio.run(working())


def test_a_manager_that_is_busy_is_told_again_soon(pings):
    async def full():
        with Watchdog():
            while pings():
                pass
            await asyncio.sleep(0.5)  # its queue is full by now
            assert pings() > 0
            await some(pings)

    asyncio.run(full())


def test_nothing_is_sent_where_it_is_not_wanted(pings, monkeypatch):
    monkeypatch.delenv("WATCHDOG_USEC")

    async def unwatched():
        with Watchdog() as watched, watched.working():
            await asyncio.sleep(0.1)
        assert pings() == 0

    asyncio.run(unwatched())
