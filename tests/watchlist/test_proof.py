"""What a whole rule set must do before it is in force: canaries, and not too much of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd.config import GuardSection
from blockd.values import Target
from blockd.watchlist import proof
from blockd.watchlist.compile import compile_rules
from blockd.watchlist.formats import parse
from tests import entries

LIST = b"""\
[[platform]]
id = "p"
domains = ["shop.example", "=only.example", "*.below.example"]
prefixes = ["198.18.1.0/28", "198.18.1.16/28", "2001:db8:1::/48"]
[[allow]]
reason = "x"
domains = ["good.shop.example"]
prefixes = ["198.18.1.8/32"]
[[platform]]
id = "s"
enforce = false
domains = ["shadow.example"]
"""
RULES = compile_rules([parse(LIST, "a.toml")], entries.TODAY)

CANARIES = [
    ("shop.example", True, True),
    ("www.shop.example", True, True),
    ("good.shop.example", False, False),
    ("a.good.shop.example", False, False),
    ("only.example", True, True),
    ("www.only.example", False, False),
    ("below.example", False, False),
    ("www.below.example", True, True),
    ("other.example", False, False),
    ("shadow.example", False, False),
    ("198.18.1.1", True, True),
    ("198.18.1.8", False, False),
    ("198.18.1.0/27", False, True),
    ("198.18.1.16/29", True, True),
    ("198.18.1.24/29", True, True),
    ("198.18.2.0/24", False, False),
    ("2001:db8:1:2::/64", True, True),
    ("198.18.0.0/16", False, True),
]


@pytest.mark.parametrize(("canary", "whole", "in_part"), CANARIES)
def test_a_canary_resolves_where_nothing_of_it_is_blocked_and_is_blocked_where_all_is(
    canary, whole, in_part
):
    target = (Target.parse(canary),)
    resolves = proof.objections(RULES, GuardSection(must_resolve=target))
    blocks = proof.objections(RULES, GuardSection(must_block=target))
    assert (len(resolves), len(blocks)) == (in_part, not whole)
    assert all(f" {target[0]} would be blocked by " in said for said in resolves)
    assert all("a.toml:" in said for said in resolves)


@given(entries.lists, st.sampled_from(entries.UNIVERSE))
def test_what_decides_is_what_a_look_at_every_entry_finds(sources, name):
    rules = compile_rules(sources, entries.TODAY)
    assert proof.deciding(rules, name) == entries.deciding(name, sources)


def test_more_than_half_of_the_address_space_is_too_much_for_any_list():
    wide = "".join(f'"{first}.0.0.0/8",' for first in range(1, 120) if first not in {10, 100})
    rules = compile_rules(
        [parse(f"[[platform]]\nid = 'p'\nprefixes = [{wide}]\n".encode(), "a.toml")], entries.TODAY
    )
    (said,) = proof.objections(rules, GuardSection())
    assert said.startswith("the list covers 52 % of IPv4's unicast addresses")
