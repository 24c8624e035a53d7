"""A zone that is exported reads as the generation that it came from."""

import ipaddress

from hypothesis import given, settings
from hypothesis import strategies as st

from blockd import names
from blockd.policy.export import rpz
from blockd.prefixes import Prefix
from blockd.watchlist import formats
from blockd.watchlist.compile import compile_rules
from blockd.watchlist.formats import rpz as zones
from blockd.watchlist.formats.rpz_triggers import trigger
from tests import entries
from tests.entries import CORNER, TODAY, UNIVERSE

LIST = b"""\
[[platform]]
id = "p"
domains = ["a.test", "=b.test", "*.c.test"]
prefixes = ["198.18.1.0/24", "2001:db8:1::/48"]
[[platform]]
id = "q"
domains = ["z.y.a.test"]
action = "records"
records = ["A 198.18.0.80", "TXT \\"a b\\""]
ttl = 5
[[platform]]
id = "r"
domains = ["refused.test"]
prefixes = ["198.18.2.0/24"]
check_addresses = false
check_cname = false
action = "refused"
[[platform]]
id = "s"
domains = ["=zero.test"]
action = "zero"
[[allow]]
domains = ["good.a.test"]
reason = "a test"
"""


def test_a_zone(contents_of):
    contents = contents_of([formats.parse(LIST, "a.toml")])
    lines = [line for line in rpz.lines(contents) if not line.startswith(";")]
    assert lines[:3] == [
        "$TTL 60",
        "@ SOA localhost. nobody.invalid. 7 3600 600 86400 60",
        "@ NS localhost.",
    ]
    assert sorted(lines[3:]) == sorted(
        [
            "a.test CNAME *.",  # an exception is below, so it may not be denied
            "*.a.test CNAME .",
            "b.test CNAME *.",
            "*.c.test CNAME .",
            "y.a.test CNAME .",  # between
            "*.y.a.test CNAME .",
            "z.y.a.test 5 A 198.18.0.80",
            'z.y.a.test 5 TXT "a b"',
            "*.z.y.a.test 5 A 198.18.0.80",
            '*.z.y.a.test 5 TXT "a b"',
            "refused.test CNAME *.",
            "*.refused.test CNAME *.",
            "zero.test A 0.0.0.0",
            "zero.test AAAA ::",
            "good.a.test CNAME rpz-passthru.",
            "*.good.a.test CNAME rpz-passthru.",
            "24.0.1.18.198.rpz-ip CNAME *.",
            "48.zz.1.db8.2001.rpz-ip CNAME *.",
        ]
    )
    assert {what.partition(",")[0]: count for what, count in contents.lost.items()} == {
        "names that block answers which lead to them too": 1,
        "entries answered NODATA instead of REFUSED": 2,
        "prefixes left out": 1,
    }


@settings(max_examples=50, deadline=None)
@given(entries.lists)
def test_what_is_read_back_blocks_the_same(contents_of, sources):
    text = "".join(f"{line}\n" for line in rpz.lines(contents_of(sources)))
    parsed = zones.parse(text, "back.rpz")
    assert parsed.issues == []
    assert parsed.entries + parsed.comments == parsed.lines
    compile_rules([parsed], TODAY)
    for wire in UNIVERSE:
        before, after = entries.deciding(wire, sources), entries.deciding(wire, [parsed])
        assert blocks(before) == blocks(after), names.to_text(wire)
    for prefix in CORNER:
        before = entries.deciding_prefix(prefix, sources)
        assert blocks(before) == blocks(entries.deciding_prefix(prefix, [parsed]))


def blocks(entry):
    return entry is not None and not entry.rule.allow


@given(st.ip_addresses(), st.integers(1, 128))
def test_every_prefix_is_written_as_it_is_read(address, length):
    network = ipaddress.ip_network((address, min(length, address.max_prefixlen)), strict=False)
    prefix = Prefix(network.version, int(network.network_address), network.prefixlen)
    assert trigger(rpz.encoded(prefix)) == prefix
