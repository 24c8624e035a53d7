"""dnsmasq's options: the closest domain counts, and all names can be said exactly."""

from hypothesis import given, settings

from blockd import names
from blockd.policy.export import dnsmasq
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
domains = ["zero.test"]
action = "zero"
[[platform]]
id = "r"
domains = ["page.test"]
action = "address"
addresses = ["198.18.0.80", "2001:db8::80"]
[[allow]]
domains = ["good.a.test"]
reason = "a test"
"""


def test_the_options(contents_of):
    contents = contents_of([formats.parse(LIST, "a.toml")])
    lines = [line for line in dnsmasq.lines(contents) if not line.startswith("#")]
    assert sorted(lines) == [
        "address=/*.c.test/",
        "address=/a.test/",
        "address=/b.test/",
        "address=/page.test/198.18.0.80",
        "address=/page.test/2001:db8::80",
        "address=/zero.test/#",
        "server=/*.b.test/#",
        "server=/good.a.test/#",
    ]
    assert list(contents.lost.values()) == [2, 1]  # a.test and b.test are NODATA here; a prefix


def says(options, name):
    """What dnsmasq does with a name, as dnsmasq(8) says it: the closest domain, itself first."""
    suffixes = [names.to_text(each) for each in names.suffixes(name)]
    for place, suffix in enumerate(suffixes):
        if place and f"*.{suffix}" in options:
            return options[f"*.{suffix}"]
        if suffix in options:
            return options[suffix]
    return "server"


@settings(max_examples=60, deadline=None)
@given(entries.lists)
def test_the_options_block_what_the_generation_blocks(contents_of, sources):
    options = {}
    for line in dnsmasq.lines(contents_of(sources)):
        if not line.startswith("#"):
            word, domain, _ = line.split("/")
            assert options.setdefault(domain, word) == word
    for wire in UNIVERSE:
        entry = entries.deciding(wire, sources)
        blocked = entry is not None and not entry.rule.allow
        assert says(options, wire).startswith("address") == blocked, names.to_text(wire)
