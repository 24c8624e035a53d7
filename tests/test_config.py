"""The configuration: its defaults, and its mistakes."""

import re
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
    said = f"b.toml:2: unknown key `{section}.{wrong}`; did you mean `{key}`"
    assert str(caught.value).startswith(said)


MISTAKES = [
    ("[resolvr]\nttl = 5\n", "unknown key `resolvr`; did you mean `resolver`, as in `[resolver]`?"),
    (
        "[zzz]\n",
        "unknown key `zzz`; known are fetch, guard, list, notice, resolver, routes, service",
    ),
    ("[guard]\nqqqq = 1\n", "unknown key `guard.qqqq`; known are budget, max_added"),
    ("ttl = 60\n", "unknown key `ttl`; it belongs under [resolver]"),
    ("[resolver]\naction = 'nxdomian'\n", 'did you mean `action = "nxdomain"`?'),
    ("[routes]\nlisten = []\n", "`routes.listen`; it belongs under [resolver] or [notice]"),
    ("[list]\npath = 'a'\n", 'did you mean `paths`, as in `paths = ["/etc/blockd/rules.d"]`?'),
    ("[resolver]\nworkers = 1.5\n", "resolver.workers: 1.5 is not a whole number from 1 to 64"),
    ("[list]\npaths = [5]\n", "list.paths[0]: 5 is not a text in quotes; for example `paths = ["),
    ("[resolver]\naction = nodata\n", "texts stand in quotes, as in"),
    ("[resolver]\nttl = 60\nttl = 70\n", "not valid TOML"),
    ("[resolver\n", "not valid TOML"),
    ("resolver = 5\n", "resolver: 5 is not a table; for example `[resolver]`"),
    (
        "[resolver]\nttl = '60'\n",
        'resolver.ttl: "60" is not a whole number from 0 to 604800; for example `ttl = 60`',
    ),
    ("[resolver]\nttl = -1\n", "resolver.ttl: -1 is not a whole number from 0 to 604800"),
    ("[resolver]\nttl = 604801\n", "resolver.ttl: 604801 is not a whole number from 0"),
    (
        "[resolver]\naction = 'block'\n",
        'action: "block" is not one of nxdomain, nodata, zero, refused, drop, tcp-only; for',
    ),
    (
        "[resolver]\nlisten = '0.0.0.0'\n",
        'not an array of at least one; did you mean `listen = ["0.0.0.0"]`?',
    ),
    ("[resolver]\nlisten = ['a.example']\n", "'a.example' is not ADDRESS, ADDRESS:PORT or"),
    ("[resolver]\nlisten = [53]\n", "a text was expected, not 53"),
    ("[resolver]\nallow = ['10.0.0.1/8']\n", "10.0.0.0/8 was probably meant"),
    ("[resolver]\ncache = 64\n", "resolver.cache: a text was expected, not 64"),
    ("[resolver]\nstale = 86400\n", "resolver.stale: a text was expected, not 86400"),
    ("[resolver]\nstale = '1w'\n", "resolver.stale: '1w' is not a time such as '30s', '10m'"),
    (
        "[resolver]\nstrategy = 'quick'\n",
        '"quick" is not one of fastest, ordered, parallel; for example `strategy =',
    ),
    ("[resolver]\ndenied = 'ignore'\n", 'resolver.denied: "ignore" is not one of refuse, drop'),
    (
        "[resolver]\nrate_limit = -1\n",
        "resolver.rate_limit: -1 is not a whole number of at least 0",
    ),
    ("[resolver]\nworkers = 0\n", "resolver.workers: 0 is not a whole number from 1 to 64"),
    ("[resolver]\nworkers = 65\n", "resolver.workers: 65 is not a whole number from 1 to 64"),
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
    (
        "[resolver]\nzones = ['corp.example']\n",
        '"corp.example"] is not a table; for example `zones = { "corp.example" = [',
    ),
    (
        "[resolver.zones]\n'corp.example' = '10.0.0.53'\n",
        'did you mean `"corp.example" = ["10.0.0.53"]`?',
    ),
    (
        "[resolver.zones]\n'corp.example' = ['dns']\n",
        "resolver.zones.\"corp.example\"[0]: 'dns' is not",
    ),
    ("[routes]\ntable = 0\n", "routes.table: 0 is not a whole number from 1 to 4294967294"),
    ("[routes]\ntable = 4294967295\n", "routes.table: 4294967295 is not a whole number"),
    ("[routes]\ntable = 251\n", "routes: table 251 and the next one, which swaps use, must not be"),
    ("[routes]\ntable = 254\n", "routes: table 254 and the next one, which swaps use, must not be"),
    ("[routes]\npreference = 32766\n", "preference: 32766 is not a whole number from 1 to 32765"),
    ("[routes]\nprotocol = 4\n", "routes.protocol: 4 is not a whole number from 5 to 255"),
    ("[routes]\nprotocol = 256\n", "routes.protocol: 256 is not a whole number from 5 to"),
    ("[routes]\nenabled = 'yes'\n", '"yes" is not true or false; for example `enabled = true`'),
    ("[routes]\ntype = 'throw'\n", '"throw" is not one of blackhole, unreachable, prohibit'),
    ("[guard]\nshortest_v4 = 33\n", "guard.shortest_v4: 33 is not a whole number from 1 to 32"),
    ("[guard]\nshortest_v6 = 0\n", "guard.shortest_v6: 0 is not a whole number from 1"),
    ("[guard]\nnever = ['..']\n", "guard.never"),
    ("[guard]\nnever = ['198.18.0.1/16']\n", "host bits"),
    ("[guard]\nmust_resolve = ['a..example']\n", "neither a name nor an address"),
    ("[guard]\nrequire = ['reason']\n", "guard.require"),
    ("[guard]\nbudget = 'some'\n", "guard.budget: 'some' is neither a number nor a share"),
    ("[list]\npaths = 'rules'\n", '"rules" is not an array; did you mean `paths = ["rules"]`?'),
    ("[fetch]\ntimeout = 5\n", "fetch.timeout: a text was expected, not 5"),
    ("[notice]\nlisten = []\n", "notice.listen: [] is not an array of at least one"),
    ("[notice]\noperator = 'us'\n", "notice.operator: 'us' is no URI that a person can follow"),
    ("[notice]\noperator = 'javascript:x()'\n", "write https://..., mailto:... or tel:..."),
    ("[notice]\noperator = 'https://x.example/>'\n", "is no URI"),
]


@pytest.mark.parametrize(("text", "said"), MISTAKES)
def test_a_mistake_is_told_with_its_file_and_key(text, said):
    with pytest.raises(ConfigError) as caught:
        configuration.parse(text, "b.toml")
    assert re.match(r"b\.toml:[12345]: ", str(caught.value))
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
