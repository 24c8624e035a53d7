"""Unbound's local zones: the closest zone counts; what they cannot say is left open."""

from hypothesis import given, settings

from blockd import names
from blockd.policy.export import unbound
from blockd.watchlist import formats
from tests import entries
from tests.entries import UNIVERSE

LIST = b"""\
[[platform]]
id = "p"
domains = ["a.test", "=b.test", "*.c.test"]
prefixes = ["198.18.1.0/24"]
[[platform]]
id = "q"
domains = ["drop.test", "=drop.b.test"]
action = "drop"
[[platform]]
id = "r"
domains = ["page.test", "=page.b.test"]
action = "records"
records = ["A 198.18.0.80", "TXT \\"it's\\""]
ttl = 5
[[platform]]
id = "s"
domains = ["slow.test"]
action = "tcp-only"
[[allow]]
domains = ["good.a.test"]
reason = "a test"
"""


def test_the_zones(contents_of):
    contents = contents_of([formats.parse(LIST, "a.toml")])
    lines = [line for line in unbound.lines(contents) if not line.startswith("#")]
    assert lines[0] == "server:"
    assert sorted(lines[1:]) == sorted(
        [
            'local-zone: "a.test." always_nxdomain',
            'local-zone: "b.test." transparent',
            "local-data: 'b.test. 60 IN TYPE65280 \\# 0'",
            'local-zone: "c.test." always_transparent',
            'local-zone: "drop.test." always_deny',
            'local-zone: "drop.b.test." transparent',
            "local-data: 'drop.b.test. 60 IN TYPE65280 \\# 0'",
            'local-zone: "page.test." redirect',
            "local-data: 'page.test. 5 IN A 198.18.0.80'",
            "local-data: 'page.test. 5 IN TXT \"it\\039s\"'",
            'local-zone: "page.b.test." transparent',
            "local-data: 'page.b.test. 5 IN A 198.18.0.80'",
            "local-data: 'page.b.test. 5 IN TXT \"it\\039s\"'",
            'local-zone: "slow.test." always_transparent',
            'local-zone: "good.a.test." always_transparent',
        ]
    )
    assert contents.lost == {unbound._OPEN: 1, unbound._OTHERWISE: 1} | {
        "names left open, since only an RPZ can send a query to TCP": 1,
        "prefixes left out, since local zones know names alone": 1,
    }


@settings(max_examples=60, deadline=None)
@given(entries.lists)
def test_the_zones_block_what_the_generation_blocks_or_are_open_and_counted(contents_of, sources):
    contents = contents_of(sources)
    zones = {}
    for line in unbound.lines(contents):
        if line.startswith("local-zone"):
            _, name, kind = line.split()
            zones[names.parse(name.strip('"'))] = kind
    left_open = set()
    for wire in UNIVERSE:
        closest = next((each for each in names.suffixes(wire) if each in zones), b"")
        kind = zones.get(closest, "none")
        blocked = kind.startswith("always_n") or (kind == "transparent" and closest == wire)
        entry = entries.deciding(wire, sources)
        if blocked != (entry is not None and not entry.rule.allow):
            assert not blocked
            left_open.add(closest)
    assert len(left_open) <= contents.lost[unbound._OPEN]
