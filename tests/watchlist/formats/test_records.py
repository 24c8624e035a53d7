"""`records` of a native list: what they mean, and that every mistake is found at its line."""

import pytest

from blockd.watchlist.formats import native
from blockd.watchlist.model import Severity

HEAD = '[[platform]]\nid = "p1"\ndomains = ["a.example"]\naction = "records"\n'


def parse(text):
    return native.parse(text, "rules/x.toml")


def test_records_are_kept_in_canonical_text_each_once():
    parsed = parse(
        HEAD
        + """records = ["a 198.18.0.80", 'TXT "x" y', "TYPE65280 \\\\# 2 0a0b",
          "MX 5 Mail.Example", "A 198.18.0.80"]\n"""
    )
    assert parsed.issues == []
    assert parsed.names[0].rule.records == (
        "A 198.18.0.80",
        'TXT "x" "y"',
        "TYPE65280 \\# 2 0A0B",
        "MX 5 mail.example.",
    )


def test_a_cname_stands_alone_but_may_stand_twice():
    parsed = parse(HEAD + 'records = ["CNAME garden.example", "cname GARDEN.example."]\n')
    assert parsed.issues == []
    assert parsed.names[0].rule.records == ("CNAME garden.example.",)


PLAIN = '[[platform]]\nid = "p1"\ndomains = ["a.example"]\n'
MISTAKES = [
    (PLAIN + 'records = ["A 198.18.0.80"]\n', [(4, 'want action = "records"')]),
    (
        PLAIN + 'action = "address"\naddresses = ["198.18.0.80"]\nrecords = ["A 198.18.0.80"]\n',
        [(6, 'want action = "records"')],
    ),
    (
        HEAD + 'records = ["A 198.18.0.80"]\naddresses = ["198.18.0.80"]\n',
        [(6, 'want action = "address"')],
    ),
    (HEAD, [(4, 'needs `records`; write what to answer, as in records = ["CNAME garden')]),
    (HEAD + "records = []\n", [(5, "needs at least one")]),
    (HEAD + 'records = "A 198.18.0.80"\n', [(5, "a list such as")]),
    (HEAD + "records = [5]\n", [(5, "a text in quotes")]),
    (HEAD + 'records = ["TXT a\\nb"]\n', [(5, "control character")]),
    (
        HEAD + 'records = ["A 198.18.0.80",\n"A 198.18.0",\n"MX a.example"]\n',
        [(6, "is no IPv4 address"), (7, "write it as in 'MX 10 mail.example'")],
    ),
    (
        HEAD + 'records = ["A 198.18.0.80",\n"CNAME b.example"]\n',
        [(6, "a CNAME stands alone; drop it, or all others")],
    ),
    (HEAD + 'records = ["CNAME b.example",\n"CNAME c.example"]\n', [(5, "a CNAME stands alone")]),
    (
        HEAD + "records = [" + ", ".join(f"'TXT {n} {'a' * 250}'" for n in range(300)) + "]\n",
        [(5, "more than 60000 octets")],
    ),
]


@pytest.mark.parametrize(("text", "mistakes"), MISTAKES)
def test_each_mistake_is_an_error_at_its_line(text, mistakes):
    issues = parse(text).issues
    assert [issue.origin.line for issue in issues] == [line for line, _ in mistakes]
    for issue, (_, sentence) in zip(issues, mistakes, strict=True):
        assert issue.severity is Severity.ERROR
        assert sentence in issue.message


def garden(target, more=""):
    return HEAD + f'records = ["CNAME {target}"]\n' + more


ALLOW = '[[allow]]\ndomains = ["{}"]\nreason = "r"\n'
OTHER = '[[platform]]\nid = "p2"\ndomains = ["{}"]\n'


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (garden("garden.example"), None),
        (garden("a.example"), 3),
        (garden("garden.a.example"), 3),
        (garden("garden.a.example", ALLOW.format("garden.a.example")), None),
        (garden("garden.a.example", ALLOW.format("a.example")), None),
        (garden("garden.a.example", ALLOW.format("=a.example")), 3),
        (garden("garden.b.example", OTHER.format("b.example")), 8),
        (garden("garden.b.example", OTHER.format("=b.example")), None),
        (garden("b.example", OTHER.format("*.b.example")), None),
        (garden("b.example", OTHER.format("b.example") + "enforce = false\n"), None),
    ],
)
def test_a_garden_that_is_listed_itself_is_warned_of(text, line):
    issues = parse(text).issues
    assert [str(issue.severity) for issue in issues] == ["warning"] * (line is not None)
    for issue in issues:
        assert issue.origin.line == 5
        assert f"is listed itself, at line {line}" in issue.message
