"""What issues and origins look like to a person."""

from blockd.watchlist.model import Issue, Origin, Parsed, Rule, Severity


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
