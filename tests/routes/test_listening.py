"""What a route daemon is woken by: news at once, scans in their time whatever else happens."""

import asyncio
import time

import pytest

from blockd.errors import KernelError
from blockd.routes.events import News, Touched
from blockd.routes.listening import EVERYTHING, Listening

RULES = News(Touched.RULES)


def listened(scenario):
    async def run():
        return await scenario(Listening(None, asyncio.Event()))

    return asyncio.run(run())


def test_news_wake_at_once_and_are_told_together():
    async def scenario(listening):
        listening.again(RULES)
        listening.again(News(Touched.HOST))
        return await listening.next(60)

    assert listened(scenario) == News(Touched.RULES | Touched.HOST)


def test_a_scan_of_everything_comes_in_its_time_though_news_never_end():
    async def scenario(listening):
        began, told = time.monotonic(), News()
        while told == News() or told == RULES:
            listening.again(RULES)
            told = await listening.next(0.1)
        return told, time.monotonic() - began

    told, took = listened(scenario)
    assert told == RULES + EVERYTHING
    assert took < 5


def test_without_news_everything_is_scanned_after_the_period():
    assert listened(lambda listening: listening.next(0.01)).touched == EVERYTHING.touched


@pytest.mark.parametrize("postponed", [0, 0.01])
def test_what_was_put_off_is_due_before_the_next_scan(postponed):
    async def scenario(listening):
        return await listening.next(60, postponed)

    assert listened(scenario) == News(Touched.ELSEWHERE)


class Deaf:
    """Stands for a subscription whose notices were lost, which tests with a kernel see."""

    closed = 0

    def fileno(self):
        return self.ends[0].fileno()

    def __init__(self):
        import socket

        self.ends = socket.socketpair()

    def read(self):
        raise KernelError("the kernel's notices: notices were lost; all is scanned anew")

    def close(self):
        self.closed += 1
        for end in self.ends:
            end.close()


def test_lost_notices_end_the_subscription_and_have_everything_scanned():
    async def scenario(listening):
        deaf = Deaf()
        listening._plane = type("Plane", (), {"events": lambda _: deaf})()
        listening.start()
        assert not listening.lost
        deaf.ends[1].send(b"x")
        told = await listening.next(60)
        assert (listening.lost, deaf.closed) == (True, 1)
        return told

    assert listened(scenario) == EVERYTHING
