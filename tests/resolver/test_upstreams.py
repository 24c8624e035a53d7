"""Real sockets to real upstreams that lose, cut, forge and fail; the client has its answer."""

import asyncio
import contextlib
import itertools
import os
import resource
import socket
import time
from functools import partial

import dns.message
import pytest

from blockd import names
from blockd.config import Endpoint, ResolverSection, Upstream
from blockd.resolver import exchange, health, streams, upstreams, wire
from blockd.resolver.counters import Histogram
from blockd.resolver.exchange import Waiter
from blockd.resolver.upstreams import Upstreams
from blockd.terms import Strategy
from tests.ports import free_port
from tests.resolver import stub
from tests.resolver.messages import query, read
from tests.resolver.stub import (
    after,
    answer,
    delayed,
    dropping,
    elsewhere,
    endless,
    failing,
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

    def __init__(self, *upstreams, strategy="ordered", **more):
        self.kept = []
        keep = lambda query, answer, now: self.kept.append((query, answer, now))  # noqa: E731
        self.latency = Histogram()
        settings = ResolverSection(strategy=Strategy(strategy), **more)
        self.upstreams = Upstreams(upstreams, settings, keep, self.latency)

    def start(self, packet, **more):
        future = asyncio.get_running_loop().create_future()
        asked = wire.parse_query(packet)
        self.upstreams.forward(
            Waiter(asked, lambda _waiter, answer, _now: future.set_result(answer), **more)
        )
        return future

    async def ask(self, packet, **more):
        async with asyncio.timeout(DEADLINE):
            return await self.start(packet, **more)

    def ports(self):
        return [
            sock.getsockname()[1]
            for channels in self.upstreams._sockets
            for sock in channels
            if sock
        ]


def asking(scenario, *behaviours, **settings):
    """Run a scenario of an asker and the stubs that it asks."""

    async def run(stubs):
        asker = Asker(*[each.upstream for each in stubs], **settings)
        with contextlib.closing(asker.upstreams):
            return await scenario(asker, *stubs)

    with contextlib.ExitStack() as running:
        stubs = [running.enter_context(upstream(behave)) for behave in behaviours]
        return asyncio.run(run(stubs))


def shown(answer):
    return None if answer is None else (answer.rcode, int.from_bytes(answer.counts[:2], "big"))


ONE = (wire.NOERROR, 1)
NONE = (wire.SERVFAIL, 0)


def errors(answer):
    """Return the codes of an answer's extended errors."""
    found, at = [], 0
    while at < len(answer.options):
        found.append(int.from_bytes(answer.options[at + 4 : at + 6], "big"))
        at += 4 + int.from_bytes(answer.options[at + 2 : at + 4], "big")
    return found


@pytest.mark.parametrize(
    ("behaviours", "expected", "udp", "tcp"),
    [
        pytest.param([answer], ONE, [1], [0], id="answer"),
        pytest.param([dropping(1), silent], ONE, [2, 1], [0, 0], id="one lost, the other silent"),
        pytest.param([dropping(1)], ONE, [2], [0], id="one lost"),
        pytest.param([dropping(2)], ONE, [3], [0], id="two lost"),
        pytest.param([silent], NONE, [3], [0], id="silent"),
        pytest.param([silent, answer], ONE, [1, 1], [0, 0], id="silent, the other answers"),
        pytest.param([delayed(0.3)], ONE, [2], [0], id="late, for the first try"),
        pytest.param([long_answer], (wire.NOERROR, 200), [1], [1], id="cut, whole by TCP"),
        pytest.param([endless], (wire.SERVFAIL, 0), [1], [1], id="thousands of records"),
        pytest.param([endless, answer], ONE, [1, 1], [1, 0], id="the same, the other answers"),
        pytest.param([without_edns], ONE, [2], [0], id="no EDNS"),
        pytest.param([failing, answer], ONE, [1, 1], [0, 0], id="fails, the other answers"),
        pytest.param([failing, failing], (wire.SERVFAIL, 0), [1, 1], [0, 0], id="both fail"),
        pytest.param([failing], (wire.SERVFAIL, 0), [1], [0], id="fails alone"),
        pytest.param([garbage, answer], ONE, [1, 1], [0, 0], id="garbage, the other answers"),
        pytest.param([garbage], NONE, [3], [0], id="garbage alone"),
        pytest.param([wrong_id], NONE, [3], [0], id="wrong ID"),
        pytest.param([wrong_question], NONE, [3], [0], id="wrong question"),
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
    assert [shown(answer) for _, answer, _ in kept] == [expected]
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

    async def scenario(asker, one):
        for start in range(0, 200, 2):
            await asyncio.gather(*[asker.ask(query(f"n{start + n}.example")) for n in range(2)])
        assert len(set(asker.ports())) == upstreams.CHANNELS
        assert len(set(one.ports)) > upstreams.CHANNELS // 2

    def noting(packet, way):
        seen.append(int.from_bytes(packet[:2], "big"))
        return answer(packet, way)

    asking(scenario, noting)
    steps = [after - before for before, after in itertools.pairwise(seen)]
    assert len(set(seen)) > 190
    assert len(set(steps)) > 190


def test_source_ports_are_given_up_for_others_but_never_one_that_is_waited_at(monkeypatch):
    monkeypatch.setattr(upstreams, "RENEW", 1)
    monkeypatch.setattr(exchange, "PATIENCE", (DEADLINE,) * 3)

    async def scenario(asker, one):
        before = asker.ports()
        waiting = asker.start(query())
        await until(lambda: one.ports)
        (used,) = one.ports
        await until(lambda: len(set(before) & set(asker.ports())) == 1)
        assert used in asker.ports()
        assert len(set(asker.ports())) == upstreams.CHANNELS
        assert shown(await waiting) == ONE

    asking(scenario, delayed(0.8))


def test_replies_from_elsewhere_are_not_taken():
    async def scenario(asker, _):
        waiting = asker.start(query())
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as forger:
            for port in asker.ports():
                for number in range(64):
                    forger.sendto(number.to_bytes(2, "big") + bytes(40), ("127.0.0.1", port))
        assert shown(await waiting) == ONE
        assert asker.upstreams.exchanges.mismatched == 0

    asking(scenario, after(elsewhere(), delayed(0.05)))


def test_who_is_flooded_with_guesses_asks_by_tcp():
    def guessing(packet, way):
        if way == "tcp":
            return answer(packet, way)
        (_, right), *_ = answer(packet, way)
        return [(0, (packet[0] ^ n).to_bytes(1, "big") + right[1:]) for n in range(1, 100)]

    async def scenario(asker, one):
        assert shown(await asker.ask(query())) == ONE
        assert len(one.tcp) == 1
        assert asker.upstreams.exchanges.mismatched >= health.ODD
        assert asker.upstreams.status()[0]["suspected"]
        assert shown(await asker.ask(query("other.example"))) == ONE
        assert (len(one.udp), len(one.tcp)) == (1, 2)

    asking(scenario, guessing)


def dead():
    return Upstream(Endpoint("127.0.0.1", free_port()))


@pytest.mark.parametrize("strategy", Strategy)
def test_a_closed_port_costs_no_time_where_there_is_another_server(monkeypatch, strategy):
    monkeypatch.setattr(exchange, "PATIENCE", (DEADLINE,) * 3)

    async def scenario(_, one):
        asker = Asker(dead(), one.upstream, strategy=strategy)
        with contextlib.closing(asker.upstreams):
            for number in range(20):
                assert shown(await asker.ask(query(f"n{number}.example"))) == ONE
            first, second = asker.upstreams.status()
        assert (first["answered"], first["silent"]) == (0, True)
        assert second["answered"] == 20
        assert asker.latency.total < 1

    asking(scenario, answer)


def test_when_nobody_can_be_reached_the_client_is_told_so():
    async def scenario():
        asker = Asker(dead(), dead())
        with contextlib.closing(asker.upstreams):
            failed = await asker.ask(query())
        assert (shown(failed), errors(failed), failed.lifetime) == (NONE, [23], 5)

    asyncio.run(scenario())


def impatient_of_the_lost(monkeypatch):
    monkeypatch.setattr(health, "LOST", 0.5)
    monkeypatch.setattr(health, "REFUSING", 0.3)
    monkeypatch.setattr(exchange, "RESIGNED", 0.1)


async def outage(asker):
    asked = [asker.ask(query(name)) for name in ("first.example", "second.example")]
    assert [shown(answer) for answer in await asyncio.gather(*asked)] == [NONE, NONE]
    await until(lambda: len(asker.upstreams.exchanges) == 0)


@pytest.mark.parametrize(("refuses", "code"), [(False, 22), (True, 23)])
def test_an_only_upstream_that_is_known_not_to_answer_costs_no_client_its_time(
    monkeypatch, refuses, code
):
    impatient_of_the_lost(monkeypatch)

    async def scenario(_, one):
        asker = Asker(dead() if refuses else one.upstream)
        with contextlib.closing(asker.upstreams):
            await outage(asker)
            monkeypatch.setattr(exchange, "PATIENCE", (DEADLINE,) * 3)
            await asyncio.sleep(0.1)
            for number in range(5):
                failed = await asker.ask(query(f"n{number}.example"))  # long before its deadline
                assert (shown(failed), errors(failed), failed.lifetime) == (NONE, [code], 0)
            assert len(asker.upstreams.exchanges) == 5  # they go on, as probes
            assert asker.latency.total < 3

    asking(scenario, silent)


def test_an_only_upstream_that_is_back_is_taken_at_its_first_word(monkeypatch):
    impatient_of_the_lost(monkeypatch)

    async def scenario(asker, one):
        await outage(asker)
        monkeypatch.setattr(exchange, "RESIGNED", DEADLINE)
        one.behave = dropping(1)  # and the first datagram is lost
        assert shown(await asker.ask(query("a.example"))) == ONE
        assert not asker.upstreams.status()[0]["silent"]

    asking(scenario, silent)


def test_what_is_answered_after_its_clients_were_told_is_kept(monkeypatch):
    impatient_of_the_lost(monkeypatch)

    async def scenario(asker, one):
        await outage(asker)
        one.behave = delayed(0.15)
        assert shown(await asker.ask(query("a.example"))) == NONE
        await until(lambda: len(asker.upstreams.exchanges) == 0)
        assert [shown(kept) for _, kept, _ in asker.kept] == [NONE, NONE, NONE, ONE]

    asking(scenario, silent)


def test_an_upstream_that_there_is_no_route_to_is_passed_over():
    async def scenario(_, one):
        nowhere = Upstream(Endpoint("255.255.255.255"))  # a plain socket cannot be connected to it
        asker = Asker(nowhere, one.upstream)
        with contextlib.closing(asker.upstreams):
            assert asker.upstreams._sockets[0] == [None] * upstreams.CHANNELS
            assert shown(await asker.ask(query())) == ONE

    asking(scenario, answer)


def test_where_no_descriptor_is_left_a_later_question_opens_the_socket():
    async def scenario(_, one):
        free = os.dup(0)
        os.close(free)
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (free, before[1]))
        try:
            asker = Asker(one.upstream)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
        with contextlib.closing(asker.upstreams):
            assert asker.upstreams._sockets[0] == [None] * upstreams.CHANNELS
            assert shown(await asker.ask(query())) == ONE

    asking(scenario, answer)


def test_a_mistake_with_one_answer_costs_no_later_question_its_next_try():
    async def scenario(asker, _):
        loop = asyncio.get_running_loop()
        mistakes = []
        loop.set_exception_handler(lambda _loop, context: mistakes.append(context["exception"]))
        wrong = asker.start(query("a.example"))
        wrong.cancel()  # so that its result cannot be set
        await until(lambda: mistakes)
        assert shown(await asker.ask(query("b.example"))) == NONE

    asking(scenario, silent)


def shares(strategy, *behaviours, count=200, warm=20):
    """Return how many questions each upstream is asked, once some were answered."""

    async def scenario(asker, *stubs):
        for number in range(warm):
            assert shown(await asker.ask(query(f"warm{number}.example"))) == ONE
        before = [len(each.udp) for each in stubs]
        for number in range(count):
            assert shown(await asker.ask(query(f"n{number}.example"))) == ONE
        return [len(each.udp) - was for each, was in zip(stubs, before, strict=True)]

    return asking(scenario, *behaviours, strategy=strategy)


def test_ordered_asks_the_first_one_while_it_answers():
    assert shares("ordered", delayed(0.002), answer, count=50) == [50, 0]
    first, second = shares("ordered", silent, answer, count=50)
    assert (first < 25, second) == (True, 50)


def test_fastest_asks_mostly_the_fastest_and_the_others_now_and_then(monkeypatch):
    monkeypatch.setattr(health, "EXPLORE_BITS", 4)
    slow, fast = shares("fastest", delayed(0.01), answer)
    assert slow + fast == 200
    assert 0 < slow < 60
    first, second = shares("fastest", answer, silent, count=50)
    assert (first, second < 25) == (50, True)


def test_parallel_asks_all_and_takes_the_first_answer():
    async def scenario(asker, *_):
        begin = time.monotonic()
        for number in range(100):
            assert shown(await asker.ask(query(f"n{number}.example"))) == ONE
        assert time.monotonic() - begin < 5
        await until(lambda: all(each["sent"] == 100 for each in asker.upstreams.status()))
        # The later replies are no forgeries.
        assert not any(each["suspected"] for each in asker.upstreams.status())

    asking(scenario, delayed(0.02), answer, delayed(0.04), strategy="parallel")


def test_a_silent_upstream_that_is_back_is_found_out_although_it_is_the_slower_one(monkeypatch):
    monkeypatch.setattr(health, "BACK_OFF", 0.05)

    async def scenario(asker, first, _):
        first.behave = silent
        for number in range(5):
            assert shown(await asker.ask(query(f"n{number}.example"))) == ONE
        assert asker.upstreams.status()[0]["silent"]
        first.behave = delayed(0.02)
        async with asyncio.timeout(DEADLINE):
            while asker.upstreams.status()[0]["silent"]:
                assert shown(await asker.ask(query(f"n{time.monotonic()}.example"))) == ONE
                await asyncio.sleep(0.02)

    asking(scenario, delayed(0.02), answer)


def test_who_has_something_stale_to_give_is_told_when_it_takes_long(monkeypatch):
    monkeypatch.setattr(exchange, "EARLY", 0.1)
    monkeypatch.setattr(exchange, "PATIENCE", (DEADLINE,) * 3)

    async def scenario(asker, one):
        begin = time.monotonic()
        patient = asker.start(query())
        assert await asker.ask(query(), hasty=True) is None
        assert time.monotonic() - begin >= 0.1
        assert shown(await patient) == ONE  # who has nothing waits on
        assert [shown(kept) for _, kept, _ in asker.kept] == [ONE]
        assert len(one.udp) == 1

    asking(scenario, delayed(0.7))


@pytest.mark.parametrize(
    "by_tcp",
    [
        pytest.param(lambda _: b"", id="says nothing"),
        pytest.param(lambda packet: packet[:5], id="stops early"),
        pytest.param(lambda packet: bytes([packet[0] ^ 1]) + packet[1:], id="wrong ID"),
        pytest.param(lambda packet: packet[:12] + b"\1x" + packet[14:], id="wrong question"),
    ],
)
def test_broken_tcp_is_one_try_of_three(by_tcp, monkeypatch):
    patience = streams.Patience(reply=0.1)
    monkeypatch.setattr(upstreams, "Stream", partial(streams.Stream, patience=patience))

    def behave(packet, way):
        if way == "udp":
            return long_answer(packet, way)
        cut = by_tcp(long_answer(packet, way)[0][1])
        return [(0, cut)] if cut else []

    async def scenario(asker, _, other):
        assert shown(await asker.ask(query())) == ONE
        assert len(other.udp) == 1

    asking(scenario, behave, answer)


def test_an_upstream_that_takes_tcp_alone_is_asked_by_tcp():
    async def scenario(_, one):
        asker = Asker(Upstream(one.endpoint, "tcp"))
        with contextlib.closing(asker.upstreams):
            for number in range(3):
                assert shown(await asker.ask(query(f"n{number}.example"))) == ONE
            assert not asker.ports()
        assert (len(one.udp), len(one.tcp)) == (0, 3)

    asking(scenario, answer)


def lost_or_answered(packet, way):
    return [] if b"\4lost" in packet else answer(packet, way)


@pytest.mark.parametrize("first", [bytes((198, 18, 1, 1)), b""])
def test_who_joins_what_a_flood_asked_first_is_answered_as_if_it_had_asked_alone(
    first, monkeypatch
):
    patience = streams.Patience(in_flight=16)
    monkeypatch.setattr(upstreams, "Stream", partial(streams.Stream, patience=patience))

    async def scenario(_, one):
        asker = Asker(Upstream(one.endpoint, "tcp"))
        with contextlib.closing(asker.upstreams):
            for number in range(100):
                asker.start(query(f"n{number}.lost.example"), client=first)
            await until(lambda: len(one.tcp) == 16)
            waiting = asker.start(query(), client=first)
            await asyncio.sleep(0.02)
            assert not waiting.done()
            answer = await asker.ask(query(), client=bytes((198, 18, 2, 1)))
            assert [shown(answer), shown(await waiting)] == [ONE, ONE]
            assert (names_of(asker.kept), len(one.tcp)) == ([("www.example", ONE)], 17)

    asking(scenario, lost_or_answered)


def test_of_a_question_that_never_left_by_stream_nothing_is_kept(monkeypatch):
    patience = streams.Patience(in_flight=2)
    monkeypatch.setattr(upstreams, "Stream", partial(streams.Stream, patience=patience))
    for module in (exchange, upstreams):
        monkeypatch.setattr(module, "DEADLINE", 0.3)

    async def scenario(_, one):
        asker = Asker(Upstream(one.endpoint, "tcp"))
        client = bytes((198, 18, 1, 1))
        with contextlib.closing(asker.upstreams):
            for number in range(2):
                asker.start(query(f"n{number}.lost.example"), client=client)
            assert shown(await asker.ask(query(), client=client)) == NONE
            await until(lambda: len(asker.kept) == 3)
            kept = dict(names_of(asker.kept))
            assert kept == {
                "n0.lost.example": NONE, "n1.lost.example": NONE, "www.example": None,
            }  # fmt: skip
            assert len(one.tcp) == 2

    asking(scenario, lost_or_answered)


def test_what_is_kept_carries_the_time_at_which_it_came_and_how_long_it_took():
    async def scenario(asker, _):
        before = time.monotonic()
        await asker.ask(query("www.example", do=True))
        ((asked, answer_kept, now),) = asker.kept
        assert before + 0.05 <= now <= time.monotonic()
        assert asked.key == wire.parse_query(query("WWW.example", do=True)).key
        assert answer_kept.lifetime == stub.SECONDS
        assert sum(asker.latency.counts) == 1
        assert 0.05 <= asker.latency.total < 5

    asking(scenario, delayed(0.05))


def names_of(kept):
    """Return the names whose questions ended, each with what is to be kept of it."""
    return [(names.to_text(asked.name), answer and shown(answer)) for asked, answer, _ in kept]


def test_of_a_question_that_found_or_made_no_room_nothing_is_kept(monkeypatch):
    monkeypatch.setattr(exchange, "MOST_IN_FLIGHT", 2)
    monkeypatch.setattr(exchange, "CROWDED", 2)

    async def scenario(asker, _):
        made_room = asker.start(query("first.example"))  # of nobody: that goes first
        stays = asker.start(query("second.example"), client=bytes((198, 18, 1, 1)))
        comes = asker.start(query("third.example"), client=bytes((198, 18, 2, 1)))
        assert shown(await made_room) == NONE
        refused = asker.start(query("fourth.example"), client=bytes((198, 18, 2, 1)))
        assert (shown(await refused), sum(asker.latency.counts)) == (NONE, 1)
        assert names_of(asker.kept) == [("first.example", None), ("fourth.example", None)]
        assert [shown(answer) for answer in await asyncio.gather(stays, comes)] == [ONE, ONE]
        assert [answer for _, answer in names_of(asker.kept)[2:]] == [ONE, ONE]
        assert sum(asker.latency.counts) == 3  # who was refused was never on its way

    asking(scenario, delayed(0.1))


def test_one_waiter_too_many_is_no_end_of_the_question(monkeypatch):
    monkeypatch.setattr(exchange, "MOST_WAITERS", 2)

    async def scenario(asker, one):
        waiting = [asker.start(query()) for _ in range(3)]
        assert shown(await waiting[2]) == NONE
        assert (names_of(asker.kept), sum(asker.latency.counts)) == ([("www.example", None)], 0)
        assert [shown(answer) for answer in await asyncio.gather(*waiting[:2])] == [ONE, ONE]
        assert names_of(asker.kept)[1:] == [("www.example", ONE)]
        assert (sum(asker.latency.counts), len(one.udp)) == (1, 1)

    asking(scenario, delayed(0.1))


def test_nothing_wakes_up_when_nothing_is_in_flight():
    async def scenario(asker, _):
        await asker.ask(query())
        await until(lambda: asker.upstreams._timer is None)

    asking(scenario, answer)


def test_closing_leaves_no_socket_and_calls_nobody():
    async def scenario(_, one):
        asker = Asker(one.upstream)
        waiting = asker.start(query())
        await until(lambda: one.tcp)
        asker.upstreams.close()
        assert {sock.fileno() for found in asker.upstreams._sockets for sock in found} == {-1}
        await asyncio.sleep(0.05)
        assert not waiting.done()

    asking(scenario, lambda packet, way: [] if way == "tcp" else long_answer(packet, way))


@pytest.mark.parametrize("subnet", [False, True])
def test_upstreams_see_what_the_client_meant_and_no_more(subnet):
    own = [
        (10, b"12345678" + bytes(16)),
        (8, b"\0\1\x18\0\xc6\x12\0"),
        (12, bytes(9)),
        (65001, b"x"),
    ]

    async def scenario(asker, one):
        packet = query("WwW.example", "AAAA", do=True, cd=1, ad=1, options=own)
        await asker.ask(packet)
        (sent,) = one.udp
        seen = read(sent)
        assert seen.question[0].name.to_text() == "WwW.example."
        assert [(o.otype, o.to_wire()) for o in seen.options] == own[1:2] * subnet
        assert (seen.payload, seen.ednsflags) == (wire.OWN_UDP, wire.DO)
        assert seen.flags == wire.RD | wire.CD | wire.AD

    asking(scenario, failing, client_subnet=subnet)


def folding(packet, way):
    """Answer, with the question in lower case."""
    return [
        (wait, sent[:12] + packet[12:-11].lower() + sent[len(packet) - 11 :])
        for wait, sent in answer(packet, way)
    ]


def test_random_case_is_sent_and_demanded():
    name = f"{'a' * 30}.{'b' * 30}.example"

    def lowering(packet, way):
        return folding(packet, way) if way == "udp" else []

    async def scenario(asker, one, other):
        assert shown(await asker.ask(query(name))) == ONE
        assert str(dns.message.from_wire(one.udp[0]).question[0].name) not in (f"{name}.", name)
        assert (len(one.tcp), len(other.udp)) == (1, 1)
        assert asker.upstreams.exchanges.mismatched == 1

    asking(scenario, lowering, answer, case_randomization=True)


@pytest.mark.parametrize("scheme", ["udp", "tcp"])
def test_an_only_upstream_that_folds_case_answers_by_tcp(scheme):
    async def scenario(_, one):
        asker = Asker(Upstream(one.endpoint, scheme), case_randomization=True)
        with contextlib.closing(asker.upstreams):
            for number in range(3):
                assert shown(await asker.ask(query(f"{'a' * 30}{number}.example"))) == ONE
            assert len(one.tcp) == 3
            assert asker.latency.total < 2  # no time-out was waited for
            asked = [asker.ask(query(f"{'a' * 30}{number}.test")) for number in range(200)]
            assert {shown(each) for each in await asyncio.gather(*asked)} == {ONE}
            assert len(one.tcp) == 203
            (status,) = asker.upstreams.status()
            assert (status["timeouts"], status["suspected"]) == (0, scheme == "udp")

    asking(scenario, folding)


def test_many_questions_leave_and_come_back_in_batches():
    async def scenario(asker, one):
        names = [f"n{number}.example" for number in range(500)]
        answers = await asyncio.gather(*[asker.ask(query(name)) for name in names])
        assert {shown(each) for each in answers} == {ONE}
        assert len(asker.kept) == 500
        assert len(asker.upstreams.exchanges) == 0
        assert set(one.names()) == set(names)

    asking(scenario, answer)


def test_replies_that_come_all_at_once_after_a_pause_find_room():
    async def scenario(asker, _one):
        started = [asker.start(query(f"n{number}.example")) for number in range(500)]
        await asyncio.sleep(0)  # the rest leaves
        awaited = [len(ids) for ids in asker.upstreams.exchanges.channels.pending[0] if ids]
        assert sum(awaited) == 500
        assert len(awaited) > 1  # no socket has to hold all replies
        time.sleep(0.15)  # noqa: ASYNC251 - the process is away, and its upstream is not
        async with asyncio.timeout(DEADLINE):
            answers = await asyncio.gather(*started)
        assert {shown(each) for each in answers} == {ONE}
        (status,) = asker.upstreams.status()
        assert (status["sent"], status["timeouts"]) == (500, 0)

    asking(scenario, answer)
