"""What is right to see, and what is not: tables over actions, routes and answers."""

import errno

import pytest

from blockd.policy.reader import Verdict
from blockd.resolver import wire
from blockd.routes.model import Kind
from blockd.terms import Action, Basis
from blockd.verify import expected
from blockd.verify.expected import OPEN, Expected, Found, Heard
from blockd.watchlist.model import Rule
from tests.verify import answers

SAID = answers.said(wire.NXDOMAIN, codes={16})


def rule(**changes):
    return Rule(id="p1", source="x", basis=Basis.ORDER, **changes)


@pytest.mark.parametrize(
    ("changes", "alone", "qtype", "action", "addresses"),
    [
        ({}, False, wire.A, Action.NXDOMAIN, set()),
        ({}, True, wire.A, Action.NODATA, set()),
        ({"action": Action.REFUSED}, True, wire.A, Action.REFUSED, set()),
        ({"action": Action.ZERO}, False, wire.A, Action.ZERO, {"0.0.0.0"}),
        ({"action": Action.ZERO}, False, wire.AAAA, Action.ZERO, {"::"}),
        ({"action": Action.ADDRESS, "addresses": ("198.18.0.80", "2001:db8::80")}, False,
         wire.AAAA, Action.ADDRESS, {"2001:db8::80"}),
    ],
)  # fmt: skip
def test_a_rule_says_what_is_to_be_answered(changes, alone, qtype, action, addresses):
    verdict = Verdict(rule(**changes), b"\1x", 1, alone)
    found = expected.of_verdict(verdict, qtype, Action.NXDOMAIN)
    assert found == Expected(action, 16, frozenset(addresses))


def test_what_is_excepted_or_not_listed_is_open():
    excepted = Verdict(rule(allow=True), b"\1x", 1, alone=False)
    assert expected.of_verdict(excepted, wire.A, Action.NXDOMAIN) == OPEN
    assert expected.of_verdict(None, wire.A, Action.NXDOMAIN) == OPEN


DENIED = Expected(Action.NXDOMAIN, 16)
ZERO = Expected(Action.ZERO, 16, frozenset({"0.0.0.0"}))
ZEROS = SAID._replace(rcode=wire.NOERROR, addresses=frozenset({"0.0.0.0"}), records=1)
FORWARDED = answers.said(wire.NOERROR, addresses={"198.19.0.99"}, records=1)
TCP = SAID._replace(rcode=wire.NOERROR, truncated=True)


@pytest.mark.parametrize(
    ("wanted", "said", "wrong"),
    [
        (DENIED, SAID, ""),
        (DENIED, None, "no answer"),
        (DENIED, FORWARDED, "answered as if it were not listed (rcode 0, 1 record)"),
        (DENIED, SAID._replace(rcode=0), "rcode 0 instead of 3 for `nxdomain`"),
        (DENIED, SAID._replace(codes=frozenset({15})), "EDE 15 instead of 16"),
        (DENIED, SAID._replace(codes=frozenset({18}), rcode=5), "see [resolver] allow"),
        (DENIED, SAID._replace(codes=frozenset({4, 16})), ""),
        (Expected(Action.RECORDS), SAID._replace(codes=frozenset({17})), ""),  # any block
        (ZERO, ZEROS, ""),
        (ZERO, ZEROS._replace(addresses=frozenset({"198.19.0.99"})), "198.19.0.99 instead of 0"),
        (ZERO, ZEROS._replace(addresses=frozenset()), "addresses none instead of 0.0.0.0"),
        (Expected(Action.DROP, 16), None, ""),
        (Expected(Action.DROP, 16), SAID, "an answer, where none is to be given"),
        (Expected(Action.DROP, 16), FORWARDED, "as if it were not listed"),
        (Expected(Action.TCP_ONLY, 16), TCP, ""),
        (Expected(Action.TCP_ONLY, 16), TCP._replace(truncated=False), "no TC"),
        (Expected(Action.REFUSED, 16), SAID._replace(rcode=wire.REFUSED), ""),
        (OPEN, FORWARDED, ""),
        (OPEN, FORWARDED._replace(rcode=wire.NXDOMAIN), ""),
        (OPEN, SAID, "answered as blocked (EDE 16)"),
        (OPEN, FORWARDED._replace(rcode=wire.REFUSED), "may this host ask?"),
    ],
)
def test_an_answer_is_right_or_it_is_said_in_what_it_is_not(wanted, said, wrong):
    outcome = expected.judge(wanted, said)
    assert outcome.found is (Found.WRONG if wrong else Found.RIGHT)
    assert wrong in outcome.why


@pytest.mark.parametrize("said", [None, FORWARDED._replace(rcode=wire.SERVFAIL)])
def test_upstreams_that_fail_prove_nothing_about_an_exception(said):
    assert expected.judge(OPEN, said).found is Found.UNCLEAR


@pytest.mark.parametrize("kind", [Kind.BLACKHOLE, Kind.UNREACHABLE, Kind.PROHIBIT])
@pytest.mark.parametrize(
    "code", [0, errno.EINVAL, errno.EHOSTUNREACH, errno.EACCES, errno.ENETUNREACH]
)
def test_the_gateways_own_datagram_meets_its_routes_own_error(kind, code):
    right = code == expected.OWN_ERRNO[kind]
    assert (expected.judge_own(kind, code) == expected.RIGHT) is right
    passes = code in {0, errno.ENETUNREACH}
    assert (expected.judge_own(None, code) == expected.RIGHT) is passes


EXCEEDED = {4: (11, 0), 6: (3, 0)}


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("kind", [Kind.BLACKHOLE, Kind.UNREACHABLE, Kind.PROHIBIT])
def test_a_probe_that_went_on_or_was_answered_got_past_the_route(family, kind):
    assert expected.judge_probe(family, kind, None) == expected.RIGHT
    for icmp in (EXCEEDED[family], None):
        outcome = expected.judge_probe(family, kind, Heard("x", icmp))
        assert outcome.found is Found.WRONG
        assert "got past" in outcome.why
    for other in (Kind.UNREACHABLE, Kind.PROHIBIT):
        heard = Heard("x", expected.ICMP[family, other])
        assert (expected.judge_probe(family, kind, heard) == expected.RIGHT) is (other is kind)


@pytest.mark.parametrize("family", [4, 6])
def test_a_probe_to_an_exception_must_be_heard_of_where_others_are(family):
    heard = Heard("x", EXCEEDED[family])
    assert expected.judge_probe(family, None, heard) == expected.RIGHT
    assert expected.judge_probe(family, None, None).found is Found.UNCLEAR
    assert expected.judge_probe(family, None, None, answers=True).found is Found.WRONG
    refused = Heard("x", expected.ICMP[family, Kind.PROHIBIT])
    assert expected.judge_probe(family, None, refused).found is Found.WRONG
