"""Counters start at zero, and know outcomes and platforms alone."""

import pytest

from blockd.resolver.counters import Counters


def test_every_outcome_starts_at_zero_and_is_shown():
    assert Counters().snapshot() == {
        "outcomes": dict.fromkeys(
            ["sinkholed", "cached", "forwarded", "failed", "refused", "dropped", "malformed",
             "not_implemented"], 0,
        ),
        "platforms": {},
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


def test_an_unknown_outcome_is_a_mistake():
    with pytest.raises(KeyError):
        Counters()["blocked"]
