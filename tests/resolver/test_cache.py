"""Answers are kept for their time and never beyond the octets given."""

from hypothesis import given
from hypothesis import strategies as st

from blockd.resolver.cache import Cache, _cost
from blockd.resolver.reply import Answer


def answer(lifetime=60, size=100, ttls=1):
    return Answer(0, 0, bytes(6), bytes(size), ((0, lifetime),) * ttls, lifetime)


def test_an_answer_is_kept_until_its_last_second_is_over():
    cache = Cache(10_000)
    cache.put(b"a", answer(60), 100.5)
    for now, there in [(100.5, True), (160.4, True), (160.5, False)]:
        kept = cache.get(b"a", now)
        assert (kept is not None) == there
        assert not there or (kept.answer, kept.since) == (answer(60), 100.5)
    assert (len(cache), cache.octets) == (0, 0)


def test_what_has_no_lifetime_is_not_kept_and_replaces_what_was():
    cache = Cache(10_000)
    cache.put(b"a", answer(60), 0)
    cache.put(b"a", answer(0), 1)
    assert cache.get(b"a", 1) is None
    assert cache.octets == 0


def test_the_later_answer_counts():
    cache = Cache(10_000)
    cache.put(b"a", answer(60), 0)
    cache.put(b"a", answer(30, size=50), 10)
    assert cache.get(b"a", 39).answer == answer(30, size=50)
    assert cache.get(b"a", 40) is None


def test_the_oldest_makes_room():
    one = _cost(b"a", answer())
    cache = Cache(3 * one)
    for key in (b"a", b"b", b"c", b"a", b"d"):
        cache.put(key, answer(), 0)
    assert [key for key in (b"a", b"b", b"c", b"d") if cache.get(key, 0)] == [b"a", b"c", b"d"]


def test_nothing_makes_room_for_what_never_fits():
    cache = Cache(1000)
    cache.put(b"a", answer(), 0)
    cache.put(b"b", answer(size=1000), 0)
    assert cache.get(b"a", 0)
    assert Cache(0).get(b"a", 0) is None
    empty = Cache(0)
    empty.put(b"a", answer(), 0)
    assert len(empty) == 0


def test_clearing_forgets_everything():
    cache = Cache(10_000)
    cache.put(b"a", answer(), 0)
    cache.clear()
    assert (len(cache), cache.octets, cache.get(b"a", 0)) == (0, 0, None)


keys = st.sampled_from([b"a", b"bb", b"ccc", b"dddd"])
puts = st.tuples(keys, st.integers(0, 5), st.integers(0, 2000), st.integers(0, 9))


@given(st.integers(0, 6000), st.lists(puts | keys, max_size=40))
def test_octets_are_bounded_and_add_up(most, steps):
    cache = Cache(most)
    last = {}
    for now, step in enumerate(steps):
        if isinstance(step, bytes):
            kept = cache.get(step, now)
            if kept is not None:
                # What is found is the last that was put, and still in time.
                assert kept == last[step]
                assert now - kept.since < kept.answer.lifetime
        else:
            key, lifetime, size, ttls = step
            cache.put(key, answer(lifetime, size, ttls), now)
            last[key] = (answer(lifetime, size, ttls), now)
        assert cache.octets <= most
        assert cache.octets == sum(_cost(key, kept.answer) for key, kept in cache._kept.items())
