"""What no list may touch, and which entries do: from below, from above, and past exceptions."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd import names, prefixes
from blockd.errors import ConfigError
from blockd.values import Target
from blockd.watchlist import never
from blockd.watchlist.formats.entry import name_entry
from blockd.watchlist.model import NameEntry, Parsed, PrefixEntry, Rule, Scope
from blockd.watchlist.never import Never, Untouchable, exceptions
from tests.entries import CORNER, TEXTS

RULE = Rule(id="p", source="a.toml")
ALLOW = Rule(id="allow", source="a.toml", allow=True)


def parsed(*texts, rule=RULE):
    found = Parsed(source="a.toml", feed=False)
    for text in texts:
        if prefixes.is_meant(text):
            found.prefixes.append(PrefixEntry(prefixes.parse(text), rule, 1))
        else:
            found.names.append(NameEntry(*name_entry(text), rule, 1))
    return found


def touched(untouchable, listed, *excepted):
    items = Never(Untouchable(Target.parse(text), "a reason") for text in untouchable)
    source, exception = parsed(listed), parsed(*excepted, rule=ALLOW)
    holes = exceptions([source, exception])
    found = [*items.names(source.names, holes), *items.prefixes(source.prefixes, holes)]
    return found[0][1] if found else ""


@pytest.mark.parametrize(
    ("untouchable", "listed", "how"),
    [
        ("bank.example", "bank.example", "is what"),
        ("bank.example", "www.bank.example", "lies below bank.example, which"),
        ("bank.example", "=bank.example", "is what"),
        ("bank.example", "*.bank.example", "is what"),
        ("bank.example", "*.example", "covers bank.example, which"),
        ("bank.example", "=example", ""),
        ("bank.example", "mybank.example", ""),
        ("bank.example", "bank.test", ""),
        ("=bank.example", "bank.example", "is what"),
        ("=bank.example", "*.bank.example", ""),
        ("=bank.example", "www.bank.example", ""),
        ("=bank.example", "example", "covers"),
        ("198.18.4.0/24", "198.18.4.0/24", "is what"),
        ("198.18.4.0/24", "198.18.4.7", "lies within 198.18.4.0/24, which"),
        ("198.18.4.0/24", "198.18.0.0/16", "covers 198.18.4.0/24, which"),
        ("198.18.4.0/24", "198.18.5.0/24", ""),
        ("198.18.4.0/24", "2001:db8::/32", ""),
        ("2001:db8::/32", "2001:db8:1::/48", "lies within"),
    ],
)
def test_an_entry_touches_what_it_blocks_in_whole_or_in_part(untouchable, listed, how):
    for filler in (0, 40):  # few and many take different ways
        those = [untouchable, *(f"filler{number}.test" for number in range(filler))]
        said = touched(those, listed)
        assert (how in said) if how else not said
        assert not said or ": a reason; " in said


@pytest.mark.parametrize(
    ("untouchable", "listed", "excepted", "is_touched"),
    [
        ("dns.isp.example", "isp.example", "dns.isp.example", False),
        ("=dns.isp.example", "isp.example", "=dns.isp.example", False),
        ("dns.isp.example", "isp.example", "=dns.isp.example", True),
        ("a.dns.isp.example", "isp.example", "dns.isp.example", False),
        ("dns.isp.example", "isp.example", "isp.example", True),
        ("dns.isp.example", "isp.example", "example", True),
        ("dns.isp.example", "dns.isp.example", "dns.isp.example", True),
        ("198.18.4.0/24", "198.18.0.0/16", "198.18.4.0/23", False),
        ("198.18.4.0/24", "198.18.0.0/16", "198.18.4.0/25", True),
    ],
)
def test_what_an_exception_covers_whole_is_not_touched(untouchable, listed, excepted, is_touched):
    assert bool(touched([untouchable], listed, excepted)) is is_touched


def covers(scope, above, name):
    if above == name:
        return scope is not Scope.BELOW
    return scope is not Scope.EXACT and above in names.suffixes(name)


@given(
    st.lists(st.sampled_from(TEXTS).map(names.parse), min_size=1, max_size=3, unique=True),
    st.sampled_from(TEXTS).map(names.parse),
    st.sampled_from(Scope),
)
def test_without_exceptions_an_entry_touches_exactly_where_both_hold_a_name(those, name, scope):
    universe = [names.parse(f"z.{text}") for text in TEXTS] + [names.parse(t) for t in TEXTS]
    both = [
        each
        for each in universe
        if covers(scope, name, each) and any(covers(Scope.SUBTREE, it, each) for it in those)
    ]
    items = Never(Untouchable(Target(name=each), "x") for each in those)
    found = items.names([NameEntry(name, scope, RULE, 1)], never.Exceptions())
    assert bool(found) is bool(both)


@given(st.lists(st.sampled_from(CORNER), min_size=1, max_size=4), st.sampled_from(CORNER))
def test_a_prefix_touches_exactly_where_it_meets_another(those, prefix):
    items = Never(Untouchable(Target(prefix=each), "x") for each in those)
    found = items.prefixes([PrefixEntry(prefix, RULE, 1)], never.Exceptions())
    assert bool(found) is any(each.covers(prefix) or prefix.covers(each) for each in those)


def test_exceptions_touch_nothing():
    source = parsed("bank.example", "198.18.4.0/24", rule=ALLOW)
    items = Never(Untouchable(Target.parse(t), "x") for t in ("bank.example", "198.18.4.1"))
    assert not items.names(source.names, never.Exceptions())
    assert not items.prefixes(source.prefixes, never.Exceptions())


FILE = b"\xef\xbb\xbf# shared hosting\r\n\r\ncdn.example  # many sites\r\n198.18.4.0/24\n=a.test\n"


def test_a_file_has_a_target_a_line_with_a_comment_that_is_the_reason():
    found = never.read(FILE, "cdn.txt")
    assert [(str(target), why) for target, why in found] == [
        ("cdn.example", "cdn.txt:3 (many sites)"),
        ("198.18.4.0/24", "cdn.txt:4"),
        ("=a.test", "cdn.txt:5"),
    ]
    assert never.kept(never.write(found)) == found


@given(st.binary(max_size=60))
def test_arbitrary_bytes_are_targets_or_a_mistake_of_the_configuration(content):
    found = []
    with contextlib.suppress(ConfigError):
        found = never.read(content, "x")
    assert never.kept(never.write(found)) == found


def test_a_mistake_is_told_with_its_line():
    with pytest.raises(ConfigError, match=r"x:2: 'a\.\.b' is neither a name nor an address"):
        never.read(b"a.example\na..b  # what\n", "x")
