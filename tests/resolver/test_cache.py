"""Answers are kept for their time, given stale in bad times, and never beyond the octets given."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd.resolver.cache import Cache
from blockd.resolver.reply import Answer, failure
from tests.resolver.records import fields


def answer(lifetime=60, size=100, ttls=1, rcode=0):
    return Answer(rcode, 0, bytes(6), bytes(size), (0,) * ttls, lifetime)


def cost(made, key=b"a"):
    return Cache(1 << 20).put(key, made, 0).cost


def test_an_answer_is_kept_until_its_last_second_is_over():
    cache = Cache(10_000)
    cache.put(b"a", answer(60), 100.5)
    for now, there in [(100.5, True), (160.4, True), (160.5, False)]:
        kept = cache.get(b"a", now)
        assert (kept is not None) == there
        assert not there or (fields(kept.answer), kept.since) == (fields(answer(60)), 100.5)


@pytest.mark.parametrize("stale", [0, 1000])
def test_what_has_no_lifetime_is_not_kept_and_replaces_what_was(stale):
    cache = Cache(10_000, stale)
    cache.put(b"a", answer(60), 0)
    assert cache.put(b"a", answer(0), 1) is None
    assert (cache.get(b"a", 1), cache.stale(b"a", 100)) == (None, None)
    assert (len(cache), cache.octets) == (0, 0)


def test_the_later_answer_counts():
    cache = Cache(10_000)
    cache.put(b"a", answer(60), 0)
    cache.put(b"a", answer(30, size=50), 10)
    assert fields(cache.get(b"a", 39).answer) == fields(answer(30, size=50))
    assert cache.get(b"a", 40) is None


def test_the_oldest_makes_room():
    cache = Cache(3 * cost(answer()))
    for key in (b"a", b"b", b"c", b"a", b"d"):
        cache.put(key, answer(), 0)
    found = [key for key in (b"a", b"b", b"c", b"d") if cache.get(key, 0)]
    assert found in ([b"c", b"a", b"d"], [b"a", b"d"])  # it drops a little more than it must


def test_a_full_cache_stays_nearly_full():
    cache = Cache(1000 * cost(answer(), b"0000"))
    for number in range(5000):
        cache.put(b"%04d" % number, answer(), 0)
        assert min(number + 1, 980) <= len(cache) <= 1000
        assert cache.get(b"%04d" % number, 0)


def test_room_is_made_seldom_since_it_takes_long_to_find_the_oldest():
    cache = Cache(500 * cost(answer(), b"0000"))
    made = size = 0
    for number in range(5000):
        cache.put(b"%04d" % number, answer(), 0)
        made += len(cache) <= size
        size = len(cache)
    assert 0 < made < 5000 / 7


def test_nothing_makes_room_for_what_never_fits():
    cache = Cache(1000)
    cache.put(b"a", answer(), 0)
    assert cache.put(b"b", answer(size=1000), 0) is None
    assert cache.get(b"a", 0)
    empty = Cache(0)
    assert empty.put(b"a", answer(), 0) is None
    assert (len(empty), empty.get(b"a", 0)) == (0, None)


def test_what_barely_fits_is_kept_alone():
    cache = Cache(cost(answer(size=5000)))
    for key in (b"a", b"b", b"c"):
        cache.put(key, answer(), 0)
    assert cache.put(b"d", answer(size=5000), 0)
    assert cache.get(b"d", 0)
    assert len(cache) == 1


def test_what_was_to_be_replaced_and_is_not_may_be_fetched_again():
    cache = Cache(10_000)
    kept = cache.put(b"a", answer(), 0)
    kept.fetching = True
    cache.give_up(b"b")
    assert kept.fetching
    cache.give_up(b"a")
    assert (cache.get(b"a", 1), kept.fetching, kept.retry_at) == (kept, False, 0)


def test_clearing_forgets_everything():
    cache = Cache(10_000, 1000)
    cache.put(b"a", answer(), 0)
    cache.clear()
    assert (len(cache), cache.octets) == (0, 0)
    assert (cache.get(b"a", 0), cache.stale(b"a", 61)) == (None, None)


@pytest.mark.parametrize(
    ("now", "fresh", "stale"),
    [
        (0, True, False),
        (59, True, False),
        (60, False, True),
        (159, False, True),
        (160, False, False),
    ],
)
def test_an_answer_is_fresh_then_stale_then_gone(now, fresh, stale):
    cache = Cache(10_000, 100)
    cache.put(b"a", answer(60), 0)
    assert (cache.get(b"a", now) is not None, cache.stale(b"a", now) is not None) == (fresh, stale)
    assert len(cache) == (now < 160)


FAILURES = [failure(2, 5), answer(5, rcode=5), answer(5, rcode=1), answer(0, rcode=9)]


@pytest.mark.parametrize("failed", FAILURES)
@pytest.mark.parametrize(
    ("good", "stale", "now", "displaced"),
    [
        (answer(60), 100, 30, False),  # asked again early, in vain
        (answer(60), 100, 61, False),
        (answer(60, rcode=3), 100, 61, False),
        (answer(60), 100, 160, True),
        (answer(60), 0, 30, False),
        (answer(60), 0, 60, True),
    ],
)
def test_a_failure_never_takes_the_place_of_what_can_still_be_given(
    failed, good, stale, now, displaced
):
    cache = Cache(10_000, stale)
    first = cache.put(b"a", good, 0)
    first.fetching = True
    kept = cache.put(b"a", failed, now)
    assert first.fetching is False
    assert (kept is first) == (not displaced)
    found = cache.get(b"a", now) or cache.stale(b"a", now)
    assert (found.answer if found else None) == (
        good if not displaced else failed if failed.lifetime else None
    )


@pytest.mark.parametrize("later", [answer(60), answer(60, rcode=3)])
def test_an_answer_or_denial_takes_the_place_of_stale_data_and_of_failures(later):
    cache = Cache(10_000, 1000)
    for earlier in (answer(10), answer(10, rcode=3), *FAILURES):
        cache.put(b"a", earlier, 0)
        cache.put(b"a", later, 20)
        assert cache.get(b"a", 20).answer == later


@pytest.mark.parametrize("failed", FAILURES[:3])
def test_a_failure_is_kept_for_its_seconds_and_never_given_stale(failed):
    cache = Cache(10_000, 1000)
    cache.put(b"a", failed, 0)
    assert cache.get(b"a", 4.9).answer == failed
    assert (cache.get(b"a", 5), cache.stale(b"a", 5), len(cache)) == (None, None, 0)


keys = st.sampled_from([b"a", b"bb", b"ccc", b"dddd"])
rcodes = st.sampled_from([0, 0, 3, 2, 5])
puts = st.tuples(keys, st.integers(0, 5), st.integers(0, 2000), st.integers(0, 9), rcodes)


@given(st.integers(0, 6000), st.integers(0, 6), st.lists(puts | keys, max_size=40))
def test_octets_are_bounded_and_add_up(most, stale, steps):
    cache = Cache(most, stale)
    given_ = {}
    for now, step in enumerate(steps):
        if isinstance(step, bytes):
            kept = cache.get(step, now)
            old = cache.stale(step, now)
            assert kept is None or old is None
            if kept is not None:
                assert now - kept.since < kept.answer.lifetime
            if old is not None:
                assert not old.answer.failed
                assert 0 <= now - old.since - old.answer.lifetime < stale
            for found in filter(None, (kept, old)):
                assert (found.answer, found.since) in given_[step]
        else:
            key, *how = step
            made = answer(*how)
            cache.put(key, made, now)
            # Only what is no failure, and failures after it, can be there from now on.
            given_[key] = [*(given_.get(key, []) if made.failed else []), (made, now)]
        assert cache.octets <= most
        assert cache.octets == sum(cost(kept.answer, key) for key, kept in cache._kept.items())
        assert cache.octets == sum(kept.cost for kept in cache._kept.values())
        assert len(cache) == len(cache._kept)
