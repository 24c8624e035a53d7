"""Records that a rule answers with: by type, for every name it covers, and led to a garden."""

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

from blockd import names
from blockd.policy.reader import Verdict
from blockd.resolver import answers, extended, wire
from blockd.resolver.answers import Answers
from blockd.resolver.local_data import NONE, LocalData
from blockd.resolver.reply import parse_reply
from blockd.terms import Action, Basis
from blockd.watchlist.model import Rule

LISTED = "listed.example"
SOME = (
    "A 198.18.0.80",
    "A 198.18.0.81",
    "AAAA 2001:db8::80",
    'TXT "it is \\"listed\\"" "so it is"',
    "HTTPS 1 . alpn=h2",
    "MX 10 mail.garden.example.",
    "MX 20 mail.garden.example.",
    "SOA garden.example. desk.garden.example. 1 2 3 4 5",
    "TYPE65280 \\# 4 C00CC00C",
)
GARDEN = ("CNAME garden.example.",)


def rule(records, **fields):
    fields = {"id": "p001", "source": "list.toml", "reference": "Notice 7", **fields}
    return Rule(**{"action": Action.RECORDS, "records": records, **fields})


def query(name=f"www.{LISTED}", qtype="A", **options):
    message = dns.message.make_query(name, qtype, **{"use_edns": 0, **options})
    return wire.parse_query(message.to_wire())


def verdict(given, *, alone=False):
    return Verdict(given, names.parse(LISTED), 3, alone)


def answered(asked, given, *, limit=1232, made=None):
    packet = (made or Answers(Action.NXDOMAIN, 60, 41)).sinkhole(asked, verdict(given), limit)
    return dns.message.from_wire(packet)


def data(message):
    """Return the answer section's records as a list writes them, sorted."""
    return sorted(
        f"{dns.rdatatype.to_text(rrset.rdtype)} {item}"
        for rrset in message.answer
        for item in rrset
    )


def errors(message):
    return [int(option.code) for option in message.options if option.otype == dns.edns.EDE]


@pytest.mark.parametrize("qtype", ["A", "AAAA", "TXT", "HTTPS", "MX", "SOA", "TYPE65280"])
@pytest.mark.parametrize(
    "name", [LISTED, f"www.{LISTED}", f"A.b.{LISTED}", "a" * 63 + "." + LISTED]
)
def test_each_type_has_its_records_at_every_name_of_the_rule(name, qtype):
    message = answered(query(name, qtype), rule(SOME))
    expected = [text for text in SOME if text.startswith(f"{qtype} ")]
    shown = [
        text.replace("C00CC00C", "c00cc00c").replace("alpn=h2", 'alpn="h2"') for text in expected
    ]
    assert data(message) == sorted(shown)
    assert message.rcode() == dns.rcode.NOERROR
    assert [str(rrset.name) for rrset in message.answer] == [f"{name}."]
    assert [rrset.ttl for rrset in message.answer] == [60]
    assert message.authority == []
    assert errors(message) == [extended.FORGED, extended.BLOCKED]


@pytest.mark.parametrize("qtype", ["NS", "CAA", "SVCB", "TYPE65281", "CNAME"])
def test_other_types_are_denied_openly_with_an_soa(qtype):
    message = answered(query(qtype=qtype), rule(SOME))
    assert (message.rcode(), message.answer) == (dns.rcode.NOERROR, [])
    assert [str(rrset.name) for rrset in message.authority] == [f"{LISTED}."]
    assert errors(message) == [extended.BLOCKED]


def test_any_gets_one_small_record():
    message = answered(query(qtype="ANY"), rule(SOME))
    assert data(message) == ['HINFO "RFC8482" ""']
    assert errors(message) == [extended.FORGED, extended.BLOCKED]
    assert answered(query(qtype="ANY"), rule(())).answer == []


@pytest.mark.parametrize("qtype", ["A", "AAAA", "TXT", "ANY", "CNAME", "HTTPS", "TYPE65280"])
def test_a_cname_answers_every_question(qtype):
    message = answered(query(qtype=qtype), rule(GARDEN, ttl=5, basis=Basis.ORDER))
    assert data(message) == ["CNAME garden.example."]
    assert message.answer[0].ttl == 5
    assert errors(message) == [extended.FORGED, extended.CENSORED]


def test_a_rule_whose_records_cannot_be_read_blocks_all_the_same():
    for broken in ((), ("A of another version",)):
        message = answered(query(), rule(broken))
        assert (message.rcode(), message.answer, len(message.authority)) == (0, [], 1)
    assert data(answered(query(), rule(("NEW x", "A 198.18.0.80")))) == ["A 198.18.0.80"]


def test_what_does_not_fit_is_had_over_tcp():
    many = rule(tuple(f"A 198.18.0.{number}" for number in range(200)))
    message = answered(query(), many)
    assert (bool(message.flags & dns.flags.TC), message.answer) == (True, [])
    assert len(data(answered(query(), many, limit=65_535))) == 200


def test_one_maker_keeps_rules_and_types_apart():
    made = Answers(Action.NXDOMAIN, 60, 41)
    first, second = rule(("A 198.18.0.1",)), rule(("A 198.18.0.2", 'TXT "x"'))
    for _ in range(2):
        assert data(answered(query(), first, made=made)) == ["A 198.18.0.1"]
        assert data(answered(query(), second, made=made)) == ["A 198.18.0.2"]
        assert data(answered(query(qtype="TXT"), first, made=made)) == []
        assert data(answered(query(qtype="TXT"), second, made=made)) == ['TXT "x"']


def test_the_records_that_answer_are_chosen_by_type():
    local = LocalData()
    some, garden, empty = rule(SOME), rule(GARDEN), rule(())
    assert [local.kind(some, qtype) for qtype in (1, 16, 255, 2)] == [1, 16, 255, NONE]
    assert [local.kind(garden, qtype) for qtype in (1, 5, 255)] == [5, 5, 5]
    assert [local.kind(empty, qtype) for qtype in (1, 255)] == [NONE, NONE]


@pytest.mark.parametrize(
    ("given", "qtype", "target"),
    [
        (rule(GARDEN), "A", "garden.example"),
        (rule(GARDEN), "HTTPS", "garden.example"),
        (rule(("CNAME \\# 16 0647415244454E076578616D706C6500",)), "A", "garden.example"),
        (rule(GARDEN), "CNAME", None),
        (rule(GARDEN), "ANY", None),
        (rule(SOME), "A", None),
        (rule(GARDEN, action=None), "A", None),
        (rule(GARDEN, action=Action.NODATA), "A", None),
    ],
)
def test_the_garden_is_where_a_question_is_followed_to(given, qtype, target):
    made = Answers(Action.NXDOMAIN, 60, 41)
    found = made.garden(verdict(given), dns.rdatatype.from_text(qtype))
    assert found == (None if target is None else names.parse(target))


def upstream(*rrsets, rcode=0, truncated=False):
    reply = dns.message.make_response(dns.message.make_query("garden.example", "A"))
    reply.set_rcode(rcode)
    reply.flags |= dns.flags.TC if truncated else 0
    reply.answer = [dns.rrset.from_text("garden.example.", 9, "IN", *rrset) for rrset in rrsets]
    return parse_reply(reply.to_wire(), 12 + 16 + 4)


def spliced(asked, given, target, limit=1232, **more):
    return dns.message.from_wire(answers.spliced(asked, given, target, 60, limit, **more))


def test_a_garden_is_answered_whole_and_openly():
    target = upstream(("A", "198.18.0.80"), ("TXT", "x"))
    ttls = [(None, 60), (5, 5)]
    for own, ttl in ttls:
        asked = query()
        message = spliced(asked, rule(GARDEN, ttl=own), target, age=4)
        assert message.to_wire()[:2] == asked.id
        assert data(message) == ["A 198.18.0.80", "CNAME garden.example.", 'TXT "x"']
        assert [rrset.ttl for rrset in message.answer] == [ttl, 5, 5]
        assert str(message.answer[0].name) == f"www.{LISTED}."
        assert errors(message) == [extended.FORGED, extended.BLOCKED]
        assert message.flags & (dns.flags.AA | dns.flags.AD | dns.flags.TC) == 0


def test_a_garden_that_cannot_be_reached_is_still_no_way_to_the_listed_name():
    message = spliced(query(), rule(GARDEN), None)
    assert (message.rcode(), data(message)) == (0, ["CNAME garden.example."])
    blocked = [extended.FORGED, extended.BLOCKED]
    assert errors(message) == [*blocked, extended.NO_REACHABLE]
    failed = upstream(rcode=dns.rcode.SERVFAIL).changed(
        options=extended.error(extended.NETWORK, "why")
    )
    message = spliced(query(), rule(GARDEN), failed)
    assert (message.rcode(), data(message)) == (0, ["CNAME garden.example."])
    assert errors(message) == [*blocked, extended.NETWORK]


def test_a_garden_that_does_not_fit_is_had_over_tcp():
    cut = spliced(query(), rule(GARDEN), upstream(("A", "198.18.0.80"), truncated=True))
    assert cut.flags & dns.flags.TC
    large = upstream(("A", *(f"198.18.0.{number}" for number in range(100))))
    message = spliced(query(), rule(GARDEN), large)
    assert (bool(message.flags & dns.flags.TC), message.answer) == (True, [])
    assert len(data(spliced(query(), rule(GARDEN), large, 65_535))) == 101


def test_a_client_without_edns_gets_no_option():
    message = spliced(query(use_edns=-1), rule(GARDEN), upstream(("A", "198.18.0.80")), 512)
    assert (message.edns, len(data(message))) == (-1, 2)
