"""The last hour's answers: differences of samples, over restarts and silence."""

from hypothesis import given
from hypothesis import strategies as st

from blockd.resolver.counters import Counters
from blockd.web.ring import GROUPS, KEPT, PERIOD, Ring


def blocked(ring, now, counts):
    return [column.groups["blocked"] for column in ring.columns(now, counts)]


def filled(*counts):
    ring = Ring()
    for number, count in enumerate(counts):
        ring.add(number * PERIOD, None if count is None else {"sinkholed": count})
    return ring


def test_every_outcome_of_the_resolver_belongs_to_one_group():
    grouped = [outcome for outcomes in GROUPS.values() for outcome in outcomes]
    assert sorted(grouped) == sorted(Counters().outcomes)


def test_an_hour_is_kept():
    assert PERIOD * KEPT == 3600
    ring = filled(*range(KEPT + 50))
    assert len(ring.columns(0, None)) == KEPT


def test_nothing_is_shown_before_the_first_sample():
    assert Ring().columns(0, {"sinkholed": 5}) == []


def test_columns_hold_what_came_in_between_and_since():
    assert blocked(filled(10, 12, 12), 61.0, {"sinkholed": 20}) == [2, 0, 8]


def test_after_a_restart_what_came_since_counts():
    assert blocked(filled(10, 4), 31.0, {"sinkholed": 5}) == [4, 1]


def test_a_silence_shows_nothing_and_loses_nothing():
    assert blocked(filled(10, None, None, 16), 91.0, None) == [0, 0, 6, 0]


def test_what_had_not_answered_yet_has_started_since():
    assert blocked(filled(None, 7), 31.0, {"sinkholed": 7}) == [7, 0]


@given(st.lists(st.none() | st.integers(0, 100), min_size=1, max_size=20))
def test_no_column_is_ever_below_zero(counts):
    columns = filled(*counts).columns(1e9, None)
    assert all(count >= 0 for column in columns for count in column.groups.values())
