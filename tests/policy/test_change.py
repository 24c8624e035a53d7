"""A change within the limits passes; one beyond them needs the word for exactly this change."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd import prefixes
from blockd.config import GuardSection, Share
from blockd.errors import ChangeError
from blockd.policy.change import confirmed, objection
from blockd.policy.difference import DIGITS, Difference, Entries
from blockd.policy.limits import Moved
from blockd.policy.record import Acceptance
from blockd.watchlist.model import Rule

TODAY = date(2026, 3, 2)
RULE = Rule(id="p", source="a.toml")


def change(blocked=0, lifted=0, prefix="198.18.1.0/28"):
    moved = Moved(before=100, blocked=blocked, lifted=lifted)
    return Difference(added=Entries([(prefixes.parse(prefix), (RULE, RULE))]), names=moved)


def word(digest):
    return Acceptance(digest=digest, by="alice")


WIDE = change(blocked=60, lifted=30)
NARROW = change(blocked=50, lifted=20)
LIMITS = GuardSection()


def test_an_objection_says_every_limit_that_is_passed_and_how_to_confirm():
    error = objection(WIDE, LIMITS, TODAY)
    digest = WIDE.digest(TODAY)
    blocks, lifts = error.beyond
    assert str(error) == (
        f"the change {blocks}; it {lifts}; nothing was changed. `blockd diff` shows it; if it is"
        f" meant, `blockd compile --accept {digest}` confirms exactly this change"
    )
    assert (error.digest, len(digest)) == (digest, DIGITS)


@pytest.mark.parametrize("spell", [str.lower, str.upper])
def test_the_word_for_this_change_is_recorded_with_what_it_passes(spell):
    accepted = confirmed(WIDE, LIMITS, TODAY, word(spell(WIDE.digest(TODAY))))
    assert (accepted.by, accepted.digest) == ("alice", WIDE.digest(TODAY))
    assert accepted.beyond == objection(WIDE, LIMITS, TODAY).beyond


def test_a_word_that_was_not_needed_is_recorded_as_beyond_nothing():
    assert objection(NARROW, LIMITS, TODAY) is None
    assert confirmed(NARROW, LIMITS, TODAY, None) is None
    assert confirmed(NARROW, LIMITS, TODAY, word(NARROW.digest(TODAY))).beyond == ()


@pytest.mark.parametrize(("difference", "why"), [(WIDE, ": it blocks 60 more"), (NARROW, ";")])
@pytest.mark.parametrize("digest", ["", "0" * DIGITS, change(prefix="198.18.2.0/28").digest(TODAY)])
def test_a_word_for_another_change_confirms_not_even_one_within_the_limits(difference, why, digest):
    with pytest.raises(ChangeError) as refused:
        confirmed(difference, LIMITS, TODAY, word(digest))
    said = difference.digest(TODAY)
    assert f"{digest!r} is not the change that the lists make now, which is {said}{why}" in str(
        refused.value
    )
    assert refused.value.digest == said
    assert bool(refused.value.beyond) is (difference is WIDE)


@given(st.integers(0, 200), st.integers(0, 200), st.integers(0, 200), st.integers(0, 200))
def test_without_a_word_a_change_passes_exactly_where_nothing_is_objected(
    blocked, lifted, added, removed
):
    limits = GuardSection(max_added=Share(number=added), max_removed=Share(number=removed))
    difference = change(blocked, lifted)
    objected = objection(difference, limits, TODAY)
    assert (objected is None) is (blocked <= added and lifted <= removed)
    if objected is None:
        assert confirmed(difference, limits, TODAY, None) is None
        return
    assert len(objected.beyond) == (blocked > added) + (lifted > removed)
    with pytest.raises(ChangeError) as refused:
        confirmed(difference, limits, TODAY, None)
    assert str(refused.value) == str(objected)
