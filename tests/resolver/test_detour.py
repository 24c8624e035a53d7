"""A question in place of a client's: the same but for the name, and it knows whose it is."""

import pytest

from blockd import names
from blockd.policy.reader import Verdict
from blockd.resolver import wire
from blockd.resolver.detour import Detour
from blockd.watchlist.model import Rule
from tests.resolver.messages import query

VERDICT = Verdict(Rule(id="p", source="l.toml"), names.parse("listed.example"), 1, alone=False)
GARDEN = names.parse("garden.example")


@pytest.mark.parametrize("qtype", ["A", "AAAA", "HTTPS"])
@pytest.mark.parametrize("edns", [True, False])
def test_it_asks_the_same_of_another_name(qtype, edns):
    asked = wire.parse_query(query("www.Listed.example", qtype, edns=edns))
    asked.key += b"subnet"
    found = Detour(asked, GARDEN, VERDICT, 7)
    assert (found.id, found.flags, found.edns) == (asked.id, asked.flags, asked.edns)
    assert found.question == GARDEN + b"\0" + asked.question[-4:]
    assert (found.name, found.qtype, found.qclass) == (GARDEN, asked.qtype, asked.qclass)
    assert found.instead_of is asked
    assert (found.verdict, found.epoch) == (VERDICT, 7)
    plain = wire.parse_query(query("garden.example", qtype, edns=edns))
    assert found.key == plain.key + b"subnet"  # equal questions share their answer
