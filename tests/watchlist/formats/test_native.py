"""The native format: what it means, and that every mistake is found at its line."""

import textwrap
from datetime import date

import pytest

from blockd import names, prefixes
from blockd.terms import Action, Basis, RouteType
from blockd.watchlist.formats import native
from blockd.watchlist.model import Scope, Severity

HEAD = '[[platform]]\nid = "p1"\n'
ONE = HEAD + 'domains = ["a.example"]\n'


def parse(text):
    return native.parse(textwrap.dedent(text), "rules/x.toml")


def said(text):
    return [(issue.origin.line, issue.message) for issue in parse(text).issues]


def test_a_full_list():
    parsed = parse("""\
        [list]
        name = "L"
        authority = "A"
        basis = "order"
        reference = "R"
        contact = "mailto:desk@authority.example"

        [[platform]]
        id = "p001"
        name = "One"
        domains = ["Exchange-001.example.", "=api.exchange-001.example",
          "*.cdn-001.example"]
        prefixes = ["198.18.1.0/28", "2001:db8:1::/48", "198.18.1.77"]
        reference = "R item 1"
        listed = 2018-08-23
        expires = 2036-12-31
        action = "address"
        addresses = ["198.18.0.80", "2001:DB8::80"]
        ttl = 0
        route = "prohibit"
        enforce = false

        [[allow]]
        domains = ["ok.exchange-001.example"]
        prefixes = ["198.18.1.3"]
        reason = "why"
        """)
    assert parsed.issues == []
    assert (parsed.feed, parsed.refused, parsed.format) == (False, False, "native")
    assert (parsed.entries, parsed.lines) == (8, 26)
    assert [(names.to_text(e.name), e.scope, e.line, e.rule.id) for e in parsed.names] == [
        ("exchange-001.example", Scope.SUBTREE, 11, "p001"),
        ("api.exchange-001.example", Scope.EXACT, 11, "p001"),
        ("cdn-001.example", Scope.BELOW, 12, "p001"),
        ("ok.exchange-001.example", Scope.SUBTREE, 24, "allow"),
    ]
    assert [(str(e.prefix), e.line) for e in parsed.prefixes] == [
        ("198.18.1.0/28", 13),
        ("2001:db8:1::/48", 13),
        ("198.18.1.77/32", 13),
        ("198.18.1.3/32", 25),
    ]
    rule = parsed.names[0].rule
    assert (rule.source, rule.line, rule.list_name, rule.name) == ("rules/x.toml", 8, "L", "One")
    assert (rule.authority, rule.basis, rule.reference) == ("A", Basis.ORDER, "R item 1")
    assert (rule.listed, rule.expires) == (date(2018, 8, 23), date(2036, 12, 31))
    assert (rule.action, rule.addresses) == (Action.ADDRESS, ("198.18.0.80", "2001:db8::80"))
    assert (rule.ttl, rule.route, rule.enforce) == (0, RouteType.PROHIBIT, False)
    exception = parsed.names[3].rule
    assert (exception.allow, exception.reason, exception.reference) == (True, "why", "R")
    assert exception.line == 23


# Each text has the mistakes that are named and no other.
MISTAKES = [
    (ONE + "refrence = 'x'\n", [(4, "did you mean `reference`?")]),
    (ONE + "[[platfrom]]\n", [(4, "did you mean `platform`?")]),
    (ONE + "zzz = 1\n", [(4, "known are action, addresses, authority")]),
    (ONE + "[list]\nauthorty = 'x'\n", [(5, "did you mean `authority`?")]),
    (ONE + "reference = 5\n", [(4, "a text in quotes was expected, not 5")]),
    (ONE + 'reference = "a\\nb"\n', [(4, "holds a line break")]),
    (ONE + 'listed = "2018-08-23"\n', [(4, "write 2018-08-23")]),
    (ONE + 'listed = "soon"\n', [(4, "as in 2018-08-23")]),
    (ONE + "listed = 2018-08-23T10:00:00Z\n", [(4, "write 2018-08-23")]),
    (ONE + "listed = 2018-02-30\n", [(4, "there is no such day")]),
    (ONE + "listed = 2018-13-01\n", [(4, "a date as YYYY-MM-DD")]),
    (ONE + "listed = 2019-01-01\nexpires = 2018-01-01\n", [(5, "lies before `listed`")]),
    (ONE + 'action = "nxdomian"\n', [(4, "did you mean 'nxdomain'?")]),
    (ONE + "action = 1\n", [(4, "in quotes was expected, not 1")]),
    (ONE + 'route = "throw"\n', [(4, "is none of blackhole, unreachable, prohibit")]),
    (ONE + "ttl = 700000\n", [(4, "not between 0 and 604800")]),
    (ONE + "ttl = -1\n", [(4, "not between 0 and 604800")]),
    (ONE + "ttl = true\n", [(4, "a whole number was expected, not true")]),
    (ONE + 'enforce = "no"\n', [(4, "true or false was expected, not the text 'no'")]),
    (ONE + "check_cname = 0\n", [(4, "true or false was expected, not 0")]),
    (ONE + "check_address = true\n", [(4, "did you mean `check_addresses`?")]),
    (
        "[[allow]]\ndomains = ['a.example']\nreason = 'x'\ncheck_cname = true\n",
        [(4, "unknown key `check_cname`")],
    ),
    (ONE + 'addresses = ["198.18.0.8"]\n', [(4, 'want action = "address"')]),
    (ONE + 'action = "address"\n', [(4, "needs `addresses`")]),
    (ONE + 'action = "address"\naddresses = []\n', [(5, "at least one")]),
    (
        ONE + 'action = "address"\naddresses = ["198.18.0.8",\n"198.18.0.0/24", "x"]\n',
        [(6, "'198.18.0.0/24' is not a single address"), (6, "'x' is not a single address")],
    ),
    (HEAD + 'prefixes = ["198.18.1.1/28"]\n', [(3, "198.18.1.0/28 was probably meant")]),
    (HEAD + 'prefixes = ["a.example"]\n', [(3, "list a name under `domains`")]),
    (HEAD + 'prefixes = ["198.18.1.0/33"]\n', [(3, "is not an IPv4 or IPv6 address")]),
    (HEAD + 'prefixes = "198.18.1.0/28"\n', [(3, "a list such as")]),
    (HEAD + 'domains = ["a.example", 5]\n', [(3, "a text in quotes was expected, not 5")]),
    (HEAD + 'domains = ["198.18.1.1"]\n', [(3, "list it under `prefixes`")]),
    (HEAD + 'domains = ["https://a.example/x"]\n', [(3, "write the name alone: 'a.example'")]),
    (HEAD + 'domains = ["a.*.example"]\n', [(3, "has a `*` that is not in front")]),
    (HEAD + 'domains = ["=*.a.example"]\n', [(3, "has a `*` that is not in front")]),
    (HEAD + 'domains = ["a..example"]\n', [(3, "empty label")]),
    (HEAD + 'domains = ["||a.example^"]\n', [(3, "AdBlock")]),
    (HEAD + 'domains = [""]\n', [(3, "the entry is empty")]),
    (HEAD + 'domains = ["=", "a.example"]\n', [(3, "the entry is empty")]),
    (HEAD + 'domains = ["a.example:443"]\n', [(3, "names a port")]),
    (HEAD + 'domains = [".a.example"]\n', [(3, "begins with a dot")]),
    (HEAD, [(1, "lists nothing")]),
    (HEAD + "domains = []\n", [(1, "lists nothing")]),
    ('[[platform]]\ndomains = ["a.example"]\n', [(1, "`id` is missing")]),
    ('[[platform]]\nid = ""\ndomains = ["a.example"]\n', [(2, "is no identifier")]),
    ('[[platform]]\nid = "a b"\ndomains = ["a.example"]\n', [(2, "is no identifier")]),
    ('[[platform]]\nid = "allow"\ndomains = ["a.example"]\n', [(2, "stands for exceptions")]),
    (ONE + ONE.replace("a.ex", "b.ex"), [(5, "taken by the platform at line 1")]),
    ('[platform]\nid = "p"\n', [(1, "in two brackets")]),
    (ONE + "[[list]]\n", [(4, "write [list]")]),
    ("platform = 5\n", [(1, "in two brackets")]),
    (ONE + 'id = "p2"\n', [(4, "the key stands twice")]),
    (ONE + "name = unquoted\n", [(4, "text stands in quotes")]),
    (ONE + 'name = "open\n', [(4, "close the text with a quote")]),
    (HEAD + 'domains = ["a.example"\n', [(3, "close it with `]`")]),
    (HEAD + 'domains = ["a.example"\nname = "x"\n', [(3, "close it with `]`")]),
    (HEAD + 'domains = ["a.example"\n\n' + ONE, [(3, "close it with `]`")]),
    ('[list]\nname = "x"\n', [(0, "holds no entries")]),
    ("# nothing\n", [(0, "holds no entries")]),
    ('[[allow]]\nreason = "x"\n', [(1, "lists nothing")]),
]


@pytest.mark.parametrize(("text", "wanted"), MISTAKES)
def test_a_mistake_is_found_at_its_line_and_none_invented(text, wanted):
    parsed = native.parse(text, "x.toml")
    found = [(issue.origin.line, issue.message) for issue in parsed.issues]
    assert [line for line, _ in found] == [line for line, _ in wanted], found
    for (_, message), (_, part) in zip(found, wanted, strict=True):
        assert part in message
    assert {issue.severity for issue in parsed.issues} == {Severity.ERROR}


def test_all_mistakes_of_a_file_are_found_at_once():
    text, wanted = "", []
    alone = [(t, w) for t, w in MISTAKES if t.startswith("[[platform]]") and w[0][0] > 2]
    for number, (part, mistakes) in enumerate(alone):
        if part.count("[[") > 1 or "[list]" in part:
            continue
        first = text.count("\n")
        text += part.replace('"p1"', f'"q{number}"').replace("a.example", f"a{number}.example")
        wanted += [first + line for line, _ in mistakes]
    parsed = native.parse(text, "x.toml")
    assert [issue.origin.line for issue in parsed.issues] == wanted
    assert len(wanted) > 30


def test_tables_with_sound_syntax_are_read_beside_a_broken_one():
    parsed = native.parse(ONE + "[[platform]]\nid = oops\n" + ONE.replace("p1", "p2"), "x.toml")
    assert [issue.origin.line for issue in parsed.issues if issue.severity == "error"] == [5]
    assert {entry.rule.id for entry in parsed.names} == {"p1", "p2"}


WARNINGS = [
    (HEAD + 'domains = ["a.example", "A.example."]\n', 3, "listed at line 3 already"),
    (HEAD + 'prefixes = ["198.18.1.1",\n"198.18.1.1/32"]\n', 4, "listed at line 3 already"),
    (HEAD + 'action = "nxdomain"\ndomains = ["=a.example"]\n', 4, "RFC 8020"),
    (ONE + '[[allow]]\ndomains = ["b.a.example"]\n', 4, "`reason` is missing"),
    (ONE + '[[allow]]\ndomains = ["b.a.example"]\nreason = ""\n', 4, "`reason` is missing"),
]


@pytest.mark.parametrize(("text", "line", "part"), WARNINGS)
def test_warnings(text, line, part):
    (issue,) = native.parse(text, "x.toml").issues
    assert issue.severity is Severity.WARNING
    assert issue.origin.line == line
    assert part in issue.message


def test_a_duplicate_of_another_platform_is_kept_because_the_first_may_expire():
    parsed = native.parse(ONE + ONE.replace("p1", "p2"), "x.toml")
    assert [entry.rule.id for entry in parsed.names] == ["p1", "p2"]
    assert [issue.severity for issue in parsed.issues] == [Severity.WARNING]


def test_the_same_name_in_other_scopes_or_as_an_exception_is_no_duplicate():
    parsed = native.parse(
        HEAD
        + 'domains = ["a.example", "=a.example", "*.a.example"]\nprefixes = ["198.18.1.1"]\n'
        + '[[allow]]\nreason = "x"\ndomains = ["a.example"]\nprefixes = ["198.18.1.1"]\n',
        "x.toml",
    )
    assert parsed.issues == []
    assert parsed.entries == 6


def test_the_root_is_the_guards_business():
    parsed = native.parse(HEAD + 'domains = [".", "*", "=."]\n', "x.toml")
    assert {entry.name for entry in parsed.names} == {b""}
    assert not any(parsed.errors())


@pytest.mark.parametrize("key", ["check_cname", "check_addresses"])
@pytest.mark.parametrize(
    ("line", "wanted"), [("", None), ("{} = false", False), ("{} = true", True)]
)
def test_a_platform_says_itself_what_is_checked_or_leaves_it_to_the_configuration(
    key, line, wanted
):
    (entry,) = native.parse(ONE + line.format(key) + "\n", "x.toml").names
    assert getattr(entry.rule, key) is wanted


def test_crlf_is_read_and_counted_alike():
    parsed = native.parse(ONE.replace("\n", "\r\n") + "ttl = -1\r\n", "x.toml")
    assert [issue.origin.line for issue in parsed.issues] == [4]


def test_prefix_values():
    parsed = native.parse(HEAD + 'prefixes = ["2001:db8::1"]\n', "x.toml")
    assert parsed.prefixes[0].prefix == prefixes.parse("2001:db8::1/128")


@pytest.mark.parametrize("of_list", [True, False])
@pytest.mark.parametrize("own", [None, True, False])
def test_a_whole_list_is_tried_out_unless_a_platform_says_otherwise(of_list, own):
    said = "" if own is None else f"enforce = {str(own).lower()}\n"
    allow = '[[allow]]\nreason = "x"\ndomains = ["b.a.example"]\n'
    parsed = native.parse(f"[list]\nenforce = {str(of_list).lower()}\n{ONE}{said}{allow}", "x.toml")
    assert parsed.issues == []
    wanted = {"p1": of_list if own is None else own, "allow": of_list}
    assert {entry.rule.id: entry.rule.enforce for entry in parsed.names} == wanted
