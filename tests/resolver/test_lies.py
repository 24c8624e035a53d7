"""An upstream that lies in every way: the client has a right answer or an honest failure.

And the resolver stays up, and what is listed stays blocked.
"""

import socket
from functools import partial

import dns.message
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blockd.resolver import exchange, streams, upstreams, wire
from blockd.terms import Strategy
from tests.resolver.gateway import gateway
from tests.resolver.messages import errors, query, read, records
from tests.resolver.stub import (
    ADDRESS,
    after,
    answer,
    delayed,
    elsewhere,
    failing,
    garbage,
    long_answer,
    silent,
    upstream,
    without_edns,
    wrong_id,
    wrong_question,
)
from tests.resolver.stub import records as answering

NAME = "www.example"
RIGHT = (wire.NOERROR, [f"{NAME}. A {ADDRESS}"])
TRY = 0.06
AMPLE = 5.0
"""Seconds for the tries that must not fail, however busy the machine is."""

SOA = "example 60 SOA ns.example. root.example. 1 2 3 4 60"
OPT = b"\0" + wire.RECORD.pack(wire.OPT, 1232, 0, 0)
A = wire.RECORD.pack(wire.A, wire.IN, 60, 4) + socket.inet_aton(ADDRESS)


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """Set how long each try waits; one that a stream makes waits as long as the first."""
    monkeypatch.setattr(upstreams, "TICK", 0.01)
    monkeypatch.setattr(streams, "TICK", 0.01)

    def patient(*seconds):
        monkeypatch.setattr(exchange, "PATIENCE", seconds)
        one = partial(streams.Stream, patience=streams.Patience(reply=max(seconds[0], TRY)))
        monkeypatch.setattr(upstreams, "Stream", one)

    patient(AMPLE, AMPLE, AMPLE)
    return patient


def question(packet):
    end = packet.index(0, 12) + 5
    return packet[12:end]


def said(*parts, flags=0x8180, counts=(1, 1, 0, 0)):
    """Send octets: a header, the question, and these parts."""

    def sent(packet, _way):
        head = wire.HEADER.pack(0, flags, *counts)[2:]
        return [(0, packet[:2] + head + (question(packet) if counts[0] else b"") + b"".join(parts))]

    return sent


def changed(change, then=answer):
    """Send what another behaviour says, changed."""
    return lambda packet, way: [(wait, change(sent)) for wait, sent in then(packet, way)]


def with_question(change):
    """Answer another question than the one asked."""
    return changed(
        lambda sent: sent[:12] + change(question(sent)) + sent[12 + len(question(sent)) :]
    )


def flooded(packet, way):
    """Guesses before the answer, as from somebody who sees no queries."""
    (_, right), *_ = answer(packet, way)
    number = packet[0] << 8 | packet[1]
    evil = right.replace(socket.inet_aton(ADDRESS), socket.inet_aton("198.18.6.6"))
    guesses = [((number + n) & 0xFFFF).to_bytes(2, "big") + evil[2:] for n in range(1, 120)]
    return [*[(0, guess) for guess in guesses], (0.02, right)]


def poison(packet, _way):
    """Give records of names that nobody asked for."""
    name = "victim.example 60 A 198.18.6.6"
    return answering(f"@ 60 A {ADDRESS}", name, authority=[name])(packet, _way)


ECHO = changed(lambda sent: sent[:2] + b"\1\0" + sent[4:])
FORGED_FIRST = {
    "wrong ID": wrong_id,
    "wrong question": wrong_question,
    "other source port": elsewhere(),
    "a query": ECHO,
    "another opcode": changed(lambda sent: sent[:2] + bytes([sent[2] | 0x20]) + sent[3:]),
    "another type": with_question(lambda asked: asked[:-3] + b"\x1c" + asked[-2:]),
    "another class": with_question(lambda asked: asked[:-1] + b"\3"),
    "no question": said(b"\xc0\x0c", A, counts=(0, 1, 0, 0)),
    "two questions": said(b"\1x\0\0\1\0\1\xc0\x0c", A, counts=(2, 1, 0, 0)),
    "nothing": lambda _packet, _way: [(0, b"")],
    "eleven octets": changed(lambda sent: sent[:11]),
    "the header's half of a question": changed(lambda sent: sent[:20]),
}

MALFORMED = {
    "garbage": garbage,
    "cut within a record": changed(lambda sent: sent[:-13]),
    "fewer records than counted": said(b"\xc0\x0c", A, counts=(1, 2, 0, 0)),
    "65,535 records": said(b"\xc0\x0c", A, counts=(1, 0xFFFF, 0xFFFF, 0xFFFF)),
    "OPT twice": said(b"\xc0\x0c", A, OPT, OPT, counts=(1, 1, 0, 2)),
    "OPT for an answer": said(b"\xc0\x0c", A, OPT, counts=(1, 2, 0, 0)),
    "a label of no kind": said(b"\x41x\0", A),
    "nothing but dots": said(b"\1x" * 200 + b"\0", A[:5]),
}

UNWILLING = {
    "FORMERR": said(flags=0x8181, counts=(1, 0, 0, 0)),
    "FORMERR without question": said(flags=0x8181, counts=(0, 0, 0, 0)),
    "FORMERR with counts and nothing": changed(lambda sent: sent[:2] + b"\x81\x81" + sent[4:12]),
    "NOTIMP": said(flags=0x8184, counts=(1, 0, 0, 0)),
    "NOTIMP without question": said(flags=0x8184, counts=(0, 0, 0, 0)),
    "SERVFAIL": failing,
    "REFUSED": said(flags=0x8185, counts=(1, 0, 0, 0)),
    "BADVERS": said(b"\0" + wire.RECORD.pack(wire.OPT, 1232, 1 << 24, 0), counts=(1, 0, 0, 1)),
    "a code that nobody gave out": said(flags=0x818F, counts=(1, 0, 0, 0)),
    "silence": silent,
    "slowness": delayed(3),
    "no TCP": lambda packet, way: long_answer(packet, way) if way == "udp" else [],
    "TC, and an empty message by TCP": lambda packet, way: (
        long_answer(packet, way) if way == "udp" else [(0, b"")]
    ),
    "TC, and another ID by TCP": lambda packet, way: (
        long_answer if way == "udp" else wrong_id
    )(packet, way),
    "TC, and another question by TCP": lambda packet, way: (
        long_answer if way == "udp" else wrong_question
    )(packet, way),
    "TC, and garbage by TCP": lambda packet, way: (
        long_answer if way == "udp" else garbage
    )(packet, way),
}  # fmt: skip

ODD_BUT_RIGHT = {
    "no EDNS": without_edns,
    "no OPT in the reply": said(b"\xc0\x0c", A),
    "octets behind the end": changed(lambda sent: sent + b"trailing"),
    "duplicates": lambda packet, way: answer(packet, way) * 5,
    "duplicates, later": lambda packet, way: answer(packet, way) + delayed(0.05)(packet, way) * 3,
    "guessed IDs first": flooded,
    "upper case": changed(lambda sent: sent.replace(b"www", b"WWW")),
    "an owner written out": said(b"\3www\7example\0", A),
    "records of names not asked for": poison,
    "a TTL of zero": answering(f"@ 0 A {ADDRESS}"),
    "a TTL that is none": said(
        b"\xc0\x0c" + wire.RECORD.pack(wire.A, wire.IN, 0xFFFFFFFF, 4) + socket.inet_aton(ADDRESS)
    ),
    "a TTL of decades": answering(f"@ 1999999999 A {ADDRESS}"),
    "a duplicate of a lie": after(wrong_id, after(elsewhere())),
}


def seen(message):
    """Return what a client makes of an answer: its code, and its addresses for the name asked."""
    found = [r for r in records(message.answer) if r.lower().startswith(f"{NAME}. a ")]
    return message.rcode(), [r.lower().replace(" a ", " A ") for r in found]


def is_up(running, stub, patience):
    """The resolver answers what comes next, and blocks what is listed."""
    stub.behave = answer
    patience(AMPLE, AMPLE, AMPLE)
    for tcp in (False, True):
        assert records(running.ask(f"n{tcp}.example", tcp=tcp).answer) == [
            f"n{tcp}.example. A {ADDRESS}"
        ]
        for name in ("plain.example", "a.listed.example"):
            blocked = running.ask(name, tcp=tcp)
            assert (blocked.rcode(), errors(blocked)[0][0]) == (wire.NXDOMAIN, 16)
    running.until(lambda: len(running.forwarder) == 0)
    assert running.thread.is_alive()


@pytest.mark.parametrize("lie", (FORGED_FIRST | MALFORMED | UNWILLING).values(),
                         ids=FORGED_FIRST | MALFORMED | UNWILLING)  # fmt: skip
def test_who_hears_nothing_else_is_told_that_it_failed(policy, patience, lie):
    patience(TRY / 2, TRY / 2, TRY / 2)
    with upstream(lie) as stub, gateway(policy, stub.upstream) as running:
        told = running.ask(NAME)
        assert told.rcode() in {wire.SERVFAIL, wire.REFUSED, wire.FORMERR, wire.NOTIMP, 15, 16}
        assert (told.answer, told.authority) == ([], [])
        assert running.engine.counters["failed"].n == 1
        # RFC 9520 3.2: it is not asked again at once.
        assert running.ask(NAME, tcp=True).rcode() == told.rcode()
        assert running.call(running.forwarder.status)[0]["sent"] <= 3
        is_up(running, stub, patience)


@pytest.mark.parametrize("lie", (FORGED_FIRST | MALFORMED | UNWILLING).values(),
                         ids=FORGED_FIRST | MALFORMED | UNWILLING)  # fmt: skip
def test_an_honest_upstream_makes_up_for_it(policy, patience, lie):
    patience(TRY, 0.5, AMPLE)
    with (
        upstream(lie) as liar,
        upstream() as honest,
        gateway(policy, liar.upstream, honest.upstream, strategy=Strategy.ORDERED) as running,
    ):
        for tcp in (False, True):
            assert seen(running.ask(NAME, tcp=tcp)) == RIGHT
        is_up(running, liar, patience)


@pytest.mark.parametrize("forgery", FORGED_FIRST.values(), ids=FORGED_FIRST)
def test_a_forgery_before_the_answer_is_passed_over(policy, patience, forgery):
    with upstream(after(forgery)) as stub, gateway(policy, stub.upstream) as running:
        assert seen(running.ask(NAME)) == RIGHT
        assert len(stub.udp) == 1
        is_up(running, stub, patience)


@pytest.mark.parametrize("odd", ODD_BUT_RIGHT.values(), ids=ODD_BUT_RIGHT)
def test_what_is_odd_but_right_is_taken(policy, patience, odd):
    with upstream(odd) as stub, gateway(policy, stub.upstream) as running:
        for tcp in (False, True, False):
            told = running.ask(NAME, tcp=tcp)
            assert seen(told) == RIGHT
            assert all(rrset.ttl <= 86_400 for rrset in told.answer)
        stub.behave = answer
        assert seen(running.ask("victim.example"))[1] == []
        assert "198.18.6.6" not in running.ask("victim.example").to_text()
        is_up(running, stub, patience)


def loop(*names):
    """CNAMEs that lead back to the first."""
    return answering(
        *[f"{a} 60 CNAME {b}" for a, b in zip(names, names[1:] + names[:1], strict=True)]
    )


SAID_AS_IT_IS = {
    "no data, no SOA": (answering(), 0, 0, False),
    "NXDOMAIN without SOA": (answering(rcode=3), 3, 0, False),
    "no data": (answering(authority=[SOA]), 0, 0, True),
    "NXDOMAIN": (answering(authority=[SOA], rcode=3), 3, 0, True),
    "NXDOMAIN with an answer": (answering(f"@ 60 A {ADDRESS}", rcode=3), 3, 1, False),
    "a referral": (answering(authority=["example 60 NS ns.example"]), 0, 0, False),
    "an alias of itself": (loop("@"), 0, 1, True),
    "a loop of aliases": (loop("@", "b.test", "c.test"), 0, 3, True),
    "an alias to nowhere": (answering("@ 60 CNAME gone.test", rcode=3), 3, 1, False),
    "another name's address": (answering(f"other.test 60 A {ADDRESS}"), 0, 1, True),
    "TC for ever": (said(flags=0x8380, counts=(1, 0, 0, 0)), 0, 0, False),
}


@pytest.mark.parametrize(
    ("lie", "rcode", "count", "kept"), SAID_AS_IT_IS.values(), ids=SAID_AS_IT_IS
)
def test_what_only_an_authority_can_know_is_passed_on(policy, patience, lie, rcode, count, kept):
    with upstream(lie) as stub, gateway(policy, stub.upstream) as running:
        for _ in range(3):
            told = running.ask(NAME)
            assert (told.rcode(), len(records(told.answer))) == (rcode, count)
            assert not seen(told)[1] or rcode == 3
        # What may not be kept is asked again (RFC 2308 5).
        assert len(stub.udp) == (1 if kept else 3)
        is_up(running, stub, patience)


POINTERS = {
    "an owner that points to itself": b"\xc0\x1d" + A,
    "an owner that points ahead": b"\xc0\x1f" + A,
    "an owner that points behind the end": b"\xff\xff" + A,
    "an alias that points to itself": b"\xc0\x0c" + wire.RECORD.pack(5, 1, 60, 2) + b"\xc0\x29",
    "an alias that is cut": b"\xc0\x0c" + wire.RECORD.pack(5, 1, 60, 1) + b"\xc0",
    "an alias longer than its record": b"\xc0\x0c" + wire.RECORD.pack(5, 1, 60, 2) + b"\3a",
    "an endless alias": b"\xc0\x0c" + wire.RECORD.pack(5, 1, 60, 254) + b"\1a" * 127,
    "a DNAME that points to itself": b"\xc0\x10" + wire.RECORD.pack(39, 1, 60, 2) + b"\xc0\x29",
    "a hint that is cut": b"\xc0\x0c" + wire.RECORD.pack(65, 1, 60, 8) + b"\0\1\0\0\4\0\4\xc6",
}


@pytest.mark.parametrize("record", POINTERS.values(), ids=POINTERS)
def test_names_that_lead_nowhere_harm_nobody_but_themselves(policy, patience, record):
    """The record is passed on or not, as it is: nobody else's name is in it (RFC 5625 4)."""
    with upstream(said(record)) as stub, gateway(policy, stub.upstream) as running:
        for tcp in (False, True):
            sent = running.exchange(query(NAME), tcp=tcp)
            start = 12 + len(question(sent))
            assert sent[start:].startswith(record) or read(sent).rcode() == wire.SERVFAIL
        is_up(running, stub, patience)


@settings(max_examples=60, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(st.data())
def test_no_octets_of_an_upstream_end_the_resolver(mutable, data):
    stub, running = mutable
    number = data.draw(st.integers(0, 1 << 40))

    def mutated(packet, way):
        for wait, sent in answering("@ 60 CNAME b.test", f"b.test 60 A {ADDRESS}")(packet, way):
            damaged = bytearray(sent)
            for at, octet in changes:
                damaged[at % len(sent)] = octet
            yield wait, bytes(damaged[: cut or None])

    changes = data.draw(st.lists(st.tuples(st.integers(4, 200), st.integers(0, 255)), max_size=4))
    cut = data.draw(st.sampled_from([0, 0, 12, 30, 60]))
    stub.behave = mutated
    for _ in range(2):
        sent = running.exchange(query(f"n{number}.example"))
        assert sent[:2] == query()[:2]
        assert sent[2] & 0x80
    blocked = running.ask("plain.example")
    assert (blocked.rcode(), errors(blocked)[0][0]) == (wire.NXDOMAIN, 16)


@pytest.fixture
def mutable(policy, patience):
    patience(0.02, 0.02, 0.02)
    with upstream() as stub, gateway(policy, stub.upstream) as running:
        yield stub, running


def test_what_upstreams_say_of_their_errors_is_passed_on_and_bounded(policy):
    texts = [b"\0\x17" + b"because " * 4, b"\0\x16", b"\0\x17" + b"x" * 600]
    for text in texts:
        option = b"\0\x0f" + len(text).to_bytes(2, "big") + text
        opt = b"\0" + wire.RECORD.pack(wire.OPT, 1232, 0, len(option)) + option
        lie = said(opt, flags=0x8182, counts=(1, 0, 0, 1))
        with upstream(lie) as stub, gateway(policy, stub.upstream) as running:
            told = running.ask(NAME)
            assert told.rcode() == wire.SERVFAIL
            expected = [(text[1], text[2:].decode())] if len(text) < 512 else []
            assert errors(told) == expected
            assert dns.message.from_wire(running.exchange(query(NAME, edns=False))).edns == -1


ADDRESSES, DENIAL = (answer, 0, 3), (answering(authority=[SOA], rcode=3), 3, 19)


@pytest.mark.parametrize(
    ("bad", "before", "rcode", "code"),
    [
        pytest.param(silent, *ADDRESSES, id="silence"),
        pytest.param(silent, *DENIAL, id="silence after a denial"),
        pytest.param(failing, *ADDRESSES, id="SERVFAIL"),
        pytest.param(failing, *DENIAL, id="SERVFAIL after a denial"),
        pytest.param(garbage, *ADDRESSES, id="garbage"),
        pytest.param(wrong_id, *ADDRESSES, id="wrong ID"),
        pytest.param(UNWILLING["REFUSED"], *ADDRESSES, id="REFUSED"),
        pytest.param(UNWILLING["no TCP"], *ADDRESSES, id="no TCP"),
    ],
)
def test_what_was_known_is_said_when_nothing_better_is_to_be_had(
    policy, patience, monkeypatch, bad, before, rcode, code
):
    monkeypatch.setattr(exchange, "EARLY", 2 * TRY)
    patience(3 * TRY, 3 * TRY, 3 * TRY)
    with upstream(before) as stub, gateway(policy, stub.upstream) as running:
        assert running.ask(NAME).rcode() == rcode
        stub.behave = bad
        running.pass_time(301)
        for tcp in (False, True):
            told = running.ask(NAME, tcp=tcp)
            assert (told.rcode(), errors(told)) == (rcode, [(code, "")])
            assert {rrset.ttl for rrset in [*told.answer, *told.authority]} == {30}
        running.until(lambda: len(running.forwarder) == 0)
        sent = running.call(running.forwarder.status)[0]["sent"]
        assert running.ask(NAME, tcp=tcp).rcode() == rcode
        assert running.call(running.forwarder.status)[0]["sent"] == sent
        # Half a minute later somebody is asked again.
        running.pass_time(30)
        stub.behave = answer
        patience(AMPLE, AMPLE, AMPLE)
        running.call(monkeypatch.setattr, exchange, "EARLY", AMPLE)
        told = running.ask(NAME, tcp=tcp)
        assert (seen(told), errors(told)) == (RIGHT, [])


@pytest.mark.parametrize(
    "zone",
    [
        ["@ 60 CNAME plain.example", f"plain.example 60 A {ADDRESS}"],
        ["@ 60 CNAME b.test", "b.test 60 CNAME a.below.example", f"a.below.example 60 A {ADDRESS}"],
        ["@ 60 HTTPS 1 www.listed.example. alpn=h2"],
    ],
)
def test_an_answer_that_leads_to_a_listed_name_is_blocked_and_who_asks_is_told(policy, zone):
    with upstream(answering(*zone)) as stub, gateway(policy, stub.upstream) as running:
        for tcp in (False, True, False, False):
            told = running.ask(NAME, tcp=tcp)
            assert (told.rcode(), told.answer) == (wire.NOERROR, [])
            assert errors(told) == [(16, "p001: Notice 7")]
        assert len(stub.udp) == 1


def test_a_garden_is_found_upstream_and_from_the_cache(policy_of):
    rules = 'domains = ["g.example"]\naction = "records"\nrecords = ["CNAME pages.test"]\nttl = 9\n'
    policy = policy_of(f'[[platform]]\nid = "g"\n{rules}')
    with upstream() as stub, gateway(policy, stub.upstream) as running:
        for name in ("g.example", "G.example", "www.g.example", "a-longer-name.g.example"):
            for tcp in (False, True):
                told = running.ask(name, tcp=tcp)
                assert records(told.answer) == [
                    f"{name}. CNAME pages.test.", f"pages.test. A {ADDRESS}",
                ]  # fmt: skip
        assert stub.names() == ["pages.test"]
        stub.behave = silent
        assert records(running.ask("pages.test").answer) == [f"pages.test. A {ADDRESS}"]


def hiding(garden):
    """An upstream's behaviour: every name but the garden's is an alias of a listed one."""
    alias = answering("@ 300 CNAME hidden.test", f"hidden.test 300 A {ADDRESS}")
    return lambda packet, way: (garden if b"\5pages\4test" in packet else alias)(packet, way)


def gardener(entry):
    """A list that sends an entry to a garden."""
    return f'[[platform]]\nid = "g"\n{entry}\naction = "records"\nrecords = ["CNAME pages.test"]\n'


@pytest.mark.parametrize("entry", ['domains = ["hidden.test"]', f'prefixes = ["{ADDRESS}/32"]'])
def test_what_hides_behind_a_name_leads_to_the_garden_as_well(policy_of, entry):
    policy = policy_of(gardener(entry))
    behave = hiding(answering("@ 300 A 198.18.0.5"))
    with upstream(behave) as stub, gateway(policy, stub.upstream) as running:
        for name in (NAME, "WWW.example", "other.example"):
            for tcp in (False, True, False, False):
                told = running.ask(name, tcp=tcp)
                assert records(told.answer) == [
                    f"{name}. CNAME pages.test.", "pages.test. A 198.18.0.5",
                ]  # fmt: skip
                assert [code for code, _ in errors(told)] == [4, 15]
        assert stub.names() == [NAME, "pages.test", "other.example"]
        counted = running.call(running.engine.counters.snapshot)
        assert counted["platforms"] == {"g": 12}
        assert sum(counted["outcomes"].values()) == counted["outcomes"]["sinkholed"] == 12


@pytest.mark.parametrize("tcp", [False, True])
def test_a_garden_that_takes_long_is_what_it_was(policy_of, monkeypatch, tcp):
    monkeypatch.setattr(exchange, "EARLY", 2 * TRY)
    policy = policy_of(gardener('domains = ["hidden.test"]'))
    behave = hiding(answering("@ 300 A 198.18.0.5"))
    with upstream(behave) as stub, gateway(policy, stub.upstream) as running:
        running.ask(NAME, tcp=tcp)
        running.pass_time(301)
        stub.behave = hiding(silent)
        told = running.ask(NAME, tcp=tcp)
        assert records(told.answer) == [f"{NAME}. CNAME pages.test.", "pages.test. A 198.18.0.5"]
        assert told.answer[1].ttl == 30
        assert [code for code, _ in errors(told)] == [4, 15, 3]


def test_what_is_asked_often_is_fetched_before_it_is_too_old(policy):
    with (
        upstream(answering(f"@ 100 A {ADDRESS}")) as stub,
        gateway(policy, stub.upstream) as running,
    ):
        running.ask(NAME)
        for _ in range(3):
            running.pass_time(32)
            assert seen(running.ask(NAME)) == RIGHT
        running.until(lambda: len(stub.udp) == 2 and len(running.forwarder) == 0)
        running.pass_time(0)  # what was finished in this second is told again until it is over
        assert running.ask(NAME).answer[0].ttl > 95
        assert len(stub.udp) == 2
