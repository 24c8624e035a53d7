"""Owners of response policy zones: names, wildcards, prefixes, and what blockd has nothing for."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd import names
from blockd.errors import NameFormError, PrefixFormError
from blockd.prefixes import Prefix
from blockd.watchlist.formats.rpz_triggers import NameTrigger, Unsupported, trigger
from blockd.watchlist.model import Scope


@pytest.mark.parametrize(
    ("owner", "scope", "name"),
    [
        ("a.example", Scope.EXACT, "a.example"),
        ("*.a.example", Scope.BELOW, "a.example"),
        ("A.Example", Scope.EXACT, "a.example"),
        ("example", Scope.EXACT, "example"),
        ("*.example", Scope.BELOW, "example"),
        ("xn--fsq.example", Scope.EXACT, "xn--fsq.example"),
        ("_dns.a.example", Scope.EXACT, "_dns.a.example"),
        ("rpz-ip.example", Scope.EXACT, "rpz-ip.example"),
    ],
)
def test_a_name_is_itself_and_a_wildcard_what_is_below(owner, scope, name):
    assert trigger(owner) == NameTrigger(scope, names.parse(name))


def test_the_wildcard_alone_is_everything():
    assert trigger("*") == NameTrigger(Scope.BELOW, b"")  # which the guard refuses


PREFIXES = [
    ("32.1.0.18.198.rpz-ip", "198.18.0.1/32"),
    ("24.0.1.18.198.RPZ-IP", "198.18.1.0/24"),
    ("48.zz.1.db8.2001.rpz-ip", "2001:db8:1::/48"),
    ("128.1.zz.db8.2001.rpz-ip", "2001:db8::1/128"),
    ("128.zz.rpz-ip", "::/128"),
    ("8.zz.ff00.rpz-ip", "ff00::/8"),
    ("128.1.zz.rpz-ip", "::1/128"),
    ("128.8.7.6.5.4.3.db8.2001.rpz-ip", "2001:db8:3:4:5:6:7:8/128"),
    ("64.0.0.0.0.4.3.db8.2001.rpz-ip", "2001:db8:3:4::/64"),
]


@pytest.mark.parametrize(("owner", "text"), PREFIXES)
def test_a_prefix_is_written_from_its_end(owner, text):
    network = ipaddress.ip_network(text)
    wanted = Prefix(network.version, int(network.network_address), network.prefixlen)
    assert trigger(owner) == wanted


def encoded(network):
    """A prefix as RPZ writes it, in the shortest form."""
    text = str(network.network_address)
    if network.version == 4:
        labels = text.split(".")
    else:
        text = text.replace("::", ":zz:").strip(":")
        labels = text.split(":")
    return ".".join([str(network.prefixlen), *reversed(labels), "rpz-ip"])


networks = st.tuples(st.ip_addresses(), st.integers(1, 128)).map(
    lambda drawn: ipaddress.ip_network(
        (drawn[0], min(drawn[1], drawn[0].max_prefixlen)), strict=False
    )
)


@given(networks)
def test_every_prefix_is_read_as_it_was_written(network):
    wanted = Prefix(network.version, int(network.network_address), network.prefixlen)
    assert trigger(encoded(network)) == wanted


BAD = [
    ("33.1.0.18.198.rpz-ip", "length from 1 to 32"),
    ("0.0.0.0.0.rpz-ip", "length from 1 to 32"),
    ("129.zz.rpz-ip", "length from 1 to 128"),
    ("024.0.1.18.198.rpz-ip", "length from 1 to 32"),
    ("24.1.1.18.198.rpz-ip", "198.18.1.0/24 was probably meant"),
    ("32.1.0.18.256.rpz-ip", "not an IPv4 or IPv6 address"),
    ("32.01.0.18.198.rpz-ip", "is no prefix"),
    ("32.1.0.18.rpz-ip", "is no prefix"),
    ("32.1.0.18.198.198.rpz-ip", "is no prefix"),
    ("48.zz.1.zz.2001.rpz-ip", "is no prefix"),
    ("48.zz.8.7.6.5.4.3.2.1.rpz-ip", "is no prefix"),
    ("48.zz.g.2001.rpz-ip", "is no prefix"),
    ("*.32.1.0.18.198.rpz-ip", "is no prefix"),
    ("rpz-ip", "is no prefix"),
    ("a.rpz-foo", "no trigger of RPZ"),
    ("198.18.0.1", "write `32.1.0.18.198.rpz-ip`"),
    ("a..example", "empty label"),
    ("a.*.example", "not in front"),
    ("*.*.example", "is no owner"),
    ("=a.example", "write `name` or"),
    ("a b", "blank"),
    ("a\\.b.example", "characters other than"),
    ("-a.example", "hyphen"),
]


@pytest.mark.parametrize(("owner", "part"), BAD)
def test_a_malformed_owner_is_nothing_else(owner, part):
    with pytest.raises((NameFormError, PrefixFormError), match=part):
        trigger(owner)


@pytest.mark.parametrize("kind", ["rpz-client-ip", "rpz-nsip", "rpz-nsdname"])
def test_other_triggers_are_named(kind):
    assert trigger(f"32.1.0.18.198.{kind}").kind == kind


LABEL = st.sampled_from(["32", "1", "198", "256", "zz", "db8", "*", "a", "", "rpz-ip", "rpz-nsip"])


@given(st.lists(LABEL, min_size=1, max_size=10).map(".".join) | st.text(min_size=1, max_size=20))
def test_any_owner_is_a_trigger_or_an_error_and_never_a_wider_one(owner):
    try:
        found = trigger(owner)
    except (NameFormError, PrefixFormError):
        return
    if isinstance(found, NameTrigger):
        text = names.to_unicode(found.name)
        assert found.name == b"" or names.parse(text) == names.parse(owner.removeprefix("*."))
        assert (found.scope is Scope.BELOW) == owner.startswith("*")
    elif isinstance(found, Prefix):
        assert owner.lower().endswith(".rpz-ip")
        assert owner.partition(".")[0] == str(found.length)
    else:
        assert isinstance(found, Unsupported)
