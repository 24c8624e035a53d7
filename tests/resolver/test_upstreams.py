"""Real sockets to real upstreams that lose, cut, forge and fail; the client has its answer."""

import asyncio
import contextlib
import itertools
import socket
import time

import pytest

from blockd.config import Endpoint
from blockd.resolver import exchange, upstreams, wire
from blockd.resolver.exchange import Waiter
from blockd.resolver.upstreams import Upstreams
from tests.resolver import stub
from tests.resolver.messages import query, read
from tests.resolver.stub import (
    after,
    answer,
    delayed,
    dropping,
    failing,
    free_port,
    garbage,
    long_answer,
    silent,
    until,
    upstream,
    without_edns,
    wrong_id,
    wrong_question,
)

DEADLINE = 10


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    """Tries follow each other quickly, so that silence costs no test its time."""
    monkeypatch.setattr(exchange, "PATIENCE", (0.2, 0.2, 0.2))
    monkeypatch.setattr(upstreams, "TICK", 0.01)


class Asker:
    """Upstreams of a running loop, asked by queries."""

    def __init__(self, *endpoints):
        self.kept = []
        keep = lambda query, answer, now: self.kept.append((query, answer, now))  # noqa: E731
        self.upstreams = Upstreams(endpoints, keep)

    def start(self, packet):
        future = asyncio.get_running_loop().create_future()
        asked = wire.parse_query(packet)
        self.upstreams.forward(Waiter(asked, lambda _, answer: future.set_result(answer)))
        return future

    async def ask(self, packet):
        async with asyncio.timeout(DEADLINE):
            return await self.start(packet)


def asking(scenario, *behaviours):
    """Run a scenario of an asker and the stubs that it asks."""

    async def run(stubs):
        asker = Asker(*[each.endpoint for each in stubs])
        with contextlib.closing(asker.upstreams):
            return await scenario(asker, *stubs)

    with contextlib.ExitStack() as running:
        stubs = [running.enter_context(upstream(behave)) for behave in behaviours]
        return asyncio.run(run(stubs))


def shown(answer):
    return None if answer is None else (answer.rcode, int.from_bytes(answer.counts[:2], "big"))


ONE = (wire.NOERROR, 1)


@pytest.mark.parametrize(
    ("behaviours", "expected", "udp", "tcp"),
    [
        pytest.param([answer], ONE, [1], [0], id="answer"),
        pytest.param([dropping(1), silent], ONE, [2, 1], [0, 0], id="one lost, the other silent"),
        pytest.param([dropping(1)], ONE, [2], [0], id="one lost"),
        pytest.param([dropping(2)], ONE, [3], [0], id="two lost"),
        pytest.param([silent], None, [3], [0], id="silent"),
        pytest.param([silent, answer], ONE, [1, 1], [0, 0], id="silent, the other answers"),
        pytest.param([delayed(0.3)], ONE, [2], [0], id="late, for the first try"),
        pytest.param([long_answer], (wire.NOERROR, 200), [1], [1], id="cut, whole by TCP"),
        pytest.param([without_edns], ONE, [2], [0], id="no EDNS"),
        pytest.param([failing, answer], ONE, [1, 1], [0, 0], id="fails, the other answers"),
        pytest.param([failing, failing], (wire.SERVFAIL, 0), [1, 1], [0, 0], id="both fail"),
        pytest.param([failing], (wire.SERVFAIL, 0), [1], [0], id="fails alone"),
        pytest.param([garbage, answer], ONE, [1, 1], [0, 0], id="garbage, the other answers"),
        pytest.param([garbage], None, [3], [0], id="garbage alone"),
        pytest.param([wrong_id], None, [3], [0], id="wrong ID"),
        pytest.param([wrong_question], None, [3], [0], id="wrong question"),
        pytest.param([after(wrong_id)], ONE, [1], [0], id="forged ID first"),
        pytest.param([after(wrong_question)], ONE, [1], [0], id="forged question first"),
    ],
)
def test_what_a_client_gets(behaviours, expected, udp, tcp):
    async def scenario(asker, *stubs):
        assert shown(await asker.ask(query())) == expected
        assert len(asker.upstreams.exchanges) == 0
        return asker.kept, stubs

    kept, stubs = asking(scenario, *behaviours)
    assert [shown(answer) for _, answer, _ in kept] == ([expected] if expected else [])
    assert ([len(s.udp) for s in stubs], [len(s.tcp) for s in stubs]) == (udp, tcp)


def test_one_lost_datagram_costs_no_client_its_answer():
    names = [f"n{n}.example" for n in range(40)]

    def lossy(packet, way, lost=set()):  # noqa: B006 - what was lost already
        question = packet[12:]
        if question in lost:
            return answer(packet, way)
        lost.add(question)
        return []

    async def scenario(asker, one):
        answers = await asyncio.gather(*[asker.ask(query(name)) for name in names])
        assert {shown(each) for each in answers} == {ONE}
        assert sorted(one.names()) == sorted(names * 2)

    asking(scenario, lossy)


def test_equal_questions_are_asked_once_and_answered_all():
    async def scenario(asker, one):
        waiting = [asker.start(query(name)) for name in ["www.example", "WWW.Example"] * 20]
        answers = await asyncio.gather(*waiting)
        assert {shown(each) for each in answers} == {ONE}
        assert (len(one.udp), len(asker.kept)) == (1, 1)

    asking(scenario, delayed(0.05))


def test_source_ports_and_ids_are_not_to_be_foreseen():
    seen = []

    async def scenario(asker, _):
        await asyncio.gather(*[asker.ask(query(f"n{n}.example")) for n in range(200)])
        ports = [
            sock.getsockname()[1] for channels in asker.upstreams._sockets for sock in channels
        ]
        assert len(set(ports)) == upstreams.CHANNELS

    def noting(packet, way):
        seen.append(int.from_bytes(packet[:2], "big"))
        return answer(packet, way)

    asking(scenario, noting)
    steps = [after - before for before, after in itertools.pairwise(seen)]
    assert len(set(seen)) > 190
    assert len(set(steps)) > 190


def test_replies_from_elsewhere_are_not_taken():
    async def scenario(asker, _):
        waiting = asker.start(query())
        (ports,) = [[s.getsockname() for s in found] for found in asker.upstreams._sockets]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as forger:
            for address in ports:
                for number in range(64):
                    forger.sendto(number.to_bytes(2, "big") + bytes(40), address)
        assert shown(await waiting) == ONE
        assert asker.upstreams.exchanges.mismatched == 0

    asking(scenario, delayed(0.05))


def test_a_closed_port_is_an_upstream_that_is_silent():
    async def scenario(_, one):
        dead = Endpoint("127.0.0.1", free_port())
        asker = Asker(dead, one.endpoint)
        with contextlib.closing(asker.upstreams):
            for _ in range(5):
                assert shown(await asker.ask(query())) == ONE
            first, second = asker.upstreams.status()
        assert (first["address"], first["answered"]) == (str(dead), 0)
        assert first["timeouts"] == first["failures"] == exchange.SILENT
        assert second["answered"] == 5

    asking(scenario, answer)


def test_an_upstream_that_cannot_be_reached_is_passed_over():
    async def scenario(_, one):
        nowhere = Endpoint("255.255.255.255")  # the kernel connects no plain socket to it
        asker = Asker(nowhere, one.endpoint)
        with contextlib.closing(asker.upstreams):
            assert asker.upstreams._sockets[0] == [None] * upstreams.CHANNELS
            assert shown(await asker.ask(query())) == ONE

    asking(scenario, answer)


@pytest.mark.parametrize(
    "by_tcp",
    [
        pytest.param(lambda _: b"", id="says nothing"),
        pytest.param(lambda packet: packet[:5], id="stops early"),
        pytest.param(lambda packet: bytes([packet[0] ^ 1]) + packet[1:], id="wrong ID"),
    ],
)
def test_broken_tcp_is_one_try_of_three(by_tcp, monkeypatch):
    monkeypatch.setattr(upstreams, "TCP_PATIENCE", 0.1)

    def behave(packet, way):
        if way == "udp":
            return long_answer(packet, way)
        cut = by_tcp(long_answer(packet, way)[0][1])
        return [(0, cut)] if cut else []

    async def scenario(asker, _, other):
        assert shown(await asker.ask(query())) == ONE
        assert len(other.udp) == 1

    asking(scenario, behave, answer)


def test_what_is_kept_carries_the_time_at_which_it_came():
    async def scenario(asker, _):
        before = time.monotonic()
        await asker.ask(query("www.example", do=True))
        ((asked, answer_kept, now),) = asker.kept
        assert before <= now <= time.monotonic()
        assert asked.key == wire.parse_query(query("WWW.example", do=True)).key
        assert answer_kept.lifetime == stub.SECONDS

    asking(scenario, answer)


def test_nothing_wakes_up_when_nothing_is_in_flight():
    async def scenario(asker, _):
        await asker.ask(query())
        await until(lambda: asker.upstreams._timer is None)

    asking(scenario, answer)


def test_closing_leaves_no_socket_and_no_task():
    async def scenario(_, one):
        asker = Asker(one.endpoint)
        waiting = asker.start(query())
        await until(lambda: one.tcp)
        asker.upstreams.close()
        await until(lambda: not asker.upstreams._tasks)
        assert {sock.fileno() for found in asker.upstreams._sockets for sock in found} == {-1}
        assert not waiting.done()

    asking(scenario, lambda packet, way: [] if way == "tcp" else long_answer(packet, way))


def test_upstreams_see_what_the_client_meant_and_no_more():
    async def scenario(asker, one):
        packet = query("WwW.example", "AAAA", do=True, cd=1, options=[(10, b"12345678")])
        await asker.ask(packet)
        (sent,) = one.udp
        seen = read(sent)
        assert (seen.question[0].name.to_text(), seen.options) == ("WwW.example.", ())
        assert (seen.payload, seen.ednsflags) == (wire.OWN_UDP, wire.DO)
        assert seen.flags == wire.RD | wire.CD

    asking(scenario, failing)
