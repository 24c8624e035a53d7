"""The guard: what no list may name."""

import time

import pytest

from blockd import names
from blockd.config import GuardSection
from blockd.errors import GuardError
from blockd.terms import Required
from blockd.watchlist import formats, guard
from blockd.watchlist.formats import parse
from blockd.watchlist.model import MOST_ISSUES, NameEntry, Parsed, Rule, Scope, Severity
from blockd.watchlist.refusal import Blame, judge
from tests.watchlist.lists import native

LIMITS = GuardSection()


SUFFIXES = [".", "*", "example", "com", "co.uk", "github.io", "*.github.io", "=com", "kobe.jp",
            "city.ck", "公司.cn", "Co.Uk.", "uk", "s3.amazonaws.com"]  # fmt: skip
LISTABLE = ["exchange-001.example", "a.co.uk", "a.github.io", "www.ck", "city.kobe.jp",
            "amazonaws.com", "*.a.example"]  # fmt: skip


@pytest.mark.parametrize("name", SUFFIXES)
def test_public_suffixes_and_what_is_above_are_refused(name, suffixes):
    inspected = guard.inspect(native(domains=[name]), LIMITS, suffixes)
    (issue,) = inspected.issues
    assert issue.severity is Severity.GUARD
    assert issue.origin.line == 3
    assert "list" in issue.message
    refusal = judge(inspected, LIMITS)
    assert refusal.blame is Blame.GUARD
    assert isinstance(refusal.error(), GuardError)
    assert str(refusal.error()).startswith(
        "x.toml: refused: 1 entry that no list may hold, at line 3"
    )


@pytest.mark.parametrize("name", LISTABLE)
def test_names_of_somebodys_own_pass(name, suffixes):
    parsed = native(domains=[name])
    assert guard.inspect(parsed, LIMITS, suffixes) is parsed
    assert judge(parsed, LIMITS) is None


def test_exceptions_may_name_what_lists_may_not(suffixes):
    table = "[[allow]]\nreason = 'x'"
    parsed = native(domains=["com"], prefixes=["10.0.0.0/8"], table=table)
    assert guard.inspect(parsed, LIMITS, suffixes) is parsed


def test_an_exception_for_the_root_would_switch_everything_off(suffixes):
    parsed = native(domains=["*."], table="[[allow]]\nreason = 'x'")
    (issue,) = guard.inspect(parsed, LIMITS, suffixes).issues
    assert (issue.severity, issue.origin.line) == (Severity.GUARD, 3)


PREFIXES = [
    ("0.0.0.0/0", "wider than /16"),
    ("198.18.0.0/15", "wider than /16"),
    ("2001:db8::/31", "wider than /32"),
    ("::/0", "wider than /32"),
    ("0.1.2.3", "unspecified"),
    ("::", "unspecified"),
    ("127.0.0.53", "loopback"),
    ("127.0.0.0/8", "loopback"),
    ("::1", "loopback"),
    ("169.254.1.0/24", "link-local"),
    ("fe80::/64", "link-local"),
    ("224.0.0.251", "multicast"),
    ("ff02::fb", "multicast"),
    ("10.0.0.0/8", "private"),
    ("172.31.255.0/24", "private"),
    ("192.168.0.0/16", "private"),
    ("100.64.0.0/16", "shared"),
    ("fd00::/8", "unique local"),
]


@pytest.mark.parametrize(("prefix", "part"), PREFIXES)
def test_wide_and_special_prefixes_are_refused(prefix, part, suffixes):
    inspected = guard.inspect(native(prefixes=[prefix]), LIMITS, suffixes)
    (issue,) = inspected.issues
    assert (issue.severity, issue.origin.line) == (Severity.GUARD, 4)
    assert part in issue.message
    assert judge(inspected, LIMITS).blame is Blame.GUARD


@pytest.mark.parametrize(
    "prefix",
    [
        "198.18.0.0/16",
        "198.19.255.255",
        "2001:db8::/32",
        "172.32.0.0/16",
        "100.128.0.0/16",
        "fe00::1",
    ],
)
def test_other_prefixes_pass(prefix, suffixes):
    parsed = native(prefixes=[prefix])
    assert guard.inspect(parsed, LIMITS, suffixes) is parsed


def test_the_limits_are_the_configurations(suffixes):
    limits = GuardSection(shortest_v4=15, shortest_v6=48)
    assert guard.inspect(native(prefixes=["198.18.0.0/15"]), limits, suffixes).issues == []
    assert guard.inspect(native(prefixes=["2001:db8::/47"]), limits, suffixes).issues
    limits = GuardSection(shortest_v4=1)
    (issue,) = guard.inspect(native(prefixes=["8.0.0.0/6"]), limits, suffixes).issues
    assert "private" in issue.message


def test_a_feed_loses_the_entry_and_the_lines_still_add_up(suffixes):
    content = b"a.example\ncom\n# c\ngithub.io\nb.example\nb..example\n"
    inspected = guard.inspect(formats.parse(content, "f.txt"), LIMITS, suffixes)
    assert [names.to_text(entry.name) for entry in inspected.names] == ["a.example", "b.example"]
    assert [(i.origin.line, i.severity) for i in inspected.issues] == [
        (2, Severity.GUARD), (4, Severity.GUARD), (6, Severity.ERROR),
    ]  # fmt: skip
    assert inspected.entries + inspected.comments + len(inspected.issues) == inspected.lines


def test_a_line_with_several_faults_counts_once_as_the_gravest(suffixes):
    """Of these lines each lists something, has an issue, and is objected to."""
    content = b"0.0.0.0 com b..example\n0.0.0.0 a.example\n0.0.0.0 a.example co.uk uk\n"
    parsed = formats.parse(content, "f.hosts", "hosts")
    assert (parsed.counted, parsed.entries) == ({Severity.ERROR: 1, Severity.WARNING: 1}, 1)
    inspected = guard.inspect(parsed, LIMITS, suffixes)
    assert (inspected.faults, inspected.bad, inspected.entries) == (2, 2, 1)
    assert parsed.faults == 2
    assert parsed.bad == 1


def test_however_many_names_a_line_has_it_is_one_issue(suffixes):
    lines, each = 3, MOST_ISSUES
    content = b"".join(
        b"0.0.0.0 %s\n" % b" ".join(b"toplevel%dx%dx" % (line, n) for n in range(each))
        for line in range(lines)
    )
    inspected = guard.inspect(formats.parse(content, "f.hosts", "hosts"), LIMITS, suffixes)
    assert (inspected.bad, len(inspected.issues), inspected.entries) == (lines, lines, 0)
    assert [issue.origin.line for issue in inspected.issues] == [1, 2, 3]
    assert not inspected.names


def test_many_names_pass_quickly(suffixes):
    rule = Rule(id="f", source="f")
    entries = [
        NameEntry(names.to_wire(f"a{n}.b{n % 7}.example"), Scope.SUBTREE, rule, n)
        for n in range(200_000)
    ]
    parsed = Parsed(source="f", feed=True, names=entries)
    start = time.process_time()
    assert guard.inspect(parsed, LIMITS, suffixes) is parsed
    seconds = time.process_time() - start
    print(f"{seconds * 5:.2f} s for a million names")
    assert seconds < 1


SAYS = "[list]\nauthority = 'A'\ncontact = 'mailto:a@a.example'\n"
PLATFORM = "[[platform]]\nid = 'p'\ndomains = ['a.example']\n"
EVERYTHING = tuple(Required)


@pytest.mark.parametrize(
    ("text", "required", "line", "lacking"),
    [
        (PLATFORM, (Required.REFERENCE,), 1, "no reference"),
        (SAYS + PLATFORM, (Required.AUTHORITY, Required.CONTACT), 0, ""),
        (SAYS + PLATFORM, EVERYTHING, 4, "no reference and no expires"),
        (SAYS + PLATFORM + "reference = 'n'\nexpires = 2030-01-01\n", EVERYTHING, 0, ""),
        (PLATFORM + "authority = ''\n", (Required.AUTHORITY,), 1, "no authority"),
        (PLATFORM + "enforce = false\n", (Required.EXPIRES,), 1, "no expires"),
        (
            PLATFORM + "reference = 'n'\n[[allow]]\nreason = 'x'\ndomains = ['b.a.example']\n",
            (Required.REFERENCE,),
            0,
            "",
        ),
    ],
)
def test_a_native_list_says_what_is_required_of_each_platform(
    suffixes, text, required, line, lacking
):
    limits = GuardSection(require=required)
    inspected = guard.inspect(parse(text.encode(), "a.toml"), limits, suffixes)
    found = [str(issue) for issue in inspected.errors()]
    assert len(found) == bool(line)
    refusal = judge(inspected, limits)
    assert (refusal and refusal.blame) == (Blame.GUARD if line else None)
    for said in found:
        assert said.startswith(f"a.toml:{line}: guard: says {lacking}, which [guard] require")
