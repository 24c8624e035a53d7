"""The decision for each packet, by the policy in force at the moment when it is sent."""

import dns.flags
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from blockd.config import Network, ResolverSection, Size
from blockd.resolver import wire
from blockd.resolver.engine import Engine, Reply
from blockd.resolver.reply import parse_reply
from blockd.resolver.wire import Query
from blockd.terms import Action
from tests.resolver.messages import errors, query, raw, read, records, reply
from tests.resolver.test_wire import OPT, QUESTION, queries

NOW = 1000.0
NOERROR, NXDOMAIN, REFUSED, FORMERR = wire.NOERROR, wire.NXDOMAIN, wire.REFUSED, wire.FORMERR


@pytest.fixture
def engine(policy):
    return Engine(ResolverSection(), policy)


def message(answered):
    assert isinstance(answered, Reply)
    return read(answered.message)


def upstreams_answer(packet, *zone, **header):
    question = len(wire.parse_query(packet).question)
    return parse_reply(reply(packet, *zone, **header), 12 + question)


LISTED = [
    ("plain.example", "A", NXDOMAIN, [], (16, "p001: Notice 7")),
    # RFC 8020: NXDOMAIN would cut off the exception below it, good.listed.example.
    ("listed.example", "A", NOERROR, [], (16, "p001: Notice 7")),
    ("WWW.Listed.Example", "AAAA", NXDOMAIN, [], (16, "p001: Notice 7")),
    ("a.b.c.listed.example", "TXT", NXDOMAIN, [], (16, "p001: Notice 7")),
    ("only.example", "A", NOERROR, [], (16, "p001: Notice 7")),
    ("a.below.example", "A", NXDOMAIN, [], (16, "p001: Notice 7")),
    ("zero.example", "A", NOERROR, ["zero.example. A 0.0.0.0"], (16, "p002: Notice 7")),
    ("a.zero.example", "AAAA", NOERROR, ["a.zero.example. AAAA ::"], (16, "p002: Notice 7")),
    ("refused.example", "A", REFUSED, [], (16, "p004: Notice 7")),
    ("page.example", "A", NOERROR, ["page.example. A 198.18.0.1"], (16, "p005: Notice 7")),
    ("page.example", "HTTPS", NOERROR, [], (16, "p005: Notice 7")),
    ("nodata.example", "A", NOERROR, [], (16, "p006: Notice 7")),
]


@pytest.mark.parametrize(("name", "qtype", "rcode", "answers", "error"), LISTED)
@pytest.mark.parametrize("tcp", [True, False])
def test_listed_names_are_sinkholed(engine, name, qtype, rcode, answers, error, tcp):
    answered = engine.answer(query(name, qtype), NOW, tcp=tcp)
    seen = message(answered)
    assert (seen.rcode(), records(seen.answer), errors(seen)[-1]) == (rcode, answers, error)
    assert answered.outcome is engine.counters["sinkholed"]
    assert answered.platform is engine.counters.platform(error[1][:4])


@pytest.mark.parametrize("tcp", [True, False])
def test_a_dropped_query_is_counted_and_nothing_is_sent(engine, tcp):
    assert engine.answer(query("a.silent.example"), NOW, tcp=tcp) is None
    assert engine.counters["dropped"].n == 1
    assert engine.counters.platform("p003").n == 1


FORWARDED = [
    "other.example", "example", "notlisted.example", "xlisted.example", "below.example",
    "a.only.example", "good.listed.example", "a.good.listed.example", "open.example",
    "a.open.example", ".",
]  # fmt: skip


@pytest.mark.parametrize("name", FORWARDED)
def test_other_names_and_exceptions_are_forwarded(engine, name):
    answered = engine.answer(query(name), NOW)
    assert isinstance(answered, Query)
    assert answered.question == query(name)[12:][: len(answered.question)]


def test_without_a_policy_everything_is_forwarded():
    assert isinstance(Engine(ResolverSection(), None).answer(query("listed.example"), NOW), Query)


@pytest.mark.parametrize("action", Action)
def test_the_configured_action_is_for_rules_that_name_none(policy, action):
    engine = Engine(ResolverSection(action=action, ttl=7), policy)
    answered = engine.answer(query("a.listed.example"), NOW)
    if action is Action.DROP:
        assert answered is None
    else:
        seen = message(answered)
        assert seen.rcode() == {Action.NXDOMAIN: NXDOMAIN, Action.REFUSED: REFUSED}.get(action, 0)
        assert {rrset.ttl for rrset in [*seen.answer, *seen.authority]} <= {7}
    assert message(engine.answer(query("nodata.example"), NOW)).rcode() == NOERROR


SILENCE = [b"", raw(QUESTION)[:11], raw(QUESTION, flags=0x8180), raw(QUESTION, flags=0xA800)]
OUTCOME = {
    FORMERR: "malformed",
    wire.BADVERS: "malformed",
    wire.NOTIMP: "not_implemented",
    REFUSED: "refused",
}


@pytest.mark.parametrize("packet", SILENCE)
def test_what_may_be_an_answer_is_never_answered(engine, packet):
    assert engine.answer(packet, NOW) is None
    assert engine.answer(packet, NOW, tcp=True) is None
    assert engine.refuse(packet) is None
    assert engine.counters["dropped"].n == 2


@pytest.mark.parametrize(
    ("packet", "rcode", "echoed"),
    [
        (query("listed.example", opcode=2, q=1), wire.NOTIMP, False),
        (raw(QUESTION, flags=0x2800), wire.NOTIMP, False),
        (raw(counts=(0, 0, 0, 0)), FORMERR, False),
        (raw(QUESTION, QUESTION, counts=(2, 0, 0, 0)), FORMERR, False),
        (raw(QUESTION[:-1]), FORMERR, False),
        (raw(QUESTION, OPT, OPT, counts=(1, 0, 0, 2)), FORMERR, False),
        (query("listed.example", version=1), wire.BADVERS, True),
        (query("www.example", version=255), wire.BADVERS, True),
        (query("listed.example", 128), FORMERR, True),
        (query("www.example", "OPT"), FORMERR, True),
        (query("version.bind", "TXT", qclass=3), REFUSED, True),
        (query("listed.example", qclass=3), REFUSED, True),
        (query("listed.example", qclass=255), REFUSED, True),
        (query("www.example", "AXFR"), REFUSED, True),
        (query("www.example", "IXFR"), REFUSED, True),
    ],
)
def test_what_is_no_question_for_the_policy(engine, packet, rcode, echoed):
    for tcp in (False, True):
        answered = engine.answer(packet, NOW, tcp=tcp)
        seen = message(answered)
        assert (seen.id, seen.rcode(), bool(seen.question)) == (0x1234, rcode, echoed)
        assert (seen.answer, seen.authority, seen.additional) == ([], [], [])
        assert answered.outcome is engine.counters[OUTCOME[rcode]]
        if echoed:
            assert seen.edns == 0


@given(queries | st.binary(max_size=60), st.booleans())
@example(query("listed.example")[:-1], False)  # noqa: FBT003 - over UDP
def test_no_bytes_raise_and_every_answer_is_one(policy, packet, tcp):
    engine = Engine(ResolverSection(), policy)
    answered = engine.answer(packet, NOW, tcp=tcp)
    refused = engine.refuse(packet)
    for reply_made in (answered, refused):
        assert reply_made is None or isinstance(reply_made, Reply | Query)
        if isinstance(reply_made, Reply):
            sent = reply_made.message
            assert sent[:2] == packet[:2]
            assert sent[2] & 0x80
            assert len(sent) <= (512 if reply_made is refused else 1232)
            assert sent[2] & 0x78 == packet[2] & 0x78


@given(queries, st.data())
def test_no_damaged_query_raises(policy, packet, data):
    engine = Engine(ResolverSection(), policy)
    damaged = bytearray(packet)
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(2, len(packet) - 1))] = data.draw(st.integers(0, 255))
    for sent in (bytes(damaged), bytes(damaged[: data.draw(st.integers(0, len(packet)))])):
        engine.answer(sent, NOW)
        engine.answer(sent, NOW, tcp=True)
        engine.refuse(sent)


part = st.sampled_from(["listed", "LISTED", "example", "good", "only", "below", "open", "a", "b"])


def meant(labels):
    """What the rules of `conftest` say about a name, read naively; the longest entry first."""
    name = ".".join(labels).lower()
    inside = [name == entry or name.endswith(f".{entry}") for entry in ENTRIES]
    if any(inside[:2]):
        return False
    return name == "only.example" or inside[2] or (inside[3] and name != "below.example")


ENTRIES = ("good.listed.example", "open.example", "listed.example", "below.example")


@given(st.lists(part, max_size=4))
def test_a_name_is_blocked_where_its_longest_entry_says_so(policy, labels):
    labels = [*labels, "example"]
    answered = Engine(ResolverSection(), policy).answer(query(".".join(labels)), NOW)
    assert isinstance(answered, Reply) == meant(labels)


ANSWER = "www.example 60 A 198.18.0.80"


def test_a_kept_answer_is_aged_and_ends(engine):
    packet = query("www.example")
    asked = engine.answer(packet, NOW)
    answer = upstreams_answer(packet, ANSWER)
    engine.keep(asked, answer, NOW)
    for now, ttl in [(NOW, 60), (NOW + 0.9, 60), (NOW + 1, 59), (NOW + 59.9, 1)]:
        answered = engine.answer(packet, now)
        seen = message(answered)
        assert [rrset.ttl for rrset in seen.answer] == [ttl]
        assert answered.outcome is engine.counters["cached"]
    assert isinstance(engine.answer(packet, NOW + 60), Query)


def test_a_relayed_answer_has_the_clients_id_question_and_flags(engine):
    asked = engine.answer(query("www.example"), NOW)
    answer = upstreams_answer(query("www.example"), ANSWER, ad=1, aa=1)
    engine.keep(asked, answer, NOW)
    for changed in ({"number": 7}, {"name": "WWW.example"}, {"edns": False}, {"size": 4096}):
        packet = query(**{"name": "www.example", **changed})
        sent = engine.answer(packet, NOW).message
        end = 12 + len(asked.question)
        assert (sent[:2], sent[12:end]) == (packet[:2], packet[12:end])
        seen = read(sent)
        assert (seen.edns == 0) == ("edns" not in changed)
        assert seen.flags == dns.flags.QR | dns.flags.RD | dns.flags.RA
        assert records(seen.answer) == [f"{changed.get('name', 'www.example')}. A 198.18.0.80"]


@pytest.mark.parametrize(
    ("asked", "shown"), [({}, False), ({"ad": 1}, True), ({"do": True}, True), ({"cd": 1}, False)]
)
def test_ad_is_for_those_who_asked_for_it(engine, asked, shown):
    packet = query("www.example", **asked)
    answer = upstreams_answer(packet, ANSWER, ad=1)
    seen = message(engine.finish(engine.answer(packet, NOW), answer))
    assert bool(seen.flags & dns.flags.AD) == shown


def test_what_is_too_long_for_the_client_is_cut_whole_and_tcp_has_it(engine):
    zone = [f"www.example 60 A 198.18.1.{n}" for n in range(60)]
    for how, most, count in [
        ({"edns": False}, 512, 0),
        ({"size": 100}, 512, 0),
        ({"size": 900}, 900, 0),
        ({"size": 4096}, 1232, 60),
        ({"tcp": True}, 65535, 60),
    ]:
        tcp = how.pop("tcp", False)
        packet = query("www.example", **how)
        asked = wire.parse_query(packet)
        made = engine.finish(asked, upstreams_answer(packet, *zone), tcp=tcp)
        seen = message(made)
        assert len(made.message) <= most
        assert (len(records(seen.answer)), bool(seen.flags & dns.flags.TC)) == (count, not count)


def test_without_an_upstream_the_client_is_told_so(engine):
    made = engine.finish(wire.parse_query(query()), None)
    seen = message(made)
    assert (seen.rcode(), errors(seen)) == (wire.SERVFAIL, [(22, "no upstream answered")])
    assert made.outcome is engine.counters["failed"]


def test_an_upstreams_badvers_is_not_the_clients_business(engine):
    answer = upstreams_answer(query(), ANSWER)._replace(rcode=wire.BADVERS)
    assert message(engine.finish(wire.parse_query(query()), answer)).rcode() == wire.SERVFAIL


@pytest.mark.parametrize("tcp", [True, False])
def test_a_new_list_judges_kept_answers_and_late_replies(engine, policy, make_policy, tcp):
    packet = query("www.example")
    asked = engine.answer(packet, NOW, tcp=tcp)
    answer = upstreams_answer(packet, ANSWER)
    engine.keep(asked, answer, NOW)
    assert message(engine.answer(packet, NOW, tcp=tcp)).rcode() == NOERROR
    assert engine.adopt(make_policy("example.example", "www.example")) is policy
    for answered in (engine.answer(packet, NOW, tcp=tcp), engine.finish(asked, answer, tcp=tcp)):
        assert message(answered).rcode() == NXDOMAIN
        assert answered.outcome is engine.counters["sinkholed"]
    assert message(engine.finish(asked, None, tcp=tcp)).rcode() == NXDOMAIN
    engine.adopt(make_policy("other.example"))
    assert records(message(engine.answer(packet, NOW + 9, tcp=tcp)).answer)
    assert isinstance(engine.answer(packet, NOW + 60, tcp=tcp), Query)
    assert message(engine.finish(asked, answer, tcp=tcp)).rcode() == NOERROR


def test_a_dropped_late_reply_is_no_reply(engine):
    asked = wire.parse_query(query("silent.example"))
    assert engine.finish(asked, upstreams_answer(query("silent.example"))) is None


def test_the_serial_of_a_denial_is_the_generation(engine, make_policy):
    (soa,) = message(engine.answer(query("a.listed.example"), NOW)).authority
    assert soa[0].serial == 41
    engine.adopt(make_policy("listed.example"))
    (soa,) = message(engine.answer(query("a.listed.example"), NOW)).authority
    assert soa[0].serial == 50


def hot(engine, packet, now):
    """Answer as the hot path does: by finished replies first."""
    found = engine.tick(now).get(packet[2:])
    return packet[:2] + found.message if found is not None else None


def test_a_finished_reply_serves_any_id_for_a_second_and_no_longer(engine):
    first, second = query("a.listed.example", number=1), query("a.listed.example", number=2)
    assert hot(engine, first, NOW) is None
    made = engine.answer(first, NOW)
    assert hot(engine, first, NOW + 0.9) == made.message
    assert hot(engine, second, NOW + 0.9) == engine.answer(second, NOW).message
    assert hot(engine, first, NOW + 1) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda engine, make_policy: engine.adopt(make_policy("other.example")),
        lambda engine, _: engine.configure(ResolverSection(action=Action.NODATA)),
    ],
)
def test_finished_replies_end_with_what_they_were_made_by(engine, make_policy, change):
    packet = query("a.listed.example")
    engine.tick(NOW)
    engine.answer(packet, NOW)
    assert hot(engine, packet, NOW)
    change(engine, make_policy)
    assert hot(engine, packet, NOW) is None


def test_only_what_others_may_ask_as_well_is_finished(engine):
    engine.tick(NOW)
    engine.answer(query("a.listed.example", options=[(10, b"12345678")]), NOW)
    engine.answer(query("a.listed.example"), NOW, tcp=True)
    engine.answer(query("silent.example"), NOW)
    engine.answer(query("www.example"), NOW)
    engine.answer(raw(QUESTION[:-1]), NOW)
    engine.answer(query("a.listed.example") + bytes(600), NOW)
    assert engine.tick(NOW) == {}


def test_who_may_not_ask_is_refused_and_told_why(engine):
    for name in ("www.example", "listed.example"):
        made = engine.refuse(query(name, size=4096))
        seen = message(made)
        assert (seen.rcode(), errors(seen)) == (REFUSED, [(18, "not an allowed network")])
        assert made.outcome is engine.counters["refused"]
        assert len(made.message) <= 512
    assert message(engine.refuse(query(edns=False))).edns == -1
    assert engine.refuse(raw(QUESTION[:-1])) is None


def test_changed_settings_are_taken(engine):
    asked = wire.parse_query(query())
    engine.keep(asked, upstreams_answer(query(), ANSWER), NOW)
    engine.configure(ResolverSection(allow=(Network.parse("10.0.0.0/8"),), ttl=9))
    assert not engine.access.permits(bytes((127, 0, 0, 1)))
    assert engine.access.permits(bytes((10, 0, 0, 1)))
    assert message(engine.answer(query("a.listed.example"), NOW)).authority[0].ttl == 9
    assert len(engine.cache) == 1
    engine.configure(ResolverSection(cache=Size(0)))
    assert len(engine.cache) == 0
