"""Counters start at zero, and know outcomes and platforms alone."""

import pytest

from blockd.resolver.counters import BOUNDS, Counters, Histogram


def test_every_outcome_starts_at_zero_and_is_shown():
    assert Counters().snapshot() == {
        "outcomes": dict.fromkeys(
            ["sinkholed", "local", "cached", "stale", "forwarded", "failed", "refused", "limited",
             "dropped", "malformed", "not_implemented"], 0,
        ),
        "platforms": {},
        "shadowed": {},
    }  # fmt: skip


def test_a_cell_stays_the_same_and_is_counted_where_it_is_held():
    counters = Counters()
    for cell in (counters["cached"], counters["cached"], counters.platform("b")):
        cell.n += 1
    counters.platform("a").n += 5
    counters.platform("b").n += 1
    shown = counters.snapshot()
    assert shown["outcomes"]["cached"] == 2
    assert list(shown["platforms"].items()) == [("a", 5), ("b", 2)]


def test_what_would_be_blocked_is_counted_apart():
    counters = Counters()
    counters.shadow("a").n += 1
    counters.shadow("a").n += 1
    shown = counters.snapshot()
    assert (shown["shadowed"], shown["platforms"]) == ({"a": 2}, {})


def test_an_unknown_outcome_is_a_mistake():
    with pytest.raises(KeyError):
        Counters()["blocked"]


def test_the_histogram_counts_each_time_once_at_its_bound():
    latency = Histogram()
    times = [0, 0.0005, 0.001, 0.0011, 0.3, 5.0, 5.1, 60]
    for seconds in times:
        latency.add(seconds)
    shown = latency.snapshot()
    assert shown["bounds"] == sorted(BOUNDS)
    assert dict(zip([*BOUNDS, "more"], shown["counts"], strict=True)) == {
        **dict.fromkeys(BOUNDS, 0), 0.001: 3, 0.002: 1, 0.5: 1, 5.0: 1, "more": 2,
    }  # fmt: skip
    assert shown["seconds"] == pytest.approx(sum(times))


def test_what_was_shown_does_not_change_later():
    counters = Counters()
    counters.platform("a").n += 1
    shown, times = counters.snapshot(), counters.latency.snapshot()
    counters.platform("a").n += 1
    counters.latency.add(1)
    assert shown["platforms"] == {"a": 1}
    assert sum(times["counts"]) == 0
