"""What is learnt of an upstream from ordinary questions: speed, silence, and imitation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd.resolver.health import (
    BACK_OFF,
    LATE,
    LONGEST_BACK_OFF,
    LOST,
    ODD,
    REFUSING,
    SILENT,
    SUSPICION,
    Health,
)


def silent(now=0.0):
    health = Health()
    for _ in range(SILENT):
        health.timed_out(now)
    return health


def test_three_tries_in_a_row_without_a_reply_are_silence():
    health = Health()
    for events, expected in [("xx", False), (".x", False), ("x", False), ("x", True), (".", False)]:
        for event in events:
            if event == "x":
                health.timed_out(1.0)
            else:
                health.replied(0.01)
        assert health.silent == expected, events
    assert (health.answered, health.timeouts) == (2, 5)


def test_a_silent_upstream_is_probed_after_ever_longer_times():
    health = silent(100.0)
    now, gaps, last = 100.0, [], 100.0
    while len(gaps) < 8:
        now += 0.5
        if health.wants_probe(now):
            assert not health.wants_probe(now)
            gaps.append(now - last)
            last = now
            health.timed_out(now)
    assert gaps == [1, 2, 4, 8, 16, 30, 30, 30]
    assert (gaps[0], gaps[-1]) == (BACK_OFF, LONGEST_BACK_OFF)


def test_a_reply_ends_silence_and_the_back_off():
    health = silent()
    assert health.wants_probe(1.0)
    health.replied(0.01)
    assert not health.silent
    assert not health.wants_probe(99.0)
    for _ in range(SILENT):
        health.timed_out(200.0)
    assert not health.wants_probe(200.9)
    assert health.wants_probe(201.0)


def test_who_answers_is_never_probed():
    health = Health()
    assert not health.wants_probe(1000.0)
    health.timed_out(1.0)
    assert not health.wants_probe(1000.0)


@given(st.lists(st.floats(0.001, 5), min_size=1))
def test_the_smoothed_time_stays_within_what_was_seen(times):
    health = Health()
    for seconds in times:
        health.replied(seconds)
    assert min(times) * 0.999 <= health.rtt <= max(times) * 1.001


def test_the_first_time_counts_whole_and_later_ones_an_eighth():
    health = Health()
    for seconds, expected in [(0.8, 0.8), (0.0, 0.7), (1.5, 0.8)]:
        health.replied(seconds)
        assert health.rtt == pytest.approx(expected)


def test_what_was_waited_in_vain_counts_but_a_refusal_at_once_does_not():
    health = Health()
    health.replied(0.01)
    health.timed_out(1.0)
    assert health.rtt == 0.01
    health.timed_out(1.0, 0.81)
    assert health.rtt == pytest.approx(0.11)


def test_one_that_loses_every_third_question_is_slower_than_a_steady_one():
    lossy, steady = Health(), Health()
    for _ in range(30):
        for health, seconds in ((lossy, 0.001), (lossy, 0.001), (steady, 0.02), (steady, 0.02)):
            health.replied(seconds)
        lossy.timed_out(0, 0.7)
        steady.replied(0.02)
        assert lossy.rtt > steady.rtt


def test_what_was_before_a_silence_is_forgotten_with_it():
    health = Health()
    for _ in range(20):
        health.timed_out(1.0, 2.4)
    health.replied(0.01)
    assert health.rtt == 0.01


def burst(health, count, now):
    return [health.odd(now) for _ in range(count)]


def test_a_burst_of_odd_replies_begins_one_suspicion_for_some_seconds():
    health = Health()
    assert burst(health, ODD - 1, 5.0) == [False] * (ODD - 1)
    assert burst(health, 100, 5.5) == [True] + [False] * 99
    assert health.suspected_until == 5.5 + SUSPICION
    assert burst(health, ODD, 15.6).count(True) == 1


def test_few_odd_replies_a_second_begin_none():
    health = Health()
    for tick in range(1000):
        assert not health.odd(tick / 40)
    assert health.suspected_until == 0


def test_odd_replies_are_measured_against_those_that_count():
    for answered, begins in [(ODD * 4 - 1, True), (ODD * 4, False)]:
        health = Health()
        health.odd(5.0)
        for _ in range(answered):
            health.replied(0.01)
        assert any(burst(health, ODD - 1, 5.1)) == begins


def test_replies_that_were_given_up_may_still_come():
    health = Health()
    for tick in range(500):
        health.given_up(5.0 + tick / 100)
    assert not any(burst(health, 500, 13.0))
    assert burst(health, ODD, 13.0).count(True) == 1


def test_but_not_for_long():
    health = Health()
    for _ in range(20_000):
        health.given_up(5.0)
    assert burst(health, ODD, 5.1 + 2 * LATE).count(True) == 1


@pytest.mark.parametrize(("refused", "least"), [(False, LOST), (True, REFUSING)])
def test_who_is_silent_for_long_is_known_not_to_answer_until_it_replies(refused, least):
    health = Health()
    assert not health.lost(1000.0)
    for number in range(SILENT):
        if refused:
            health.refused(10.0, bytes((number,)))
        else:
            health.timed_out(10.7, 0.7, bytes((number,)))
    assert [health.lost(10.0 + least - 0.1), health.lost(10.1 + least)] == [False, True]
    health.replied(0.01)
    assert not health.lost(1000.0)
    health.timed_out(1000.0, 0.7)
    assert not health.lost(2000.0)


def test_one_question_alone_does_not_make_it_so():
    health = Health()
    for moment in range(20):
        health.timed_out(10.0 + moment, 0.7, b"one")
    assert (health.silent, health.lost(1000.0)) == (True, False)


def test_a_burst_of_refusals_is_no_more_than_a_restart():
    health = Health()
    for _ in range(100):
        health.refused(10.0)
    assert (health.silent, health.lost(10.1)) == (True, False)
