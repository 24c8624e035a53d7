"""Response policy zones: every record an entry, furniture or an issue, every line counted once."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blockd import names
from blockd.terms import Action
from blockd.watchlist.formats import rpz
from blockd.watchlist.formats.rpz_actions import ENCODED
from blockd.watchlist.model import Scope, Severity

SIGN = {Scope.SUBTREE: "", Scope.EXACT: "=", Scope.BELOW: "*."}


def accounted(parsed):
    return parsed.entries + parsed.comments + parsed.blanks + parsed.faults == parsed.lines


def listed(parsed):
    """Every entry as text with what it leads to."""
    found = {}
    for entry in parsed.names:
        found[SIGN[entry.scope] + names.to_unicode(entry.name)] = outcome(entry.rule)
    found.update((str(entry.prefix), outcome(entry.rule)) for entry in parsed.prefixes)
    assert len(found) == len(parsed.names) + len(parsed.prefixes)
    return found


def outcome(rule):
    if rule.allow:
        return "passthru"
    return " / ".join([str(rule.action), *rule.records])


ZONE = """\
; a zone as they are
$TTL 2h
$ORIGIN rpz.test.
@ IN SOA localhost. hostmaster.rpz.test. (
      2026112401 ; serial
      3600 600
      86400 60 )
  NS ns
ns 300 IN A 198.18.0.53

; what is denied
one.example CNAME .
both.example IN CNAME .
*.both.example 60 CNAME .
Below.Example. CNAME .
*.below.example.rpz.test. IN 60 CNAME .
empty.example CNAME *.
quiet.example CNAME rpz-drop.
slow.example CNAME rpz-tcp-only.
good.both.example CNAME rpz-passthru.
old.both.example CNAME old.both.example.
garden.example CNAME garden.test.
near.example CNAME garden
local.example 300 A 198.18.0.80
        AAAA 2001:db8::80
        TXT ( "blocked;"
              "here" )
        MX 10 mail
24.0.1.18.198.rpz-ip CNAME .
48.zz.1.db8.2001.rpz-ip CNAME rpz-passthru.
32.1.2.18.198.rpz-ip A 198.18.0.80
32.1.0.0.127.rpz-client-ip CNAME .
ns.example.rpz-nsdname CNAME .
32.1.0.18.198.rpz-nsip CNAME .
wild.example CNAME *.garden.test.
$ORIGIN deep.example.rpz.test.
a CNAME .
@ CNAME .
*  CNAME .
"""
OUTSIDE = "'Below.Example.' lies outside of the zone rpz.test."
LOOKS = "a trigger that looks at"


def test_a_zone():
    parsed = rpz.parse(ZONE, "/x/policy.rpz")
    assert listed(parsed) == {
        "=one.example": "nxdomain",
        "both.example": "nxdomain",
        "*.below.example": "nxdomain",
        "=empty.example": "nodata",
        "=quiet.example": "drop",
        "=slow.example": "tcp-only",
        "=good.both.example": "passthru",
        "=old.both.example": "passthru",
        "=garden.example": "records / CNAME garden.test.",
        "=near.example": "records / CNAME garden.rpz.test.",
        "=local.example": 'records / A 198.18.0.80 / AAAA 2001:db8::80 / TXT "blocked;" "here"'
        " / MX 10 mail.rpz.test.",
        "198.18.1.0/24": "nxdomain",
        "2001:db8:1::/48": "passthru",
        "198.18.2.1/32": "records / A 198.18.0.80",
        "=a.deep.example": "nxdomain",
        "deep.example": "nxdomain",
    }
    assert [(issue.origin.line, issue.severity, issue.message) for issue in parsed.issues] == [
        (15, "error", f"{OUTSIDE}; write it without the final dot"),
        (32, "warning", "not taken: rpz-client-ip, a trigger that looks at who asks"),
        (33, "warning", f"not taken: rpz-nsdname, {LOOKS} the names of a zone's servers"),
        (34, "warning", f"not taken: rpz-nsip, {LOOKS} the addresses of a zone's servers"),
        (35, "warning", "not taken: CNAME *.name, an action that puts the name asked in front"),
    ]
    assert parsed.unsupported == {
        "rpz-client-ip": 1, "rpz-nsdname": 1, "rpz-nsip": 1, "CNAME *.name": 1,
    }  # fmt: skip
    assert not parsed.refused
    assert accounted(parsed)
    assert (parsed.blanks, parsed.lines, parsed.feed, parsed.format) == (1, 39, True, "rpz")
    (local,) = [e.rule for e in parsed.names if names.to_text(e.name) == "local.example"]
    assert local.ttl == 300
    assert {entry.rule.id for entry in parsed.names} == {"policy"}


AXFR = """\
rpz.test.\t30\tIN\tSOA\tlocalhost. root.localhost. 1 3600 600 86400 60
rpz.test.\t30\tIN\tNS\tlocalhost.
rpz.test.\t30\tIN\tRRSIG\tNS 13 2 30 20300101000000 20200101000000 1 rpz.test. AAAA
a.example.rpz.test.\t30\tIN\tCNAME\t.
*.a.example.rpz.test.\t30\tIN\tCNAME\t.
b.example.rpz.test.\t30\tIN\tCNAME\t.
32.1.0.18.198.rpz-ip.rpz.test.\t30\tIN\tCNAME\t.
x.rpz.test.\t30\tIN\tNSEC\trpz.test. A
rpz.test.\t30\tIN\tSOA\tlocalhost. root.localhost. 1 3600 600 86400 60
"""
NESTED = """\
$ORIGIN .
$TTL 30
rpz.test IN SOA localhost. root.localhost. ( 1 2
   3 4 5 )
  NS localhost.
$ORIGIN example.rpz.test.
a CNAME .
*.a CNAME .
b CNAME .
$ORIGIN 18.198.rpz-ip.rpz.test.
32.1.0 CNAME .
"""
BARE = "b.example CNAME .\na.example CNAME .\n*.a.example CNAME .\n32.1.0.18.198.rpz-ip CNAME .\n"
ABSOLUTE = BARE.replace(" CNAME", ". CNAME")


@pytest.mark.parametrize("text", [AXFR, NESTED, BARE, ABSOLUTE])
def test_every_way_to_write_a_zone_gives_the_same(text):
    parsed = rpz.parse(text, "x")
    assert parsed.issues == []
    assert listed(parsed) == dict.fromkeys(["a.example", "=b.example", "198.18.0.1/32"], "nxdomain")
    assert accounted(parsed)


HEAD = "$ORIGIN rpz.test.\n@ SOA a. b. 1 2 3 4 5\nx.example CNAME .\n"
BAD = [
    ("a..example CNAME .", "empty label"),
    ("@ CNAME .", "the zone itself"),
    ("a.example", "holds no record"),
    ("a.example CNAME", "one target"),
    ("a.example A 198.18.0", "no IPv4 address"),
    ("a.example FOO bar", "no type known"),
    ("a.example DNAME b.", "DNAME is not followed"),
    ("a.example SOA a. b. 1 2 3 4 5", "top of the zone"),
    ("a.example. CNAME .", "outside of the zone"),
    ("x.example CNAME *.", "the policy at line 3 says otherwise; that one counts"),
    ("x.example A 198.18.0.1", "the policy at line 3 says otherwise"),
    ("$FOO bar", "no directive"),
    ("$TTL never", "no TTL"),
    ('a.example TXT "b', "no counterpart"),
    ("a.example SOA ( a.", "not closed"),
    ("33.1.0.18.198.rpz-ip CNAME .", "length from 1 to 32"),
]


@pytest.mark.parametrize(("line", "part"), BAD)
def test_a_bad_line_is_one_issue_at_its_line_and_no_entry(line, part):
    parsed = rpz.parse(f"{HEAD}{line}\ny.example CNAME .\n", "x")
    (issue,) = parsed.issues
    assert (issue.origin.line, issue.severity) == (4, Severity.ERROR)
    assert part in issue.message
    assert listed(parsed) == {"=x.example": "nxdomain", "=y.example": "nxdomain"}
    assert accounted(parsed)


@pytest.mark.parametrize("line", ["a..example CNAME .", '"a b" CNAME .', "( CNAME ."])
def test_what_follows_a_malformed_owner_is_not_the_owner_before(line):
    parsed = rpz.parse(f"{HEAD}{line}\n  A 198.18.0.1\n", "x")
    assert listed(parsed) == {"=x.example": "nxdomain"}
    assert [issue.origin.line for issue in parsed.issues] == [4, 5]
    assert accounted(parsed)


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("$INCLUDE other.rpz", "not followed"),
        ("$GENERATE 1-9 a$.example CNAME .", "not carried out"),
        ("$ORIGIN", "takes one name"),
        ("$ORIGIN a b", "takes one name"),
    ],
)
def test_what_leaves_the_rest_in_doubt_refuses_the_zone(line, part):
    parsed = rpz.parse(f"{HEAD}{line}\n", "x")
    assert parsed.refused
    assert [part in issue.message for issue in parsed.issues] == [True]


def test_an_origin_that_comes_too_late_refuses_the_zone():
    assert rpz.parse("@ SOA a. b. 1 2 3 4 5\n$ORIGIN com.rpz.test.\na CNAME .\n", "x").refused


@pytest.mark.parametrize(
    ("records", "ttl"),
    [
        ("x.test A 198.18.0.1\n", None),
        ("$TTL 1h\nx.test A 198.18.0.1\n", 3600),
        ("$TTL 1h\nx.test 5 A 198.18.0.1\n A 198.18.0.2\n", 5),
        ("$TTL 52w\nx.test A 198.18.0.1\n", 604_800),
    ],
)
def test_local_data_keep_their_ttl(records, ttl):
    (entry,) = rpz.parse(records, "x").names
    assert entry.rule.ttl == ttl


def test_a_wildcard_covers_what_is_below_other_names_too():
    # One of DNS would end at x.a.test (RFC 4592 2.2.1); here the longest match decides.
    parsed = rpz.parse("*.a.test CNAME .\nx.a.test CNAME rpz-passthru.\n", "x")
    assert listed(parsed) == {"*.a.test": "nxdomain", "=x.a.test": "passthru"}


def test_the_quick_way_and_the_careful_one_agree_on_a_large_zone():
    plain = [f"{n:x}.d{n % 7}.example" for n in range(5000)]
    zone = "".join(f"{name} CNAME .\n*.{name} CNAME .\n" for name in plain)
    parsed = rpz.parse(f"$TTL 30\n@ SOA a. b. 1 2 3 4 5\n{zone}", "x")
    assert (parsed.issues, parsed.entries) == ([], 10_000)
    assert {entry.scope for entry in parsed.names} == {Scope.SUBTREE}
    assert [names.to_text(entry.name) for entry in parsed.names] == plain
    assert [entry.line for entry in parsed.names] == list(range(3, 10_003, 2))


OWNERS = [
    "a", "b.a", "*.a", "*.b.a", "A", "xn--fsq.a", "1", "a.1", "é.a", "a-.a", "rpz-x.a", "@",
    "32.1.0.18.198.rpz-ip", f"{'l' * 64}.a", ".".join(["l" * 60] * 5), "a.z.", "*.a.z.",
]  # fmt: skip
ACTIONS = [*ENCODED, "garden.test.", "*.x."]
quick_line = st.tuples(st.sampled_from(OWNERS), st.sampled_from(ACTIONS)).map(
    lambda drawn: f"{drawn[0]} CNAME {drawn[1]}"
)
other_line = st.sampled_from(
    ["", ";", " ", "$ORIGIN z.", "$ORIGIN a", "@ SOA a. b. 1 2 3 4 5", "z. SOA a. b. 1 2 3 4 5",
     " CNAME .", "(", "a (", ") ", "a A 198.18.0.1", " A 198.18.0.2", "a\tCNAME\t.\r"]
)  # fmt: skip
zones = st.lists(quick_line | quick_line | other_line | st.text(max_size=8), max_size=25)


@settings(max_examples=300)
@given(zones)
def test_every_line_is_counted_once_however_the_zone_is_read(lines):
    text = "".join(line.replace("\n", "") + "\n" for line in lines)
    parsed = rpz.parse(text, "x")
    assert accounted(parsed)
    assert parsed.lines == text.count("\n")
    # A comment on every line keeps the quick way out.
    slow = rpz.parse("".join(f"{line.replace(chr(10), '')} ;\n" for line in lines), "x")
    assert listed(slow) == listed(parsed)
    assert [(i.origin, i.severity) for i in slow.issues] == [
        (i.origin, i.severity) for i in parsed.issues
    ]
    assert (slow.refused, slow.entries) == (parsed.refused, parsed.entries)
    assert not any(entry.rule.action is Action.RECORDS and not entry.rule.records
                   for entry in parsed.names)  # fmt: skip


def test_parentheses_that_are_never_closed_refuse_the_zone_before_all_lines_are_read_again():
    line = "x ( a" + 200 * " a" + "\n"
    for count, refused in ((15, False), (16, True), (2_000, True)):
        began = time.process_time()
        parsed = rpz.parse("a.example CNAME .\n" + line * count + "b.example CNAME .\n", "x.rpz")
        assert parsed.refused is refused
        assert parsed.faults == count
        assert parsed.entries + parsed.comments + parsed.blanks + parsed.faults == parsed.lines
        assert time.process_time() - began < 5  # with each of them read again it takes a minute
