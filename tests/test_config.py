"""The configuration: its defaults, and its mistakes."""

import tomllib
import typing

import msgspec
import pytest

from blockd import config as configuration
from blockd.config import (
    Config,
    Endpoint,
    Share,
    Upstream,
)
from blockd.errors import ConfigError

DEFAULTS = """\
[list]
paths = ["/etc/blockd/rules.d"]
source = []

[resolver]
listen = ["0.0.0.0:53", "[::]:53"]
upstreams = []
strategy = "fastest"
zones = {}
allow = ["127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16",
  "::1/128", "fe80::/10", "fc00::/7"]
action = "nxdomain"
ttl = 60
cache = "64MB"
stale = "1d"
denied = "refuse"
rate_limit = 1000
check_cname = true
check_addresses = true
case_randomization = false
client_subnet = false
workers = 1
listen_tls = []
certificate = ""
key = ""

[routes]
enabled = true
table = 5354
preference = 5354
protocol = 177
type = "blackhole"
protect = []
withdraw_on_stop = true

[guard]
shortest_v4 = 16
shortest_v6 = 32
max_added = "50%"
max_removed = "20%"
budget = "1%"
require = []
never = []
must_resolve = []
must_block = []

[fetch]
spool = "/var/spool/blockd"
ca = ""
largest = "256MB"
timeout = "5m"

[notice]
listen = ["127.0.0.1:80"]
operator = ""

[service]
state = ""
run = ""
start_without_list = false
metrics = "127.0.0.1:9353"
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
    (
        "[zzz]\n",
        "unknown key `zzz`; known are fetch, guard, list, notice, resolver, routes, service",
    ),
    ("[guard]\nqqqq = 1\n", "unknown key `guard.qqqq`; known are budget, max_added"),
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
    ("[resolver]\nstale = 86400\n", "resolver.stale: a text was expected, not 86400"),
    ("[resolver]\nstale = '1w'\n", "resolver.stale: '1w' is not a time such as '30s', '10m'"),
    ("[resolver]\nstrategy = 'quick'\n", "resolver.strategy: Invalid enum value 'quick'"),
    ("[resolver]\ndenied = 'ignore'\n", "resolver.denied: Invalid enum value 'ignore'"),
    ("[resolver]\nrate_limit = -1\n", "resolver.rate_limit: Expected `int` >= 0"),
    ("[resolver]\nworkers = 0\n", "resolver.workers: Expected `int` >= 1"),
    ("[resolver]\nworkers = 65\n", "resolver.workers: Expected `int` <= 64"),
    ("[resolver]\nupstreams = ['198.18.0.53', 'doh://x']\n", "resolver.upstreams[1]: 'doh://x': "),
    ("[resolver]\nupstreams = ['tls://198.18.0.55']\n", "write tls://ADDRESS#NAME"),
    ("[resolver]\nlisten_tls = ['tls://[::]:853']\n", "resolver.listen_tls[0]: "),
    ("[resolver]\nlisten_tls = ['0.0.0.0:53']\n", "0.0.0.0:53 stands in listen too"),
    ("[resolver]\naction = 'address'\n", "resolver.action: address needs what to answer with"),
    ("[resolver]\naction = 'records'\n", "resolver.action: records needs what to answer with"),
    ("[resolver.zones]\n'corp..example' = ['10.0.0.53']\n", "resolver.zones: "),
    ("[resolver.zones]\n'corp.example' = []\n", "'corp.example' has no upstream"),
    (
        "[resolver.zones]\na = ['10.0.0.53']\n'A.' = ['10.0.0.53']\n",
        "resolver.zones: 'A.' and 'a' are the same name",
    ),
    ("[resolver]\nzones = ['corp.example']\n", "resolver.zones: Expected `object`"),
    ("[resolver.zones]\n'corp.example' = '10.0.0.53'\n", "resolver.zones[...]: Expected `array`"),
    ("[resolver.zones]\n'corp.example' = ['dns']\n", "resolver.zones[...][0]: 'dns' is not"),
    ("[routes]\ntable = 0\n", "routes.table: Expected `int` >= 1"),
    ("[routes]\ntable = 4294967295\n", "routes.table: Expected `int` <= 4294967294"),
    ("[routes]\ntable = 251\n", "routes: table 251 and the next one, which swaps use, must not be"),
    ("[routes]\ntable = 254\n", "routes: table 254 and the next one, which swaps use, must not be"),
    ("[routes]\npreference = 32766\n", "routes.preference: Expected `int` <= 32765"),
    ("[routes]\nprotocol = 4\n", "routes.protocol: Expected `int` >= 5"),
    ("[routes]\nprotocol = 256\n", "routes.protocol: Expected `int` <= 255"),
    ("[routes]\nenabled = 'yes'\n", "routes.enabled: Expected `bool`"),
    ("[routes]\ntype = 'throw'\n", "routes.type: Invalid enum value 'throw'"),
    ("[guard]\nshortest_v4 = 33\n", "guard.shortest_v4: Expected `int` <= 32"),
    ("[guard]\nshortest_v6 = 0\n", "guard.shortest_v6: Expected `int` >= 1"),
    ("[guard]\nnever = ['..']\n", "guard.never"),
    ("[guard]\nnever = ['198.18.0.1/16']\n", "host bits"),
    ("[guard]\nmust_resolve = ['a..example']\n", "neither a name nor an address"),
    ("[guard]\nrequire = ['reason']\n", "guard.require"),
    ("[guard]\nbudget = 'some'\n", "guard.budget: 'some' is neither a number nor a share"),
    ("[list]\npaths = 'rules'\n", "list.paths: Expected `array`"),
    ("[fetch]\ntimeout = 5\n", "fetch.timeout: a text was expected, not 5"),
    ("[notice]\nlisten = []\n", "notice.listen: Expected `array` of length >= 1"),
    ("[notice]\noperator = 'us'\n", "notice.operator: 'us' is no URI that a person can follow"),
    ("[notice]\noperator = 'javascript:x()'\n", "write https://..., mailto:... or tel:..."),
    ("[notice]\noperator = 'https://x.example/>'\n", "is no URI"),
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
    assert config.resolver.upstreams == (Upstream(Endpoint("2001:db8::53", 5353)),)
    assert config.guard == msgspec.structs.replace(Config().guard, budget=Share(number=7))
    assert config.routes == Config().routes


def test_zones_have_upstreams_of_their_own_and_names_of_any_kind():
    config = configuration.parse(
        "[resolver.zones]\n'corp.example' = ['10.0.0.53', 'tls://10.0.0.54#dns.corp.example']\n"
        "ttl = ['10.0.0.55:5353']\n",
        "x",
    )
    shown = {zone: [str(each) for each in found] for zone, found in config.resolver.zones.items()}
    assert shown == {
        "corp.example": ["10.0.0.53:53", "tls://10.0.0.54:853#dns.corp.example"],
        "ttl": ["10.0.0.55:5353"],
    }
