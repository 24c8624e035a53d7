"""Hosts lists: names listed each for itself, furniture passed over, every line counted once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd import names
from blockd.watchlist.formats import hosts
from blockd.watchlist.model import Scope, Severity

FURNITURE = """\
127.0.0.1 localhost
127.0.0.1 localhost.localdomain
127.0.0.1 local
255.255.255.255 broadcasthost
::1 localhost
::1 ip6-localhost ip6-loopback
fe80::1%lo0 localhost
ff00::0 ip6-localnet
ff02::1 ip6-allnodes
0.0.0.0 0.0.0.0
"""


def accounted(parsed):
    return parsed.entries + parsed.comments + parsed.blanks + parsed.faults == parsed.lines


def test_a_list():
    parsed = hosts.parse(
        FURNITURE
        + "# comment\n\n0.0.0.0 a.example\n127.0.0.1\tB.Example c.example # why\r\n"
        + ":: d.example localhost\n::1 示例.example\n",
        "x.hosts",
    )
    assert parsed.issues == []
    assert [(names.to_unicode(e.name), e.line) for e in parsed.names] == [
        ("a.example", 13),
        ("b.example", 14),
        ("c.example", 14),
        ("d.example", 15),
        ("示例.example", 16),
    ]
    assert {entry.scope for entry in parsed.names} == {Scope.EXACT}
    assert (parsed.lines, parsed.entries, parsed.comments, parsed.blanks) == (16, 4, 11, 1)
    assert parsed.names[0].rule.id == "x"


BAD = [
    ("b.example", "write `0.0.0.0 b.example`"),
    ("0.0.0.0", "no name follows"),
    ("0.0.0.0 # b.example", "no name follows"),
    ("198.18.0.9 b.example", "is a host's address, no block"),
    ("0.0.0.0 198.18.0.9", "is an address"),
    ("0.0.0.0 *.b.example", "without `*.` and `=`"),
    ("0.0.0.0 =b.example", "without `*.` and `=`"),
    ("0.0.0.0 b..example c$.example d.example", "(and 1 more on this line)"),
]


@pytest.mark.parametrize(("line", "part"), BAD)
def test_a_bad_line_is_one_issue_at_its_line(line, part):
    parsed = hosts.parse(f"0.0.0.0 a.example\n{line}\n", "x")
    (issue,) = parsed.issues
    assert (issue.origin.line, issue.severity) == (2, Severity.ERROR)
    assert part in issue.message
    assert accounted(parsed)


def test_the_good_names_of_a_bad_line_are_taken():
    parsed = hosts.parse("0.0.0.0 a.example b..example\n", "x")
    assert [names.to_text(e.name) for e in parsed.names] == ["a.example"]
    assert accounted(parsed)


@pytest.mark.parametrize(
    "twin", ["0.0.0.0 a.example", "127.0.0.1 A.example", "0.0.0.0 b.example a.example"]
)
def test_a_duplicate_is_a_warning(twin):
    parsed = hosts.parse(f"0.0.0.0 a.example\n{twin}\n", "x")
    (issue,) = parsed.issues
    assert (issue.origin.line, issue.severity) == (2, Severity.WARNING)
    assert issue.message == "a.example is listed at line 1 already"
    assert accounted(parsed)


@pytest.mark.parametrize(
    "lines",
    [
        ["0.0.0.0 a.example", ":: a.example", "0.0.0.0 b.example", "::1 B.example"],
        ["0.0.0.0 a.example", "0.0.0.0 b.example", ":: a.example", ":: b.example"],
        [":: a.example", ":: b.example", ":: c.example", "0.0.0.0 b.example", "0.0.0.0 a.example"],
    ],
)
def test_a_name_for_both_families_is_no_duplicate(lines):
    parsed = hosts.parse("".join(f"{line}\n" for line in lines), "x")
    assert parsed.issues == []
    assert len(parsed.names) == len({e.name for e in parsed.names})
    assert parsed.entries == len(lines)
    third = hosts.parse("".join(f"{line}\n" for line in [*lines, lines[0]]), "x")
    assert [issue.origin.line for issue in third.issues] == [len(lines) + 1]


def test_a_name_twice_on_one_line_is_one_entry():
    parsed = hosts.parse("0.0.0.0 a.example A.example\n", "x")
    assert parsed.issues == []
    assert len(parsed.names) == parsed.entries == 1


PART = st.sampled_from(
    ["0.0.0.0", "::", "198.18.0.9", " ", "\t", "a.example", "localhost", "#", "\r", "*.", "é"]
)


@given(st.lists(st.lists(PART, max_size=7).map("".join) | st.text(max_size=20), max_size=20))
def test_every_line_is_counted_once(lines):
    text = "".join(line + "\n" for line in lines)
    parsed = hosts.parse(text, "x")
    assert accounted(parsed)
    assert parsed.lines == text.count("\n")


@pytest.mark.parametrize("lines", [1, 3, 50])
def test_furniture_lists_nothing_wherever_it_stands_in_a_line(lines):
    text = "".join(
        f"0.0.0.0 a{n}.example localhost.localdomain b{n}.example\n" for n in range(lines)
    )
    listed = [names.to_unicode(entry.name) for entry in hosts.parse(text, "x.hosts").names]
    assert listed == [f"{side}{n}.example" for n in range(lines) for side in "ab"]
