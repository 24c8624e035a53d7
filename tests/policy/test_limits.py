"""How far one change may go, in numbers and in words."""

from datetime import date

import pytest

from blockd.config import GuardSection, Share
from blockd.policy.limits import FEWEST, Moved, Scale, allowed, beyond
from blockd.watchlist.model import Rule

BLOCK = Rule(id="p", source="a.toml")
EXCEPT = Rule(id="allow", source="a.toml", allow=True)
SHADOW = Rule(id="s", source="a.toml", enforce=False)
TODAY = date(2026, 3, 2)
PAST = Rule(id="e", source="a.toml", expires=date(2026, 3, 1))
LAST_DAY = Rule(id="l", source="a.toml", expires=TODAY)
PAST_EXCEPT = Rule(id="x", source="a.toml", allow=True, expires=date(2026, 3, 1))


def both(rule):
    return (rule, rule)


@pytest.mark.parametrize(
    ("old", "new", "moved"),
    [
        (both(None), both(BLOCK), (1, 0)),
        (both(BLOCK), both(None), (0, 1)),
        (both(BLOCK), both(LAST_DAY), (0, 0)),
        (both(BLOCK), both(EXCEPT), (0, 1)),
        (both(EXCEPT), both(BLOCK), (1, 0)),
        (both(None), both(EXCEPT), (0, 1)),
        (both(EXCEPT), both(None), (1, 0)),
        (both(SHADOW), both(BLOCK), (1, 0)),
        (both(BLOCK), both(SHADOW), (0, 1)),
        (both(None), both(SHADOW), (0, 0)),
        (both(BLOCK), (BLOCK, None), (0, 1)),
        ((BLOCK, None), (None, BLOCK), (1, 1)),
        (both(PAST), both(None), (0, 0)),
        (both(PAST_EXCEPT), both(None), (0, 0)),
        (both(LAST_DAY), both(None), (0, 1)),
        ((PAST, BLOCK), both(None), (0, 1)),
        (both(PAST), both(EXCEPT), (0, 1)),
    ],
)
def test_an_entry_weighs_by_what_it_blocks_anew_and_what_it_lifts(old, new, moved):
    scale = Scale(TODAY)
    scale.add(old, new)
    assert (scale.blocked, scale.lifted) == moved


@pytest.mark.parametrize(
    ("limit", "before", "most"),
    [
        (Share(number=0), 1000, 0),
        (Share(number=5), 0, 5),
        (Share(percent=20), 1000, 200),
        (Share(percent=20), 1004, 200),
        (Share(percent=20), 3, FEWEST),
        (Share(percent=0), 1000, 0),
        (Share(percent=20), 0, None),
    ],
)
def test_a_share_is_rounded_down_but_allows_a_few_and_the_first_load(limit, before, most):
    assert allowed(limit, before) == most


def test_each_limit_is_named_with_how_far_it_is_passed():
    found = beyond(
        Moved(before=1000, blocked=501, lifted=200),
        Moved(before=400, blocked=200, lifted=101),
        GuardSection(),
    )
    added, removed = (excess.sentence for excess in found)
    assert added == (
        "blocks 501 more names, where 1,000 are in force, 50.1 %;"
        " [guard] max_added = 50% allows 500"
    )
    assert removed == (
        "lifts 101 prefixes of 400 that are in force, 25.2 %; [guard] max_removed = 20% allows 80"
    )


@pytest.mark.parametrize(
    ("before", "blocked", "share"),
    [
        (1_000_000, 11, "less than 0.01 %"),
        (1_000_000, 123, "0.0123 %"),
        (1000, 1000, "100 %"),
        (10_000, 99_949, "999 %"),
        (10_000, 99_960, "1,000 %"),
        (100, 1_000_000, "1,000,000 %"),
    ],
)
def test_a_share_of_any_size_is_a_plain_number(before, blocked, share):
    limits = GuardSection(max_added=Share(number=0))
    (excess,) = beyond(Moved(before=before, blocked=blocked), Moved(), limits)
    assert f"are in force, {share}; " in excess.sentence


def test_a_number_is_a_limit_of_the_first_names_too():
    moved = Moved(before=0, blocked=6)
    assert not beyond(moved, Moved(), GuardSection())
    (excess,) = beyond(moved, Moved(), GuardSection(max_added=Share(number=5)))
    assert excess.sentence == (
        "blocks 6 more names, where 0 are in force; [guard] max_added = 5 allows 5"
    )
