"""The sum of workers says what the resolver as a whole does."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd.resolver.counters import Counters
from blockd.resolver.statuses import added


def status(generation=7, sent=3, rtt_ms=2.0, **more):
    counters = Counters()
    counters["sinkholed"].n = sent
    counters.latency.add(0.004)
    return {
        "plane": "resolver",
        "ready": True,
        "generation": generation,
        "names": 100,
        "problem": "",
        "listen": ["127.0.0.1:5300", "[::1]:5300"],
        "upstreams": [
            {"address": "198.18.0.53:53", "sent": sent, "silent": False, "suspected": False,
             "rtt_ms": rtt_ms},
        ],
        "cache": {"answers": 5, "octets": 700},
        "latency": counters.latency.snapshot(),
        **counters.snapshot(),
        **more,
    }  # fmt: skip


def test_one_status_is_its_own_sum():
    assert added([status()]) == status()


def test_numbers_are_added_and_what_all_hold_is_not():
    total = added([status(sent=3, rtt_ms=2.0), status(sent=4, rtt_ms=4.0)])
    assert total["outcomes"]["sinkholed"] == 7
    assert total["cache"] == {"answers": 10, "octets": 1400}
    assert total["names"] == 100
    assert total["plane"] == "resolver"
    assert total["listen"] == status()["listen"]
    assert total["latency"]["bounds"] == status()["latency"]["bounds"]
    assert sum(total["latency"]["counts"]) == 2
    assert total["upstreams"] == [
        {"address": "198.18.0.53:53", "sent": 7, "silent": False, "suspected": False,
         "rtt_ms": 3.0}
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("generations", "least"), [([7, 7], 7), ([8, 7, 8], 7), ([None, 7], None), ([None], None)]
)
def test_the_generation_is_the_one_that_every_worker_has_reached(generations, least):
    assert added([status(generation) for generation in generations])["generation"] == least


@pytest.mark.parametrize("ready", [[True, True], [True, False], [False, False]])
def test_it_is_ready_when_every_worker_is(ready):
    assert added([status(ready=each) for each in ready])["ready"] is all(ready)


def test_one_worker_is_enough_for_a_problem_and_a_suspicion():
    suspicious = status(problem="p")
    suspicious["upstreams"][0]["suspected"] = True
    total = added([status(), suspicious, status(problem="q"), status(problem="p")])
    assert total["problem"] == "p; q"
    assert total["upstreams"][0]["suspected"] is True


def test_upstreams_are_merged_by_address_and_zone():
    inner = {"zone": "corp.example", "address": "198.18.0.53:53", "sent": 1}
    one = status(upstreams=[{"address": "198.18.0.53:53", "sent": 1}, inner])
    two = status(upstreams=[inner, {"address": "198.18.0.54:53", "sent": 2}])
    assert added([one, two])["upstreams"] == [
        {"address": "198.18.0.53:53", "sent": 1},
        {"zone": "corp.example", "address": "198.18.0.53:53", "sent": 2},
        {"address": "198.18.0.54:53", "sent": 2},
    ]


def test_what_only_some_have_seen_is_kept():
    total = added([status(platforms={"p001": 2}), status(platforms={"p001": 1, "p002": 5})])
    assert total["platforms"] == {"p001": 3, "p002": 5}
    assert added([status(), {"ready": False, "problem": "x"}])["names"] == 100


@given(st.lists(st.builds(status, sent=st.integers(0, 9)), min_size=1, max_size=4))
def test_adding_changes_none_of_the_parts_and_knows_no_order(statuses):
    before = copy.deepcopy(statuses)
    assert added(statuses) == added(statuses[::-1])
    assert statuses == before
