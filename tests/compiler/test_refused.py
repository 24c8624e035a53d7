"""What the status tells of a refusal: its cause and its beginning, until it is mended and after."""

from datetime import UTC, datetime, timedelta

import pytest

from blockd.compiler.refused import MOST_ISSUES, Refused
from blockd.errors import ChangeError, ListError, StoreError
from blockd.watchlist.model import Issue, Origin, Severity

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LATER, LAST = NOON + timedelta(hours=1), NOON + timedelta(hours=2)


def issues(count, severity):
    return [Issue(Origin("f.txt", n), severity, "m") for n in range(1, count + 1)]


def test_a_refusal_is_news_once_and_keeps_its_beginning():
    made = Refused()
    assert made.refuse(ListError("bad"), (), NOON)
    assert not made.refuse(ListError("bad"), (), LATER)
    assert made.refuse(ListError("worse"), (), LATER)
    assert (made.problem, made.status()["problem_since"]) == ("worse", NOON)


def test_what_was_mended_is_told_until_the_next_is():
    made = Refused()
    assert not made.accept((), 0, NOON)
    assert made.status()["last_refused"] is None
    made.refuse(ListError("bad"), (), NOON)
    assert made.accept((), 0, LATER)
    told = {"problem": "bad", "since": NOON, "until": LATER}
    for now in (LATER, LAST):
        assert (made.problem, made.status()["problem_since"]) == ("", None)
        assert made.status()["last_refused"] == told
        assert not made.accept((), 0, now)
    made.refuse(ListError("again"), (), LAST)
    assert made.status()["problem_since"] == LAST
    assert made.status()["last_refused"] == told


@pytest.mark.parametrize(
    "then",
    [
        lambda made: made.accept((), 0, LATER),
        lambda made: made.refuse(StoreError("full"), (), LATER),
    ],
)
def test_a_change_can_be_confirmed_while_it_is_what_is_refused(then):
    made = Refused()
    made.refuse(ChangeError("too many", digest="9e0a", beyond=["max_added"]), (), NOON)
    found = made.status()
    assert (found["refused_change"], found["refused_by"]) == ("9e0a", ["max_added"])
    then(made)
    found = made.status()
    assert (found["refused_change"], found["refused_by"]) == (None, [])


def test_of_many_issues_the_grave_ones_are_shown_and_all_are_counted():
    made = Refused()
    warnings, errors = issues(MOST_ISSUES, Severity.WARNING), issues(3, Severity.ERROR)
    made.refuse(ListError("bad"), [*warnings, *errors], NOON)
    found = made.status()
    assert found["issues"][:3] == [str(issue) for issue in errors]
    assert (len(found["issues"]), found["issue_count"]) == (MOST_ISSUES, MOST_ISSUES + 3)
    made.accept(warnings[:2], 40, LATER)
    found = made.status()
    assert (found["issues"], found["issue_count"]) == ([str(each) for each in warnings[:2]], 42)
