"""What issues and origins look like to a person."""

import pytest

from blockd.watchlist.model import MOST_ISSUES, MOST_KINDS, Issue, Origin, Parsed, Rule, Severity


def test_an_issue_reads_as_compilers_print_it():
    issue = Issue(Origin("rules/a.toml", 7), Severity.ERROR, "what to mend")
    assert str(issue) == "rules/a.toml:7: error: what to mend"
    assert str(Issue(Origin("a", 0), Severity.GUARD, "x")) == "a: guard: x"


def test_issues_sort_by_place():
    places = [Origin("b", 1), Origin("a", 10), Origin("a", 9)]
    issues = sorted(Issue(place, Severity.WARNING, "x") for place in places)
    assert [str(issue.origin) for issue in issues] == ["a:9", "a:10", "b:1"]


def test_warnings_are_no_errors():
    issues = [Issue(Origin("a", n), severity, "x") for n, severity in enumerate(Severity)]
    parsed = Parsed(source="a", feed=True, issues=issues)
    assert [i.severity for i in parsed.errors()] == [Severity.ERROR, Severity.GUARD]
    assert Rule(id="p", source="a", line=3).origin == ("a", 3)


@pytest.mark.parametrize("severity", Severity)
def test_issues_are_counted_without_end_and_kept_up_to_a_bound(severity):
    parsed = Parsed(source="a", feed=True)
    for line in range(1, MOST_ISSUES + 1):
        assert parsed.keeps(severity)
        parsed.note(line, severity, "x")
    assert not parsed.keeps(severity)
    assert (parsed.faults, len(parsed.told())) == (MOST_ISSUES, MOST_ISSUES)
    for line in range(2345):
        parsed.note(line, severity, "y")
    assert parsed.faults == MOST_ISSUES + 2345
    assert parsed.bad == (0 if severity is Severity.WARNING else parsed.faults)
    first, *others = parsed.told()
    assert others == parsed.issues
    assert {issue.message for issue in others} == {"x"}
    assert (first.origin, first.severity) == (("a", 0), severity)
    assert first.message.startswith("3,345 ")
    assert first.message.endswith("; the first 1,000 are shown")


def test_what_is_not_taken_leaves_room_for_other_warnings_and_kinds_are_bounded():
    parsed = Parsed(source="a", feed=True)
    for line in range(1, 5 * MOST_ISSUES):
        parsed.note(line, Severity.WARNING, "x", "popular")
    for line in range(3 * MOST_KINDS):
        parsed.note(line, Severity.WARNING, "y", f"kind {line}")
    parsed.note(1, Severity.WARNING, "a duplicate")
    assert parsed.issues[-1].message == "a duplicate"
    assert len(parsed.unsupported) == MOST_KINDS + 1
    assert parsed.unsupported["popular"] == 5 * MOST_ISSUES - 1
    assert sum(parsed.unsupported.values()) + 1 == parsed.faults
    popular, others = parsed.unkept()
    assert popular.message == "4,999 lines not taken: popular; the first 1,000 are shown"
    assert others.message == "201 lines not taken: of other kinds; the first is shown"


def test_kinds_share_one_bound_and_of_each_the_first_is_kept():
    parsed = Parsed(source="a", feed=True)
    for line in range(MOST_KINDS * 100):
        parsed.note(line, Severity.WARNING, "x", f"kind {line * MOST_KINDS // 10_000}")
    assert parsed.faults == MOST_KINDS * 100
    assert len(parsed.issues) == parsed.shown_of_all <= MOST_ISSUES + MOST_KINDS
    assert parsed.shown.keys() == parsed.unsupported.keys()
    assert len(parsed.told()) <= MOST_ISSUES + 2 * MOST_KINDS
