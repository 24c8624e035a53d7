"""A hosts file: single names, each with an address of both families."""

from hypothesis import given, settings

from blockd import names
from blockd.policy.export import hosts
from blockd.watchlist import formats
from tests import entries
from tests.entries import UNIVERSE

LIST = b"""\
[[platform]]
id = "p"
domains = ["a.test", "=b.test", "*.c.test"]
[[platform]]
id = "r"
domains = ["page.test"]
action = "address"
addresses = ["198.18.0.80"]
[[allow]]
domains = ["good.a.test"]
reason = "a test"
"""


def test_a_file(contents_of):
    contents = contents_of([formats.parse(LIST, "a.toml")])
    lines = [line for line in hosts.lines(contents) if not line.startswith("#")]
    assert sorted(lines) == [
        "0.0.0.0 a.test", "0.0.0.0 b.test", "198.18.0.80 page.test", ":: a.test", ":: b.test",
    ]  # fmt: skip
    assert contents.lost == {hosts._BELOW: 3}


@settings(max_examples=40, deadline=None)
@given(entries.lists)
def test_no_name_stands_there_that_is_not_blocked(contents_of, sources):
    lines = [line for line in hosts.lines(contents_of(sources)) if not line.startswith("#")]
    listed = {names.parse(line.split()[1]) for line in lines}
    for wire in UNIVERSE:
        entry = entries.deciding(wire, sources)
        blocked = entry is not None and not entry.rule.allow
        assert (wire in listed) <= blocked
        if blocked and entry.name == wire:
            assert wire in listed
