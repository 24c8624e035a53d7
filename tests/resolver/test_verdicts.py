"""What a policy says: by name, by what an answer holds, by the way that a query came."""

import dns.message
import dns.rrset
import pytest

from blockd import names
from blockd.config import ResolverSection
from blockd.policy.reader import Policy
from blockd.resolver import wire
from blockd.resolver.cache import Cache
from blockd.resolver.reply import parse_reply
from blockd.resolver.verdicts import Verdicts
from tests.resolver.messages import query, reply

RULES = """
[[platform]]
id = "l"
domains = ["listed.test"]
[[platform]]
id = "t"
domains = ["tcp.test"]
action = "tcp-only"
[[platform]]
id = "d"
domains = ["drop.test"]
action = "drop"
[[platform]]
id = "s"
domains = ["shadow.test"]
enforce = false
[[allow]]
reason = "r"
domains = ["open.listed.test"]
"""


@pytest.fixture
def said(policy_of):
    return Verdicts(policy_of(RULES), ResolverSection(), 3)


def answered(*zone, name="www.test"):
    """A query, and the answer that an upstream gives."""
    packet = query(name)
    asked = wire.parse_query(packet)
    return asked, parse_reply(reply(packet, *zone), 12 + len(asked.question))


def leading_to(target, name="www.test"):
    return answered(f"{name} 60 CNAME {target}", f"{target} 60 A 198.18.0.1", name=name)


@pytest.mark.parametrize(
    ("name", "by_udp", "by_tcp"),
    [
        ("www.listed.test", True, True),
        ("www.open.listed.test", False, False),
        ("tcp.test", True, False),
        ("drop.test", True, True),
    ],
)
def test_a_rule_blocks_by_one_way_or_both(said, name, by_udp, by_tcp):
    verdict = said.of(names.parse(name))
    assert (said.blocks(verdict, tcp=False), said.blocks(verdict, tcp=True)) == (by_udp, by_tcp)


@pytest.mark.parametrize("name", ["test", "free.test", "shadow.test"])
def test_of_what_is_not_listed_nothing_is_said(said, name):
    assert said.of(names.parse(name)) is None


def test_an_answer_is_judged_once_and_so_is_what_is_kept(said, monkeypatch):
    looked = []
    match = Policy.match
    monkeypatch.setattr(Policy, "match", lambda *given: looked.append(given[1]) or match(*given))

    def looks():
        """Return the names looked up since the last time, and judge another answer."""
        found = looked[:]
        said.hidden(*leading_to("free.test"))
        looked.clear()
        return found

    asked, answer = leading_to("listed.test")
    assert said.hidden(asked, answer).rule.id == said.hidden(asked, answer).rule.id == "l"
    once = looks()
    assert once.count(names.parse("listed.test")) == 1
    kept = Cache(1_000_000, 0).put(asked.key, answer, 0.0)
    assert said.hidden_in(asked, kept) == said.hidden_in(asked, kept) == kept.blocked[1]
    assert looks() == once
    assert said.hidden_in(asked, kept) == kept.blocked[1]
    assert looks() == []
    kept.blocked = (said.epoch - 1, kept.blocked[1])  # of another policy, and of no account
    assert said.hidden_in(asked, kept) is not None
    assert looks() == once


@pytest.mark.parametrize(
    ("target", "excepted", "drops"),
    [("drop.test", False, True), ("drop.test", True, False), ("listed.test", False, False)],
)
def test_what_is_kept_is_dropped_where_the_rule_says_so(said, target, excepted, drops):
    asked, answer = leading_to(target)
    asked.excepted = excepted
    kept = Cache(1_000_000, 0).put(asked.key, answer, 0.0)
    assert said.drops(asked, kept) is drops


@pytest.mark.parametrize(
    ("sender", "target", "hidden", "withheld"),
    [
        ("tcp.test", "free.test", None, False),
        ("tcp.test", "listed.test", None, True),
        ("listed.test", "www.listed.test", None, False),  # its own garden
        ("tcp.test", "free.test", "drop.test", True),
        ("tcp.test", "open.listed.test", "drop.test", False),  # the exception covers it
    ],
)
def test_no_rule_sends_to_what_another_one_blocks(said, sender, target, hidden, withheld):
    of_sender = said.of(names.parse(sender))
    of_answer = None if hidden is None else said.of(names.parse(hidden))
    assert said.withholds(names.parse(target), of_sender, of_answer, tcp=False) is withheld


def test_what_is_not_enforced_is_told_and_blocks_nothing(said):
    asked, answer = leading_to("shadow.test")
    assert said.hidden(asked, answer) is None
    assert said.shadowed(asked, answer).rule.id == "s"
    asked.excepted = True
    assert said.shadowed(asked, answer) is None


@pytest.mark.parametrize(("excepted", "stays"), [(False, False), (True, True)])
def test_what_nobody_asked_for_stays_where_an_exception_covers_the_name(said, excepted, stays):
    packet = query("www.test")
    asked = wire.parse_query(packet)
    asked.excepted = excepted
    message = dns.message.make_response(dns.message.from_wire(packet))
    message.answer = [dns.rrset.from_text("www.test.", 60, "IN", "MX", "1 listed.test.")]
    message.additional = [dns.rrset.from_text("listed.test.", 60, "IN", "A", "198.18.0.1")]
    answer = parse_reply(message.to_wire(), 12 + len(asked.question))
    assert (said.beside(asked, answer) < 0) is stays


def test_without_a_policy_nothing_is_listed():
    said = Verdicts(None, ResolverSection(), 1)
    asked, answer = leading_to("listed.test")
    assert said.of(names.parse("listed.test")) is None
    assert said.hidden(asked, answer) is None
    assert said.shadowed(asked, answer) is None
    assert said.beside(asked, answer) < 0
