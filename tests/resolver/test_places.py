"""Whatever prefixes take and leave, nobody holds more than was left, and the sums are right."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd.resolver.places import Places

SITES = [bytes((198, 18, number)) for number in range(6)]


@pytest.mark.parametrize(
    ("sites", "least", "most", "left"),
    [
        (1, 512, 512, 512), (2, 341, 342, 341), (10, 93, 94, 93), (100, 10, 11, 10),
        (1000, 1, 2, 1),
    ],
)  # fmt: skip
def test_however_many_hold_what_they_may_there_is_a_place_for_who_holds_none(
    sites, least, most, left
):
    places, held = Places(1024), Counter()
    flood = [number.to_bytes(3, "big") for number in range(sites)]
    while going := next((site for site in flood if places.open_to(site)), None):
        places.take(going)
        held[going] += 1
        flood.append(flood.pop(flood.index(going)))  # they take turns
    assert (min(held.values()), max(held.values()), places.left) == (least, most, left)
    assert places.open_to(b"other")


@given(st.integers(1, 20), st.lists(st.tuples(st.booleans(), st.sampled_from(SITES)), max_size=80))
def test_nobody_takes_more_than_is_left_and_all_comes_back(most, steps):
    places, held = Places(most), Counter()
    for take, site in steps:
        assert places.open_to(site) == (held[site] < most - held.total())
        if take and places.open_to(site):
            places.take(site)
            held[site] += 1
        elif held[site] and not take:
            places.leave(site)
            held[site] -= 1
        assert places.left == most - held.total() >= 0
    for site in list(held.elements()):
        places.leave(site)
    assert (places.left, places._held) == (most, {})
