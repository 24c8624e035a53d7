"""The configuration: its defaults, its mistakes, and the texts that stand for values."""

import tomllib
import typing

import msgspec
import pytest

from blockd import config as configuration
from blockd.config import Config, Endpoint, Network, Share, Size, TextValue
from blockd.errors import ConfigError
from blockd.prefixes import Prefix

DEFAULTS = """\
[list]
paths = ["/etc/blockd/rules.d"]

[resolver]
listen = ["0.0.0.0:53", "[::]:53"]
upstreams = []
allow = ["127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16",
  "::1/128", "fe80::/10", "fc00::/7"]
action = "nxdomain"
ttl = 60
cache = "64MB"

[routes]
enabled = true
table = 5354
preference = 5354
protocol = 177
type = "blackhole"
protect = []

[guard]
shortest_v4 = 16
shortest_v6 = 32
budget = "1%"

[service]
state = ""
run = ""
start_without_list = false
"""
"""Every key with its default. Whoever adds a key says here what it defaults to."""

SECTIONS = typing.get_type_hints(Config)
KEYS = [(section, key) for section, kind in SECTIONS.items() for key in typing.get_type_hints(kind)]


def test_every_key_has_its_documented_default():
    assert configuration.parse(DEFAULTS, "x") == Config() == configuration.parse("", "x")
    document = tomllib.loads(DEFAULTS)
    assert [(section, key) for section in document for key in document[section]] == KEYS


@pytest.mark.parametrize(("section", "key"), KEYS)
def test_a_misspelt_key_names_the_nearest(section, key):
    wrong = key[:-1] + "x" + key[-1]
    with pytest.raises(ConfigError, match="did you mean") as caught:
        configuration.parse(f"[{section}]\n{wrong} = 1\n", "b.toml")
    assert str(caught.value) == f"b.toml: unknown key `{section}.{wrong}`; did you mean `{key}`?"


MISTAKES = [
    ("[resolvr]\nttl = 5\n", "unknown key `resolvr`; did you mean `resolver`?"),
    ("[zzz]\n", "unknown key `zzz`; known are guard, list, resolver, routes, service"),
    ("[guard]\nqqqq = 1\n", "unknown key `guard.qqqq`; known are budget, shortest_v4, shortest_v6"),
    ("ttl = 60\n", "unknown key `ttl`"),
    ("[resolver]\nttl = 60\nttl = 70\n", "not valid TOML"),
    ("[resolver\n", "not valid TOML"),
    ("resolver = 5\n", "resolver: Expected `object`"),
    ("[resolver]\nttl = '60'\n", "resolver.ttl: Expected `int`"),
    ("[resolver]\nttl = -1\n", "resolver.ttl: Expected `int` >= 0"),
    ("[resolver]\nttl = 604801\n", "resolver.ttl: Expected `int` <= 604800"),
    ("[resolver]\naction = 'block'\n", "resolver.action: Invalid enum value 'block'"),
    ("[resolver]\nlisten = '0.0.0.0'\n", "resolver.listen: Expected `array`"),
    ("[resolver]\nlisten = ['a.example']\n", "'a.example' is not ADDRESS, ADDRESS:PORT or"),
    ("[resolver]\nlisten = [53]\n", "a text was expected, not 53"),
    ("[resolver]\nallow = ['10.0.0.1/8']\n", "10.0.0.0/8 was probably meant"),
    ("[resolver]\ncache = 64\n", "resolver.cache: a text was expected, not 64"),
    ("[routes]\ntable = 0\n", "routes.table: Expected `int` >= 1"),
    ("[routes]\ntable = 4294967295\n", "routes.table: Expected `int` <= 4294967294"),
    ("[routes]\npreference = 32766\n", "routes.preference: Expected `int` <= 32765"),
    ("[routes]\nprotocol = 4\n", "routes.protocol: Expected `int` >= 5"),
    ("[routes]\nprotocol = 256\n", "routes.protocol: Expected `int` <= 255"),
    ("[routes]\nenabled = 'yes'\n", "routes.enabled: Expected `bool`"),
    ("[routes]\ntype = 'throw'\n", "routes.type: Invalid enum value 'throw'"),
    ("[guard]\nshortest_v4 = 33\n", "guard.shortest_v4: Expected `int` <= 32"),
    ("[guard]\nshortest_v6 = 0\n", "guard.shortest_v6: Expected `int` >= 1"),
    ("[guard]\nbudget = 'some'\n", "guard.budget: 'some' is neither a number nor a share"),
    ("[list]\npaths = 'rules'\n", "list.paths: Expected `array`"),
]


@pytest.mark.parametrize(("text", "said"), MISTAKES)
def test_a_mistake_is_told_with_its_file_and_key(text, said):
    with pytest.raises(ConfigError) as caught:
        configuration.parse(text, "b.toml")
    assert str(caught.value).startswith("b.toml: ")
    assert said in str(caught.value)


def test_what_is_written_is_taken():
    config = configuration.parse(
        "[resolver]\nlisten = ['198.18.0.1']\nupstreams = ['[2001:db8::53]:5353']\n"
        "[guard]\nbudget = 7\n",
        "x",
    )
    assert config.resolver.listen == (Endpoint("198.18.0.1", 53),)
    assert config.resolver.upstreams == (Endpoint("2001:db8::53", 5353),)
    assert config.guard == msgspec.structs.replace(Config().guard, budget=Share(number=7))
    assert config.routes == Config().routes


GOOD = [
    (Endpoint, "198.18.0.53", "198.18.0.53:53"),
    (Endpoint, "198.18.0.53:5353", "198.18.0.53:5353"),
    (Endpoint, "2001:db8::53", "[2001:db8::53]:53"),
    (Endpoint, "[2001:DB8:0::53]", "[2001:db8::53]:53"),
    (Endpoint, "[2001:db8::53]:65535", "[2001:db8::53]:65535"),
    (Endpoint, "0.0.0.0:1", "0.0.0.0:1"),
    (Endpoint, "::", "[::]:53"),
    (Network, "10.0.0.0/8", "10.0.0.0/8"),
    (Network, "198.18.0.1", "198.18.0.1/32"),
    (Network, "2001:DB8::/32", "2001:db8::/32"),
    (Network, "0.0.0.0/0", "0.0.0.0/0"),
    (Share, 0, "0"),
    (Share, 12, "12"),
    (Share, "1%", "1%"),
    (Share, " 0.5 % ", "0.5%"),
    (Share, "0%", "0%"),
    (Size, "64MB", "64MB"),
    (Size, "1024 KB", "1MB"),
    (Size, "1GB", "1GB"),
    (Size, "1500", "1500B"),
    (Size, "7B", "7B"),
]


@pytest.mark.parametrize(("kind", "value", "shown"), GOOD)
def test_good_values_are_shown_in_one_form(kind, value, shown):
    parsed = kind.parse(value)
    assert str(parsed) == shown
    assert kind.parse(int(shown) if isinstance(value, int) else shown) == parsed
    assert hash(parsed) == hash(kind.parse(value))
    assert repr(parsed) == f"{kind.__name__}({shown!r})"


BAD = [
    (Endpoint, ["", ":53", "a.example", "198.18.0", "198.18.0.53/32", "198.18.0.53:", "[]:53"]),
    (Endpoint, ["198.18.0.53:0", "198.18.0.53:65536", "198.18.0.53:x", "198.18.0.53:٥٣", 53]),
    (Endpoint, ["[2001:db8::53", "2001:db8::53]", "[2001:db8::53]5353", "[2001:db8::53]:"]),
    (Endpoint, ["[::]:5:3", "[[::]]:53", "tls://198.18.0.55", "fe80::1%eth0"]),
    (Network, ["", "10.0.0.0/33", "10.0.0.1/8", "2001:db8::/129", "a.example", 10, None]),
    (Share, ["", "%", "1", "-1%", "1%%", "a%", -1, True, 0.5, None, ["1%"]]),
    (Size, ["", "MB", "-1MB", "1.5MB", "1TB", "1 mb", 64, None]),
]


@pytest.mark.parametrize(
    ("kind", "value"), [(kind, value) for kind, values in BAD for value in values]
)
def test_bad_values_are_told_in_a_sentence(kind, value):
    with pytest.raises(ValueError, match=r"not|neither|host bits"):
        kind.parse(value)


def test_values_of_two_kinds_are_never_equal():
    assert Network.parse("198.18.0.1") != Endpoint.parse("198.18.0.1")
    assert Endpoint.parse("198.18.0.1") != "198.18.0.1:53"
    assert len({Endpoint.parse("198.18.0.1"), Endpoint.parse("198.18.0.1:53")}) == 1


def test_what_values_hold():
    assert Network.parse("10.0.0.0/8").prefix == Prefix(4, 10 << 24, 8)
    assert [Size.parse(text).octets for text in ("2KB", "3", "1GB")] == [2048, 3, 1 << 30]
    assert [Share.parse(value).of(250) for value in ("1%", "0.5%", 7, "100%")] == [2, 1, 7, 250]
    with pytest.raises(NotImplementedError):
        TextValue.parse("x")
