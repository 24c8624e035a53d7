"""Each question goes to the upstreams of its zone, and its answer is kept as any other."""

import asyncio
import contextlib

import pytest

from blockd import names
from blockd.config import ResolverSection
from blockd.resolver import wire
from blockd.resolver.counters import Histogram
from blockd.resolver.exchange import Waiter
from blockd.resolver.forward import Forwarder
from blockd.resolver.upstreams import CHANNELS
from tests.resolver.gateway import gateway
from tests.resolver.messages import query, records
from tests.resolver.stub import (
    answer,
    delayed,
    garbage,
    silent,
    until,
    upstream,
)
from tests.resolver.stub import (
    records as answering,
)

ZONES = ["corp.test", "deep.corp.test", "20.172.in-addr.arpa"]


def forwarding(scenario, behave=answer, zones=ZONES):
    """Run a scenario of a forwarder, what it keeps, and stubs: the default one, then the zones'."""

    async def run(stubs):
        kept = []
        forwarder = Forwarder(
            [stubs[0].upstream],
            {
                names.parse(zone): [stub.upstream]
                for zone, stub in zip(zones, stubs[1:], strict=True)
            },
            ResolverSection(),
            lambda query, answer, _now: kept.append((query, answer)),
            Histogram(),
        )
        with contextlib.closing(forwarder):
            await scenario(forwarder, kept, *stubs)

    with contextlib.ExitStack() as running:
        asyncio.run(run([running.enter_context(upstream(behave)) for _ in range(len(zones) + 1)]))


def ask(forwarder, name):
    future = asyncio.get_running_loop().create_future()
    asked = wire.parse_query(query(name))
    forwarder.forward(Waiter(asked, lambda _waiter, answer, _now: future.set_result(answer)))
    return asyncio.wait_for(future, 10)


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("www.example", 0),
        ("test", 0),
        ("xcorp.test", 0),
        ("corp.test.example", 0),
        (".", 0),
        ("corp.test", 1),
        ("WWW.Corp.TEST", 1),
        ("a.xdeep.corp.test", 1),
        ("deep.corp.test", 2),
        ("a.b.deep.corp.test", 2),
        ("4.3.20.172.in-addr.arpa", 3),
        ("4.3.21.172.in-addr.arpa", 0),
    ],
)
def test_the_nearest_zone_above_a_name_decides(name, place):
    async def scenario(forwarder, kept, *stubs):
        assert (await ask(forwarder, name)).rcode == wire.NOERROR
        assert [len(stub.udp) for stub in stubs] == [int(n == place) for n in range(4)]
        assert len(kept) == 1

    forwarding(scenario)


def test_without_zones_everything_goes_to_the_default_ones():
    async def scenario(forwarder, _, stub):
        await ask(forwarder, "corp.test")
        assert stub.names() == ["corp.test"]

    forwarding(scenario, zones=[])


def test_the_status_says_which_zone_an_upstream_is_for():
    async def scenario(forwarder, _, *stubs):
        await asyncio.gather(*[ask(forwarder, name) for name in ("www.example", "a.corp.test")])
        shown = forwarder.status()
        assert [each.get("zone") for each in shown] == [None, *ZONES]
        assert [each["address"] for each in shown] == [str(stub.upstream) for stub in stubs]
        assert [each["answered"] for each in shown] == [1, 1, 0, 0]

    forwarding(scenario)


def test_what_is_in_flight_and_what_answers_nothing_asked_is_counted_over_all_zones():
    async def scenario(forwarder, *_):
        asked = [ask(forwarder, name) for name in ("www.example", "a.corp.test", "b.corp.test")]
        tasks = [asyncio.ensure_future(each) for each in asked]
        await until(lambda: len(forwarder) == 3)
        await asyncio.gather(*tasks)
        assert len(forwarder) == 0
        assert forwarder.mismatched == 0

    forwarding(scenario, delayed(0.1))


def test_closing_closes_all():
    sockets = []

    async def scenario(forwarder, *_):
        for each in (forwarder.default, *forwarder.zones.values()):
            sockets.extend(sock for channels in each._sockets for sock in channels)

    forwarding(scenario, silent)
    assert len(sockets) == 4 * CHANNELS
    assert {sock.fileno() for sock in sockets} == {-1}


def test_what_comes_after_a_retirement_is_answered_and_not_kept():
    async def scenario(forwarder, *_):
        kept = []
        for each in (forwarder.default, *forwarder.zones.values()):
            each._keep = lambda *arguments: kept.append(arguments)
        asked = asyncio.ensure_future(ask(forwarder, "www.example"))
        await until(lambda: len(forwarder))
        forwarder.retire()
        assert (await asked).rcode == wire.NOERROR
        assert not kept

    forwarding(scenario, delayed(0.1))


def test_a_probe_asks_every_upstream_for_a_name_that_says_which_one_it_is():
    async def scenario(forwarder, _, *stubs):
        forwarder.probe(b"\4loop\7invalid")
        await until(lambda: all(stub.udp for stub in stubs))
        for stub in stubs:
            (name,) = stub.names()
            assert forwarder.looped(names.parse(name)) == str(stub.upstream)

    forwarding(scenario)


def test_a_gateway_asks_an_internal_server_for_internal_names_alone(policy):
    internal, public = answering("@ 60 A 10.0.0.1"), answering("@ 60 A 198.18.0.1")
    with upstream(public) as outer, upstream(internal) as inner, upstream(garbage) as broken:
        zones = {"corp.test": (inner.upstream,), "example.test": (broken.upstream, outer.upstream)}
        with gateway(policy, outer.upstream, zones=zones) as running:
            for tcp in (False, True):
                for name, address in [
                    ("www.corp.test", "10.0.0.1"), ("corp.test", "10.0.0.1"),
                    ("www.test", "198.18.0.1"), ("a.example.test", "198.18.0.1"),
                ]:  # fmt: skip
                    seen = running.ask(name, tcp=tcp)
                    assert records(seen.answer) == [f"{name}. A {address}"]
            # What is listed goes nowhere.
            assert running.ask("plain.example").rcode() == wire.NXDOMAIN
        assert sorted(inner.names()) == ["corp.test", "www.corp.test"]
        assert "www.corp.test" not in outer.names()
