"""Records that several lines give one name: one answer, and what does not fit is told."""

import pytest

from blockd import names
from blockd.errors import RecordFormError
from blockd.watchlist.formats import answers
from blockd.watchlist.formats.answers import Answers
from blockd.watchlist.formats.feed import Feed
from blockd.watchlist.formats.found import Found
from blockd.watchlist.model import Scope
from tests.watchlist.formats.accounting import accounted, problems, written

A = names.parse("a.example")


def settled(*records, listed=False):
    """Return what becomes of lines that give one name a record each."""
    feed = Feed("x.conf", "x")
    gathered = Answers(feed)
    if listed:
        feed.line += 1
        feed.take(Found([(A, Scope.EXACT, feed.rule)]))
    for record in records:
        feed.line += 1
        feed.take(gathered.add(A, Scope.EXACT, record))
    gathered.settle()
    return feed.finished()


GOOD = [
    (["A 198.18.0.2", "A 198.18.0.1"], "=a.example address 198.18.0.1 198.18.0.2"),
    (["A 198.18.0.1", "TXT x"], "=a.example records A 198.18.0.1 TXT x"),
    (["CNAME b.example."], "=a.example records CNAME b.example."),
]


@pytest.mark.parametrize(("records", "wanted"), GOOD)
def test_records_of_one_name_are_one_entry_at_the_first_line(records, wanted):
    parsed = settled(*records)
    assert written(parsed) == [wanted]
    assert parsed.names[0].line == 1
    assert parsed.entries == len(records)
    assert accounted(parsed)


def test_a_record_that_stands_twice_is_said():
    parsed = settled("A 198.18.0.1", "A 198.18.0.1")
    assert problems(parsed) == [(2, "not taken: repeated line: the same as line 1")]
    assert accounted(parsed)


def test_a_cname_beside_others_is_an_error_of_the_first_line():
    parsed = settled("CNAME b.example.", "TXT x")
    ((line, message),) = problems(parsed)
    assert (line, "a CNAME stands alone" in message) == (1, True)
    assert parsed.names == []
    assert accounted(parsed)


def test_a_name_that_is_blocked_already_is_not_answered_as_well():
    parsed = settled("A 198.18.0.1", listed=True)
    assert written(parsed) == ["=a.example"]
    assert problems(parsed) == [(2, "a.example is answered by line 1 already")]
    assert accounted(parsed)


def test_records_are_kept_in_canonical_text():
    assert answers.canonical("TXT   x") == 'TXT "x"'
    with pytest.raises(RecordFormError, match="NONSENSE x"):
        answers.canonical("NONSENSE x")
