"""What one line says: whatever a reader answers, the line counts once, and mistakes come first."""

from hypothesis import given
from hypothesis import strategies as st

from blockd import names, prefixes
from blockd.watchlist.formats import feed
from blockd.watchlist.formats.feed import Feed
from blockd.watchlist.formats.found import NOTHING, Found
from blockd.watchlist.model import Scope, Severity

RULE = feed.rule("x.txt")
NAME = st.tuples(
    st.sampled_from([names.parse("a.example"), names.parse("b.example")]),
    st.sampled_from(Scope),
    st.just(RULE),
)
PREFIX = st.tuples(st.sampled_from([prefixes.parse("198.18.0.0/24")]), st.just(RULE))
SAID = st.builds(
    Found,
    st.lists(NAME, max_size=3),
    st.lists(PREFIX, max_size=2),
    problems=st.lists(st.just("is bad"), max_size=2),
    unsupported=st.sampled_from(["", "option x"]),
    detail=st.just(": why"),
    is_entry=st.booleans(),
)


def read(found):
    return Feed("x.txt", "x").read("a line\n", lambda _: found)


@given(SAID)
def test_any_answer_makes_its_line_one_issue_one_entry_or_one_comment(found):
    parsed = read(found)
    issues = [(issue.severity, issue.message) for issue in parsed.issues]
    counted = (issues, parsed.entries, parsed.comments)
    if found.problems:
        more = " (and 1 more on this line)" if len(found.problems) > 1 else ""
        assert counted == ([(Severity.ERROR, f"is bad{more}")], 0, 0)
    elif found.unsupported:
        assert counted == ([(Severity.WARNING, "not taken: option x: why")], 0, 0)
    elif found.names or found.prefixes or found.is_entry:
        assert counted == ([], 1, 0)
    else:
        assert counted == ([], 0, 1)


@given(SAID)
def test_what_is_good_on_a_line_is_kept_whatever_else_is_wrong_with_it(found):
    parsed = read(found)
    assert {(entry.name, entry.scope) for entry in parsed.names} == {
        (wire, scope) for wire, scope, _ in found.names
    }
    assert {entry.prefix for entry in parsed.prefixes} == {prefix for prefix, _ in found.prefixes}


def test_nothing_is_what_all_readers_may_share():
    assert Found() == NOTHING
    assert not any(NOTHING)
    assert isinstance(hash(NOTHING), int), "no part of it can be changed"
