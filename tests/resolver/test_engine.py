"""The decision for each packet, by the policy in force at the moment when it is sent."""

import dns.flags
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from blockd.config import Duration, Network, ResolverSection, Size, Upstream
from blockd.resolver import wire
from blockd.resolver.engine import Engine, Reply
from blockd.resolver.reply import failure, parse_reply
from blockd.resolver.wire import Query
from blockd.terms import Action, Denied
from tests.resolver.messages import errors, query, raw, read, records, reply
from tests.resolver.test_quick import CLIENT, COOKIE, replayed
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
    assert engine.slip(packet) is None
    assert engine.counters["dropped"].n == 4


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
KEPT = upstreams_answer(query("www.example"), ANSWER)


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
        made = engine.finish(asked, upstreams_answer(packet, *zone), NOW, tcp=tcp)
        seen = message(made)
        assert len(made.message) <= most
        assert (len(records(seen.answer)), bool(seen.flags & dns.flags.TC)) == (count, not count)


def test_without_an_upstream_the_client_is_told_so(engine):
    made = engine.finish(wire.parse_query(query()), None, NOW)
    seen = message(made)
    assert (seen.rcode(), errors(seen)) == (wire.SERVFAIL, [(22, "no upstream answered")])
    assert made.outcome is engine.counters["failed"]


def test_a_dropped_late_reply_is_no_reply(engine):
    asked = wire.parse_query(query("silent.example"))
    assert engine.finish(asked, upstreams_answer(query("silent.example")), NOW) is None


def test_the_serial_of_a_denial_is_the_generation(engine, make_policy):
    (soa,) = message(engine.answer(query("a.listed.example"), NOW)).authority
    assert soa[0].serial == 41
    engine.adopt(make_policy("listed.example"))
    (soa,) = message(engine.answer(query("a.listed.example"), NOW)).authority
    assert soa[0].serial == 50


def test_a_finished_reply_serves_any_id_for_a_second_and_no_longer(engine):
    first, second = query("a.listed.example", number=1), query("a.listed.example", number=2)
    engine.tick(NOW)
    made = [engine.answer(first, NOW, cookie=COOKIE) for _ in range(3)][-1]
    (hot,) = engine.tick(NOW + 0.9)[0].values()
    assert first[:2] + hot.message == made.message
    assert second[:2] + hot.message == engine.answer(second, NOW, cookie=COOKIE).message
    assert engine.tick(NOW + 1) == ({}, {})


@pytest.mark.parametrize(
    "change",
    [
        lambda engine, make_policy: engine.adopt(make_policy("other.example")),
        lambda engine, _: engine.configure(ResolverSection(action=Action.NODATA)),
    ],
)
def test_finished_replies_end_with_what_they_were_made_by(engine, make_policy, change):
    for options in ([], [(wire.COOKIE, CLIENT)]):
        packet = query("a.listed.example", options=options)
        assert len({replayed(engine, packet).message for _ in range(4)}) == 1
    assert all(engine.tick(NOW))
    change(engine, make_policy)
    assert engine.tick(NOW) == ({}, {})
    replied = engine.answer(packet, NOW, cookie=COOKIE)
    assert isinstance(replied, Query) or read(replied.message).rcode() == NOERROR


def test_only_what_others_may_ask_as_well_is_finished(engine):
    engine.tick(NOW)
    for packet in (
        query("silent.example"),
        query("www.example"),
        raw(QUESTION[:-1]),
        query("a.listed.example") + bytes(600),
        query("a.listed.example", options=[(wire.PADDING, bytes(9))]),
        query("www.example", qclass=3),
    ):
        for _ in range(4):
            engine.answer(packet, NOW, cookie=COOKIE)
    for _ in range(4):
        engine.answer(query("a.listed.example"), NOW, tcp=True, cookie=COOKIE)
    assert engine.tick(NOW) == ({}, {})


def test_who_may_not_ask_is_refused_and_told_why(engine):
    for name in ("www.example", "listed.example"):
        made = engine.refuse(query(name, size=4096))
        seen = message(made)
        assert (seen.rcode(), errors(seen)) == (REFUSED, [(18, "not an allowed network")])
        assert made.outcome is engine.counters["refused"]
        assert len(made.message) <= 512
    assert message(engine.refuse(query(edns=False))).edns == -1
    assert engine.refuse(raw(QUESTION[:-1])) is None


@pytest.mark.parametrize("tcp", [True, False])
def test_or_hears_nothing_where_the_operator_says_so(policy, tcp):
    engine = Engine(ResolverSection(denied=Denied.DROP), policy)
    assert engine.refuse(query(), tcp=tcp) is None
    assert engine.counters["dropped"].n == 1
    engine.configure(ResolverSection())
    assert message(engine.refuse(query(), tcp=tcp)).rcode() == REFUSED


@pytest.mark.parametrize("edns", [True, False])
def test_a_slip_says_ask_by_tcp_and_no_more(engine, edns):
    made = engine.slip(query("www.example", edns=edns))
    seen = message(made)
    assert seen.flags & dns.flags.TC
    assert (seen.rcode(), seen.answer, seen.authority, seen.edns >= 0) == (NOERROR, [], [], edns)
    assert len(made.message) == len(query("www.example", edns=edns))
    assert made.outcome is engine.counters["limited"]


def replies(engine):
    """Every kind of reply over UDP to a query with these options, by what kind it is."""

    def of(options):
        def asked(*arguments, **more):
            return query(*arguments, options=options, **more)

        yield "sinkholed", replayed(engine, asked("a.listed.example"))
        yield "with data", replayed(engine, asked("page.example"))
        yield "local", replayed(engine, asked("localhost"))
        yield "any", replayed(engine, asked("www.example", "ANY"))
        yield "cached", replayed(engine, asked("kept.example"))
        yield "cut", replayed(engine, asked("long.example", size=512))
        yield "stale", replayed(engine, asked("stale.example"))
        yield "protocol", replayed(engine, asked("www.example", version=1))
        yield "class", replayed(engine, asked("www.example", qclass=3))
        forwarded = wire.parse_query(asked("www.example"))
        yield "forwarded", engine.finish(forwarded, KEPT, NOW, cookie=COOKIE)
        yield "failed", engine.finish(forwarded, None, NOW, cookie=COOKIE)
        yield "refused", engine.refuse(asked(), cookie=COOKIE)
        yield "slip", engine.slip(asked(), COOKIE)

    return of


def test_every_reply_over_udp_brings_the_cookies_that_were_asked_for_and_no_others(engine):
    for name, zone, age in [("kept", 1, 0), ("long", 50, 0), ("stale", 1, 61)]:
        packet = query(f"{name}.example")
        answer = upstreams_answer(
            packet, *[f"{name}.example 60 A 198.18.0.{n}" for n in range(zone)]
        )
        engine.keep(wire.parse_query(packet), answer, NOW - age)
    engine.keep(wire.parse_query(query("stale.example")), failure(wire.SERVFAIL, 5), NOW)
    for _ in range(4):  # the long way, the quick one twice, and finished replies
        for sent in (CLIENT, CLIENT + bytes(8), CLIENT + bytes(16), CLIENT + bytes(32)):
            for kind, made in replies(engine)([(wire.COOKIE, sent)]):
                found = [o.to_wire() for o in message(made).options if o.otype == wire.COOKIE]
                assert found == [CLIENT + COOKIE], kind
        for kind, made in replies(engine)([]):
            assert wire.COOKIE not in [option.otype for option in message(made).options], kind


@pytest.mark.parametrize(
    ("asked", "shown"), [({}, False), ({"ad": 1}, True), ({"do": True}, True), ({"cd": 1}, False)]
)
def test_ad_is_for_those_who_asked_for_it(engine, asked, shown):
    packet = query("www.example", **asked)
    answer = upstreams_answer(packet, ANSWER, ad=1)
    forwarded = engine.answer(packet, NOW)
    engine.keep(forwarded, answer, NOW)
    for made in (engine.finish(forwarded, answer, NOW), engine.answer(packet, NOW)):
        seen = message(made)
        assert bool(seen.flags & dns.flags.AD) == shown
        assert bool(seen.flags & dns.flags.CD) == ("cd" in asked)


def test_what_differs_upstream_is_kept_apart(engine):
    kinds = [{}, {"ad": 1}, {"cd": 1}, {"do": True}, {"do": True, "co": True}, {"rd": 0}]
    for kind in kinds:
        asked = engine.answer(query("www.example", **kind), NOW)
        assert isinstance(asked, Query)
        engine.keep(asked, upstreams_answer(query("www.example"), ANSWER), NOW)
    assert len(engine.cache) == len(kinds)
    for kind in ({"edns": False}, {"size": 4096}, {"number": 9}, {"name": "WWW.example"}):
        assert isinstance(engine.answer(query(**{"name": "www.example", **kind}), NOW), Reply)


@pytest.mark.parametrize(("edns", "rcode"), [(True, 23), (False, wire.SERVFAIL)])
def test_a_code_that_only_opt_can_say_needs_opt(engine, edns, rcode):
    answer = upstreams_answer(query(), ANSWER).changed(rcode=23)
    assert message(engine.finish(wire.parse_query(query(edns=edns)), answer, NOW)).rcode() == rcode


@pytest.mark.parametrize(
    ("name", "qtype", "rcode", "answers", "extra"),
    [
        ("www.example", "ANY", NOERROR, ['www.example. HINFO "RFC8482" ""'], []),
        ("LocalHost", "A", NOERROR, ["LocalHost. A 127.0.0.1"], [(29, "answered here: RFC 6761")]),
        ("a.invalid", "A", NXDOMAIN, [], [(29, "answered here: RFC 6761")]),
        ("1.1.10.in-addr.arpa", "PTR", NXDOMAIN, [], [(29, "answered here: RFC 6303")]),
    ],
)
@pytest.mark.parametrize("tcp", [True, False])
def test_some_questions_never_leave_the_gateway(engine, name, qtype, rcode, answers, extra, tcp):
    for _ in range(3):
        made = engine.answer(query(name, qtype), NOW, tcp=tcp, cookie=COOKIE)
        seen = message(made)
        assert (seen.rcode(), records(seen.answer), errors(seen)) == (rcode, answers, extra)
        assert made.outcome is engine.counters["local"]


def test_zones_with_upstreams_of_their_own_are_not_answered_here(policy):
    zones = {"invalid": (Upstream.parse("198.18.0.53"),)}
    engine = Engine(ResolverSection(zones=zones), policy)
    assert isinstance(engine.answer(query("a.invalid"), NOW), Query)


STALE = [
    ("www.example 60 A 198.18.0.80", {}, NOERROR, (3, "")),
    (None, {"rcode": 3}, NXDOMAIN, (19, "")),
    (None, {}, NOERROR, (3, "")),
]
SOA = "example 60 SOA ns.example. root.example. 1 2 3 4 60"


def keep(engine, packet, zone, header, now):
    answer = upstreams_answer(packet, *[zone] * bool(zone), authority=[SOA] * (not zone), **header)
    engine.keep(wire.parse_query(packet), answer, now)


@pytest.mark.parametrize(("zone", "header", "rcode", "error"), STALE)
@pytest.mark.parametrize("failed", [None, wire.SERVFAIL, REFUSED, wire.NOTIMP, FORMERR])
@pytest.mark.parametrize("tcp", [True, False])
def test_when_upstreams_fail_what_was_known_is_said_and_that_it_is_old(
    engine, zone, header, rcode, error, failed, tcp
):
    packet = query("www.example")
    keep(engine, packet, zone, header, NOW)
    asked = engine.answer(packet, NOW + 60, tcp=tcp)
    assert isinstance(asked, Query)
    assert engine.hasty(asked, NOW + 60)
    said = None if failed is None else failure(failed, 5)
    if said is not None:
        engine.keep(asked, said, NOW + 61)
    late = engine.finish(asked, said, NOW + 61, tcp=tcp)
    again = engine.answer(packet, NOW + 62, tcp=tcp) if said is not None else late
    for made in (late, again):
        seen = message(made)
        assert (seen.rcode(), errors(seen)) == (rcode, [error])
        assert {rrset.ttl for rrset in [*seen.answer, *seen.authority]} == {30}
        assert made.outcome is engine.counters["stale"]


def test_upstreams_are_asked_again_after_half_a_minute(engine):
    packet = query("www.example")
    keep(engine, packet, ANSWER, {}, NOW)
    asked = engine.answer(packet, NOW + 60)
    engine.keep(asked, failure(wire.SERVFAIL, 5), NOW + 64)
    assert isinstance(engine.answer(packet, NOW + 93.9), Reply)
    assert isinstance(engine.answer(packet, NOW + 94), Query)
    engine.keep(asked, upstreams_answer(packet, "www.example 60 A 198.18.0.81"), NOW + 95)
    assert records(message(engine.answer(packet, NOW + 95)).answer) == [
        "www.example. A 198.18.0.81"
    ]


def test_want_of_room_of_our_own_keeps_no_upstream_from_being_asked(engine):
    fetched = []
    engine.prefetch = fetched.append
    packet = query("www.example")
    keep(engine, packet, ANSWER, {}, NOW)
    for now in (1, 2, 58, 58.2):
        engine.answer(packet, NOW + now)
    engine.keep(fetched[0], None, NOW + 58.3)
    assert isinstance(engine.answer(packet, NOW + 59), Reply)
    assert len(fetched) == 2
    engine.keep(fetched[1], None, NOW + 59.5)
    asked = engine.answer(packet, NOW + 60)
    engine.keep(asked, None, NOW + 60)
    given = engine.finish(asked, failure(wire.SERVFAIL, 0), NOW + 60)
    assert given.outcome is engine.counters["stale"]
    assert isinstance(engine.answer(packet, NOW + 60.1), Query)


@pytest.mark.parametrize("zone", [None, "www.example 60 A 198.18.0.81"])
def test_what_an_authority_says_takes_the_place_of_what_was_known(engine, zone):
    packet = query("www.example")
    keep(engine, packet, ANSWER, {}, NOW)
    keep(engine, packet, zone, {} if zone else {"rcode": 3}, NOW + 60)
    for now in (NOW + 61, NOW + 121):
        made = engine.finish(wire.parse_query(packet), failure(wire.SERVFAIL, 5), now)
        answered = engine.answer(packet, now) if now < NOW + 120 else made
        assert "www.example. A 198.18.0.80" not in records(message(answered).answer)


def test_nothing_is_given_past_the_day_that_it_may_be_stale_or_where_that_is_off(policy):
    for stale, ages in [(Duration(86_400), [86_400 + 60]), (Duration(0), [60, 61])]:
        engine = Engine(ResolverSection(stale=stale), policy)
        packet = query("www.example")
        for age in ages:
            keep(engine, packet, ANSWER, {}, NOW)
            asked = engine.answer(packet, NOW + age)
            assert not engine.hasty(asked, NOW + age)
            assert message(engine.finish(asked, None, NOW + age)).rcode() == wire.SERVFAIL


@pytest.mark.parametrize("rcode", [wire.SERVFAIL, REFUSED])
def test_failures_are_kept_for_their_time_and_never_stale(engine, rcode):
    packet = query("www.example")
    asked = engine.answer(packet, NOW)
    answer = failure(rcode, 5).changed(options=b"\0\x0f\0\2\0\x17")
    engine.keep(asked, answer, NOW)
    made = engine.finish(asked, answer, NOW)
    assert made.outcome is engine.counters["failed"]
    for answered in (made, engine.answer(packet, NOW + 4.9)):
        assert (message(answered).rcode(), errors(message(answered))) == (rcode, [(23, "")])
    assert isinstance(engine.answer(packet, NOW + 5), Query)
    assert not engine.hasty(asked, NOW + 5)


@pytest.mark.parametrize(
    ("lifetime", "times", "asked"),
    [
        (100, [5, 50, 91], [91]),
        (100, [5, 50, 80, 89], []),
        (100, [91, 92], []),
        (100, [91, 92, 93, 94, 95], [93]),
        (9, [1, 2, 8, 8.5], []),
        (10, [1, 2, 9.5], [9.5]),
    ],
)
@pytest.mark.parametrize("tcp", [True, False])
def test_what_is_asked_often_is_asked_upstream_before_it_is_too_old(
    engine, lifetime, times, asked, tcp
):
    fetched = []
    engine.prefetch = fetched.append
    packet = query("www.example")
    keep(engine, packet, f"www.example {lifetime} A 198.18.0.80", {}, NOW)
    found = []
    for now in times:
        before = len(fetched)
        assert isinstance(engine.answer(packet, NOW + now, tcp=tcp, cookie=COOKIE), Reply)
        found += [now] * (len(fetched) - before)
    assert found == asked
    assert all(each.key == wire.parse_query(packet).key for each in fetched)


def test_a_prefetch_that_failed_is_tried_again_and_what_is_kept_stays(engine):
    fetched = []
    engine.prefetch = fetched.append
    packet = query("www.example")
    keep(engine, packet, ANSWER, {}, NOW)
    for now in (1, 2, 58, 58.2):
        engine.answer(packet, NOW + now)
    engine.keep(fetched[0], failure(wire.SERVFAIL, 5), NOW + 58.5)
    assert records(message(engine.answer(packet, NOW + 59)).answer) == [
        "www.example. A 198.18.0.80"
    ]
    assert len(fetched) == 2


SUBNETS = [b"\0\1\x18\0\xc6\x12\0", b"\0\1\x18\0\xc6\x12\1", b"\0\1\0\0"]


@pytest.mark.parametrize(("allowed", "count"), [(True, 4), (False, 1)])
def test_what_is_said_to_one_network_is_kept_for_it_alone(policy, allowed, count):
    engine = Engine(ResolverSection(client_subnet=allowed), policy)
    for options in ([], *[[(wire.SUBNET, subnet)] for subnet in SUBNETS]):
        asked = engine.answer(query("www.example", options=options), NOW)
        if isinstance(asked, Query):
            engine.keep(asked, upstreams_answer(query("www.example"), ANSWER), NOW)
    assert len(engine.cache) == count
    too_long = query("www.example", options=[(wire.SUBNET, bytes(21))])
    assert message(engine.answer(too_long, NOW)).rcode() == FORMERR


def test_changed_settings_are_taken(engine):
    asked = wire.parse_query(query())
    engine.keep(asked, upstreams_answer(query(), ANSWER), NOW)
    engine.configure(ResolverSection(allow=(Network.parse("10.0.0.0/8"),), ttl=9))
    assert message(engine.answer(query("a.listed.example"), NOW)).authority[0].ttl == 9
    assert len(engine.cache) == 1
    engine.configure(ResolverSection(client_subnet=True))
    assert len(engine.cache) == 0
    engine.configure(ResolverSection(cache=Size(0)))
    engine.keep(asked, upstreams_answer(query(), ANSWER), NOW)
    assert len(engine.cache) == 0


def test_a_question_of_our_own_that_comes_back_is_a_loop_and_goes_no_further(engine):
    found = []
    engine.loop, engine.looped = b"\4loop\4test", found.append
    for name in ("1-0.loop.test", "loop.test"):
        assert message(engine.answer(query(name), NOW)).rcode() == REFUSED
    assert len(found) == 2
    assert isinstance(engine.answer(query("other.test"), NOW), Query)
