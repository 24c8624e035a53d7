"""What an operator says about a whole source in place of what it says itself."""

import pytest

from blockd import config as configuration
from blockd import names
from blockd.config import Terms
from blockd.errors import ConfigError
from blockd.terms import Action, Basis, ListFormat
from blockd.watchlist import formats
from blockd.watchlist.formats import rpz
from blockd.watchlist.model import Scope
from blockd.watchlist.override import agreed, change, overridden

ZONE = """\
a.test CNAME .
*.a.test CNAME *.
b.test A 198.18.0.1
good.a.test CNAME rpz-passthru.
24.0.1.18.198.rpz-ip CNAME .
"""
OVERRIDES = [
    ("given", "=a.test nxdomain", "*.a.test nodata", "=b.test records"),
    ("nxdomain", "a.test nxdomain", "=b.test nxdomain"),
    ("NODATA", "a.test nodata", "=b.test nodata"),
    ("drop", "a.test drop", "=b.test drop"),
    ("tcp-only", "a.test tcp-only", "=b.test tcp-only"),
    ("cname garden.test", "a.test CNAME garden.test.", "=b.test CNAME garden.test."),
    ("passthru", "a.test allow", "=b.test allow"),
]


def shown(parsed):
    sign = {Scope.SUBTREE: "", Scope.EXACT: "=", Scope.BELOW: "*."}
    found = set()
    for entry in parsed.names:
        rule = entry.rule
        records = rule.records if rule.records != ("A 198.18.0.1",) else ("records",)
        said = "allow" if rule.allow else " ".join(records) or str(rule.action)
        found.add(f"{sign[entry.scope]}{names.to_text(entry.name)} {said}")
    return found


@pytest.mark.parametrize("case", OVERRIDES, ids=[case[0] for case in OVERRIDES])
def test_an_override_is_for_all_that_is_blocked_and_exceptions_stay(case):
    word, *wanted = case
    parsed = overridden(rpz.parse(ZONE, "x.rpz"), word)
    assert shown(parsed) == {*wanted, "=good.a.test allow"}
    assert parsed.prefixes[0].rule.allow == (word == "passthru")
    assert (parsed.entries, parsed.lines) == (5, 5)
    assert all(entry.rule.enforce for entry in parsed.names)


def test_disabled_counts_and_enforces_nothing():
    parsed = overridden(rpz.parse(ZONE, "x.rpz"), "disabled")
    assert not any(entry.rule.enforce for entry in [*parsed.names, *parsed.prefixes])
    assert len(parsed.names) == 4


def test_any_feed_can_be_overridden():
    parsed = overridden(formats.parse(b"a.test\nb.test\n", "x.txt"), "nodata")
    assert shown(parsed) == {"a.test nodata", "b.test nodata"}


@pytest.mark.parametrize("text", ["", "block", "cname", "nxdomain a.test", "cname a..b", "cname ."])
def test_what_is_no_override_is_a_configuration_error(text):
    with pytest.raises(ConfigError, match="action"):
        change(text)


@pytest.mark.parametrize("case", OVERRIDES, ids=[case[0] for case in OVERRIDES])
def test_the_configuration_takes_the_same_words(case):
    text = f"[[list.source]]\npath = 'a'\naction = '{case[0]}'\n"
    assert configuration.parse(text, "x").list.source[0].action == case[0]


def test_the_words_for_formats_are_those_that_are_read():
    assert list(ListFormat) == list(formats.FORMATS)


ATTRIBUTED = Terms(
    authority="Example Authority",
    basis=Basis.ORDER,
    reference="Notice 9",
    contact="mailto:a@b.test",
)
TABLE = b"""\
domain,authority,basis,reference
a.test,Example Court,request,R 1
b.test,,,
"""
NATIVE = b"[list]\nname = 'x'\n[[platform]]\nid = 'p'\ndomains = ['a.test']\n"


def word(parsed):
    return {
        (names.to_text(name), rule.authority, str(rule.basis), rule.reference, rule.contact)
        for name, _, rule, _ in parsed.names
    }


def test_a_feed_stands_on_the_word_that_the_operator_says_where_it_says_none():
    plain = agreed(formats.parse(b"a.test\n", "x.txt"), ATTRIBUTED)
    assert word(plain) == {
        ("a.test", "Example Authority", "order", "Notice 9", "mailto:a@b.test"),
    }  # fmt: skip
    assert word(agreed(formats.parse(TABLE, "x.csv"), ATTRIBUTED)) == {
        ("a.test", "Example Court", "request", "R 1", "mailto:a@b.test"),
        ("b.test", "Example Authority", "order", "Notice 9", "mailto:a@b.test"),
    }
    assert word(agreed(formats.parse(b"a.test\n", "x.txt"), Terms())) == {
        ("a.test", "", "policy", "", ""),
    }  # fmt: skip


def test_a_native_list_says_itself_on_whose_word_it_stands():
    parsed = formats.parse(NATIVE, "x.toml")
    assert agreed(parsed, ATTRIBUTED).names == parsed.names


@pytest.mark.parametrize(("content", "name"), [(NATIVE, "x.toml"), (TABLE, "x.csv")])
def test_a_source_in_shadow_is_read_and_blocks_nothing(content, name):
    parsed = agreed(formats.parse(content, name), Terms(enforce=False, action="nodata"))
    assert parsed.names
    assert not any(entry.rule.enforce for entry in parsed.names)
    assert {entry.rule.action for entry in parsed.names} == {Action.NODATA}


def test_terms_take_no_second_copy_of_a_large_list():
    import tracemalloc

    text = "".join(f"n{n}.test\n" for n in range(50_000)).encode()
    parsed = formats.parse(text, "x.txt")
    tracemalloc.start()
    agreed(parsed, ATTRIBUTED)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20, f"{peak} octets for 50,000 entries"
