"""AdBlock lists: what names a host is taken, and everything else is counted by its kind."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd.watchlist.formats import adblock
from blockd.watchlist.model import Severity
from tests.watchlist.formats.accounting import accounted, problems, written

TAKEN = [
    ("||a.example^", "a.example"),
    ("||A.Example^", "a.example"),
    ("||a.example", "a.example"),
    ("||a.example^|", "a.example"),
    ("||a.example|", "a.example"),
    ("||a.example.^", "a.example"),
    ("||示例.example^", "示例.example"),
    ("||xn--fsq092h.example^", "示例.example"),
    ("||example^", "example"),
    ("|a.example^", "=a.example"),
    ("|a.example|", "=a.example"),
    ("a.example", "=a.example"),
    ("0.0.0.0 a.example # why", "=a.example"),
    ("||*.a.example^", "*.a.example"),
    ("*.a.example", "*.a.example"),
    ("||a.example^$important", "a.example"),
    ("||a.example^$all", "a.example"),
    ("||a.example^$all, IMPORTANT", "a.example"),
    ("@@||a.example^", "@@a.example"),
    ("@@||a.example^|", "@@a.example"),
    ("@@|a.example^", "@@=a.example"),
    ("@@||a.example^$important", "@@a.example"),
    ("||198.18.0.1^", "198.18.0.1/32"),
    ("||198.18.0.1", "198.18.0.1/32"),
    ("198.18.0.1", "198.18.0.1/32"),
    ("||[2001:db8::1]^", "2001:db8::1/128"),
    ("||2001:db8::1^", "2001:db8::1/128"),
    ("@@||198.18.0.1^", "@@198.18.0.1/32"),
]


@pytest.mark.parametrize(("line", "entry"), TAKEN)
@pytest.mark.parametrize("times", [1, 5])
def test_rules_for_a_host_are_entries(line, entry, times):
    lines = (
        [line.replace("a.example", f"{n}a.example") for n in range(times)] if times > 1 else [line]
    )
    parsed = adblock.parse("".join(f"{each}\n" for each in dict.fromkeys(lines)), "x.txt")
    assert parsed.issues == []
    wanted = [entry.replace("a.example", f"{n}a.example") for n in range(times)]
    assert written(parsed) == (wanted if len(set(lines)) > 1 else [entry])
    assert accounted(parsed)
    assert parsed.format == "adblock"


KINDS = [
    ("a.example##.banner", "cosmetic rule"),
    ("##.banner", "cosmetic rule"),
    ("###banner", "cosmetic rule"),
    ("a.example#@#.banner", "cosmetic rule"),
    ("a.example#?#div:has(> a)", "cosmetic rule"),
    ("a.example#$#body { color: red }", "cosmetic rule"),
    ("a.example#%#//scriptlet('x')", "cosmetic rule"),
    ("a.example$$script[data-x]", "cosmetic rule"),
    ("a.example##^script", "cosmetic rule"),
    ("||a.example/path", "path rule"),
    ("||a.example^path", "path rule"),
    ("||a.example^*/x.js", "path rule"),
    ("||a.example/*", "path rule"),
    ("/banner.gif", "path rule"),
    ("|https://a.example/", "path rule"),
    ("@@||a.example/x$script", "modifier $script"),
    ("||a.example?x=1", "path rule"),
    ("||a.example:8080^", "port rule"),
    ("||a*.example^", "wildcard"),
    ("||a.*^", "wildcard"),
    ("/^ads[0-9]+\\./", "regular expression"),
    ("@@/^ads/$important", "regular expression"),
    ("||a.example^$third-party", "modifier $third-party"),
    ("||a.example^$~third-party,script", "modifier $script"),
    ("||a.example^$popup", "modifier $popup"),
    ("||a.example^$document", "modifier $document"),
    ("||a.example^$domain=b.example|c.example", "modifier $domain"),
    ("||a.example^$denyallow=b.a.example", "modifier $denyallow"),
    ("||a.example^$client=198.18.0.9", "modifier $client"),
    ("||a.example^$ctag=device_pc", "modifier $ctag"),
    ("||a.example^$dnstype=AAAA", "modifier $dnstype"),
    ("||a.example^$dnsrewrite=198.18.0.1", "modifier $dnsrewrite"),
    ("||a.example^$important,dnstype=A", "modifier $dnstype"),
    ("||a.example^$", ""),
    ("||ads.", "open pattern"),
    ("||ads-", "pattern"),
    ("||exam", "pattern"),
    ("|a.example", "open pattern"),
    ("a.example^", "open pattern"),
    ("-banner-", "pattern"),
    ("ads", "pattern"),
    ("||198.18.^", "part of an address"),
    ("||198.18.0.0/24^", "path rule"),
    ("||=a.example^", "pattern"),
    ("||198.18.0.1^$badfilter", "modifier $badfilter"),
    ("!#include other.txt", "!#include"),
]


@pytest.mark.parametrize(("line", "kind"), KINDS)
def test_what_is_no_rule_for_a_name_is_named_and_never_a_wider_block(line, kind):
    parsed = adblock.parse(f"||b.example^\n{line}\n||c.example^\n", "x.txt")
    blocked = [text for text in written(parsed) if text not in {"b.example", "c.example"}]
    assert blocked == ([] if kind else ["a.example"])
    assert accounted(parsed)
    if kind:
        assert parsed.unsupported == {kind: 1}
        (issue,) = parsed.issues
        assert (issue.origin.line, issue.severity) == (2, Severity.WARNING)
        assert issue.message.startswith(f"not taken: {kind}")


COMMENTS = ["[Adblock Plus 2.0]", "! Title: x", "!", "# a comment", "#", "#### x ####", "!#safari"]


@pytest.mark.parametrize("line", COMMENTS)
def test_comments_list_nothing(line):
    parsed = adblock.parse(f"{line}\n\n||a.example^\n", "x.txt")
    assert (parsed.comments, parsed.blanks, parsed.entries, parsed.issues) == (1, 1, 1, [])


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("||a..example^", "empty label"),
        ("||-a.example^", "hyphen"),
        ("|a..example|", "empty label"),
    ],
)
def test_a_malformed_name_is_an_issue_at_its_line(line, said):
    parsed = adblock.parse(f"||b.example^\n{line}\n", "x.txt")
    ((number, message),) = problems(parsed)
    assert number == 2
    assert said in message
    assert accounted(parsed)


def test_what_depends_on_the_program_is_not_taken():
    inside = "||b.example^\n!#if x\n!#endif\n||c.example^\n"
    text = f"||a.example^\n!#if (adguard)\n{inside}!#endif\n||d.example^\n"
    parsed = adblock.parse(text, "x.txt")
    assert written(parsed) == ["a.example", "d.example"]
    assert parsed.unsupported == {"rule under !#if": 2}
    assert accounted(parsed)


PART = st.sampled_from([
    "||", "|", "@@", "^", "$", "important", "badfilter", "third-party", ",", "a.example", "*.",
    "b.a.example", "c.b.a.example", "*", "#", "##", "!", "!#if", "!#endif", "198.18.0.1", "[", "]",
    "2001:db8::1", " ", "0.0.0.0 ", "/", ":", ".", "é", "xn--", "\r", "=", "~",
])  # fmt: skip
LINE = st.lists(PART, max_size=6).map("".join) | st.text(max_size=20)


@given(st.lists(LINE, max_size=30))
def test_every_line_is_counted_once(lines):
    text = "".join(line.replace("\n", "") + "\n" for line in lines)
    parsed = adblock.parse(text, "x")
    assert parsed.lines == len(lines)
    assert accounted(parsed)
