"""Which sources are refused as a whole, and how that is said."""

import pytest

from blockd.config import GuardSection, Share, Terms
from blockd.errors import ListError
from blockd.terms import Required
from blockd.watchlist.formats import parse
from blockd.watchlist.guard import inspect
from blockd.watchlist.model import MOST_ISSUES
from blockd.watchlist.override import agreed
from blockd.watchlist.refusal import Blame, judge
from tests.watchlist.lists import native

LIMITS = GuardSection()


@pytest.mark.parametrize(
    "case",
    [
        (99, 1, Share(percent=1), False),
        (98, 1, Share(percent=1), True),
        (198, 2, Share(percent=1), False),
        (10, 1, Share(number=1), False),
        (10, 2, Share(number=1), True),
        (10, 1, Share(number=0), True),
        (0, 1, Share(percent=100), True),
    ],
)
@pytest.mark.parametrize("line", [b"bad%d..example\n", b"toplevel%dx\n"])
def test_the_budget_of_a_feed(case, line, suffixes):
    good, bad, budget, refused = case
    content = b"".join(b"a%d.example\n" % n for n in range(good))
    content += b"".join(line % n for n in range(bad))
    limits = GuardSection(budget=budget)
    parsed = parse(content, "f.txt")
    refusal = judge(inspect(parsed, limits, suffixes), limits)
    assert (refusal is not None) == refused
    if refusal:
        assert refusal.blame is Blame.LIST
        assert isinstance(refusal.error(), ListError)


def test_objections_are_counted_without_end_and_kept_up_to_a_bound(suffixes):
    bad, good = 3 * MOST_ISSUES, 5 * MOST_ISSUES
    content = b"".join(b"toplevel%dx\n" % n for n in range(bad))
    content += b"".join(b"a%d.example\n" % n for n in range(good))
    inspected = inspect(parse(content, "f.txt"), LIMITS, suffixes)
    assert (inspected.entries, inspected.faults, inspected.bad) == (good, bad, bad)
    assert len(inspected.issues) == MOST_ISSUES
    refusal = judge(inspected, LIMITS)
    assert refusal.message.startswith("refused: 3000 of 8000 entries are bad, the first at line 1:")
    assert refusal.brief.startswith("refused: 3000 of 8000 entries are bad; a budget of 1%")


def test_errors_of_a_native_file_are_all_counted():
    number = MOST_ISSUES + 7
    parsed = native(domains=[f"{n}..example" for n in range(number)])
    assert len(parsed.issues) == MOST_ISSUES
    assert judge(parsed, LIMITS).message.startswith(f"refused: {number} errors, the first ")


def test_a_whole_file_problem_is_refused_whatever_the_budget():
    limits = GuardSection(budget=Share(percent=100))
    refusal = judge(parse(b"a.example\nb.exa", "f.txt"), limits)
    assert refusal.blame is Blame.LIST
    assert "at line 2: is cut off" in refusal.message


def test_errors_of_a_native_file_come_before_the_guards(suffixes):
    inspected = inspect(native(domains=["com", "b..example", "c..example"]), LIMITS, suffixes)
    refusal = judge(inspected, LIMITS)
    assert refusal.blame is Blame.LIST
    assert refusal.message.startswith("refused: 2 errors, the first at line 3: ")


def test_warnings_alone_refuse_nothing(suffixes):
    parsed = native(domains=["a.example", "a.example"])
    assert parsed.issues
    assert judge(inspect(parsed, LIMITS, suffixes), LIMITS) is None


def test_a_feed_says_it_by_its_table_or_is_refused_but_needs_no_last_day(suffixes):
    limits = GuardSection(require=(Required.EXPIRES, Required.AUTHORITY))
    feed = inspect(parse(b"a.example\nb.example\n", "feed.txt"), limits, suffixes)
    assert not list(feed.errors())
    refusal = judge(feed, limits)
    assert refusal.blame is Blame.GUARD
    assert "the feed says no authority, which [guard] require asks for" in refusal.message
    said = agreed(feed, Terms(authority="A"))
    assert judge(said, limits) is None
