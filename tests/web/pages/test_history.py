"""The history: why each generation came, and what it changed."""

import pytest

from blockd.policy.record import Acceptance
from blockd.web.pages import history
from blockd.web.steps import Kind, Steps
from blockd.web.words import Words
from tests.hypertext.test_markup import read
from tests.web.standings import record

NOTHING = Kind(0, ())


def text(document):
    return read(document).text


def test_without_a_generation_it_says_what_to_do():
    assert "run `blockd compile`" in text(history.listed(Words("en"), [], None))


def test_the_current_generation_is_marked_and_reasons_are_words():
    records = [
        record(3, reason="rollback", rolled_back_to=1),
        record(2, accepted=Acceptance(digest="d", by="alice")),
        record(1, reason="expiry"),
    ]
    found = text(history.listed(Words("en"), records, 3))
    assert found.count("in force now") == 1
    for said in ("rollback to 1", "changed, accepted by alice", "expiry"):
        assert said in found
    assert "由 alice 确认" in text(history.listed(Words("zh"), records, 3))


@pytest.mark.parametrize(
    ("number", "steps", "said"),
    [
        (1, None, "everything in it was added"),
        (2, None, "not kept any more"),
        (2, Steps(NOTHING, NOTHING, NOTHING), "Nothing that is enforced differs"),
        (2, Steps(Kind(1, (("a.example", "p1"),)), NOTHING, NOTHING), "Added: 1"),
        (2, Steps(NOTHING, Kind(1, (("=a.example", "p1"),)), NOTHING), "Removed: 1"),
        (2, Steps(NOTHING, NOTHING, Kind(2000, (("b", "p"),) * 500)), "Changed: 2,000"),
    ],
)
def test_one_generation_shows_what_it_changed(number, steps, said):
    found = text(history.one(Words("en"), record(number), steps))
    assert said in found
    assert ("Only the first 500 are shown" in found) is ("2,000" in said)
