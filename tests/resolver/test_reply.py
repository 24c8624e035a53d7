"""Replies of upstreams: parsed once, kept as bytes, aged by their TTLs alone."""

import struct

import dnslib
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from blockd.errors import FormError
from blockd.resolver import wire
from blockd.resolver.reply import LONGEST, LONGEST_NEGATIVE, Answer, failure, parse_reply
from tests.resolver.messages import query, raw, read, records, reply
from tests.resolver.records import fields, ttls

QUERY = query()
END = 12 + len(b"\3www\7example\0\0\1\0\1")
QUESTION = QUERY[12:END]
OPT = b"\0" + wire.RECORD.pack(wire.OPT, 1232, 0, 0)
A = b"\xc0\x0c" + wire.RECORD.pack(1, 1, 60, 4) + b"\xc6\x12\0\1"
SOA = "example 600 SOA localhost. nobody.invalid. 1 2 3 4 {}"


def whole(answer):
    """Put an answer behind a header and the question again."""
    head = struct.pack("!HH", 0x1234, wire.QR | answer.rcode & 0xF) + b"\0\1" + answer.counts
    return head + QUESTION + answer.body


def parsed(*zone, **header):
    return parse_reply(reply(QUERY, *zone, **header), END)


def test_records_are_kept_and_opt_is_taken_out():
    packet = reply(QUERY, "www.example 60 CNAME a.example", "a.example 30 A 198.18.0.1", ad=1)
    answer = parse_reply(packet, END)
    assert (answer.rcode, answer.flags, answer.lifetime) == (wire.NOERROR, wire.AD, 30)
    assert answer.counts == b"\0\2\0\0\0\0"
    assert packet[END:] == answer.body + packet[-11:]
    message = read(whole(answer))
    assert records(message.answer) == ["www.example. CNAME a.example.", "a.example. A 198.18.0.1"]
    assert (message.additional, message.edns) == ([], -1)


@pytest.mark.parametrize(
    ("zone", "authority", "header", "lifetime"),
    [
        (["www.example 60 A 198.18.0.1", "www.example 50 A 198.18.0.2"], [], {}, 50),
        (["www.example 60 A 198.18.0.1"], [SOA.format(5)], {}, 60),
        (["www.example 0 A 198.18.0.1"], [], {}, 0),
        (["www.example 99999999 A 198.18.0.1"], [], {}, LONGEST),
        (["www.example 60 A 198.18.0.1"], [], {"tc": 1}, 0),
        ([], [SOA.format(300)], {}, 300),
        ([], [SOA.format(900)], {}, 600),
        ([], [SOA.format(300)], {"rcode": 3}, 300),
        (["www.example 60 CNAME a.example"], [SOA.format(300)], {"rcode": 3}, 60),
        ([], [SOA.format(999999)], {"rcode": 3}, 600),
        ([], [], {}, 0),
        ([], [], {"rcode": 3}, 0),
        ([], ["example 60 NS ns.example"], {}, 0),
        ([], [SOA.format(300)], {"rcode": 2}, 0),
        ([], [SOA.format(300)], {"rcode": 5}, 0),
        (["www.example 60 A 198.18.0.1"], [], {"rcode": 2}, 0),
        (["www.example 9000 CNAME a.example"], [SOA.format(300)], {}, 300),
        (["www.example 60 CNAME a.example"], [SOA.format(300)], {}, 60),
        (["www.example 9000 CNAME a.example"], [], {}, 9000),
        (["www.example 9000 CNAME a.example"], ["example 60 NS ns.example"], {}, 9000),
        (["www.example 9000 CNAME a.example", "a.example 700 A 198.18.0.1"], [SOA.format(5)], {},
         700),
        ([], ["example 999999 SOA localhost. nobody.invalid. 1 2 3 4 999999"], {"rcode": 3},
         LONGEST_NEGATIVE),
    ],
)  # fmt: skip
def test_how_long_an_answer_is_kept(zone, authority, header, lifetime):
    assert parsed(*zone, authority=authority, **header).lifetime == lifetime


@pytest.mark.parametrize(
    ("ttl", "taken"),
    [
        (0, 0),
        (1, 1),
        (LONGEST, LONGEST),
        (LONGEST + 1, LONGEST),
        (0x7FFFFFFF, LONGEST),
        (0x80000000, 0),
        (0xFFFFFFFF, 0),
    ],
)
def test_a_ttl_is_capped_and_one_with_the_upper_bit_is_zero(ttl, taken):
    records_sent = [
        b"\xc0\x0c" + wire.RECORD.pack(1, 1, each, 4) + b"\xc6\x12\0\1" for each in (ttl, 99_999)
    ]
    packet = raw(QUESTION, *records_sent, OPT, flags=0x8180, counts=(1, 1, 0, 2))
    answer = parse_reply(packet, END)
    assert answer.lifetime == taken
    assert ttls(answer) == [taken, LONGEST]
    (rrset,) = read(whole(answer)).answer
    assert rrset.ttl == taken
    assert fields(parse_reply(whole(answer), END)) == fields(answer)


def test_unknown_types_and_classes_pass_untouched():
    record = b"\xc0\x0c" + wire.RECORD.pack(65280, 7, 60, 5) + b"\xff\xc0\x0c\0\1"
    answer = parse_reply(raw(QUESTION, record, OPT, flags=0x8180, counts=(1, 1, 0, 1)), END)
    expected = Answer(0, 0, b"\0\1\0\0\0\0", record, (6,), 60)
    assert fields(answer) == fields(expected)
    assert ttls(answer) == [60]


def test_opt_gives_the_upper_bits_of_the_rcode():
    badvers = b"\0" + wire.RECORD.pack(wire.OPT, 1232, 0x01000000, 0)
    packet = raw(QUESTION, badvers, flags=0x8180, counts=(1, 0, 0, 1))
    assert parse_reply(packet, END).rcode == wire.BADVERS


@pytest.mark.parametrize("place", range(2))
def test_wherever_it_stands(place):
    extended = b"\0" + wire.RECORD.pack(wire.OPT, 1232, 0x01000000, 0)
    packet = raw(QUESTION, A, *[A, extended][:: 1 - 2 * place], flags=0x8180, counts=(1, 1, 0, 2))
    answer = parse_reply(packet, END)
    assert (answer.rcode, answer.lifetime, answer.failed) == (16, 0, True)
    assert answer.counts == (b"\0\1\0\0\0\1", b"\0\1\0\0\0\0")[place]


def option(code, content):
    return struct.pack("!HH", code, len(content)) + content


BLOCKED = option(wire.EDE, b"\0\x0flisted")
BOGUS = option(wire.EDE, b"\0\6")
COOKIE = option(wire.COOKIE, b"12345678")


@pytest.mark.parametrize(
    ("rdata", "options"),
    [
        (b"", b""),
        (BLOCKED, BLOCKED),
        (BLOCKED + BOGUS, BLOCKED + BOGUS),
        (COOKIE + BOGUS + option(65001, b"own"), BOGUS),
        (option(wire.PADDING, bytes(30)), b""),
        (option(wire.EDE, b"\0"), b""),  # too short for a code
        (BOGUS + b"\0\x0f\0\x09cut off", BOGUS),
        (BOGUS + b"\0\x0f\0", BOGUS),
        (option(wire.EDE, bytes(508)), option(wire.EDE, bytes(508))),
        (option(wire.EDE, bytes(509)), b""),  # nobody needs that much
    ],
)
@pytest.mark.parametrize("last", [True, False])
def test_extended_errors_are_passed_on_and_nothing_else_of_opt(rdata, options, last):
    opt = b"\0" + wire.RECORD.pack(wire.OPT, 1232, 0, len(rdata)) + rdata
    others = [A, opt] if last else [opt, A]
    packet = raw(QUESTION, A, *others, flags=0x8180, counts=(1, 1, 0, 2))
    answer = parse_reply(packet, END)
    assert answer.options == options
    assert answer.body == (A + A if last else A)


def test_what_says_nothing_of_the_name_is_a_failure():
    for rcode in range(24):
        assert Answer(rcode, 0, bytes(6), b"", (), 0).failed == (rcode not in {0, 3})
    assert fields(failure(wire.SERVFAIL, 5)) == fields(Answer(2, 0, bytes(6), b"", (), 5))
    assert failure(wire.SERVFAIL, 5).failed


def test_stale_records_have_one_ttl_and_are_the_same_otherwise():
    answer = parse_reply(RICH, END)
    old = parse_reply(whole(answer.changed(body=answer.stale(30))), END)
    assert ttls(answer) == [60, 50, 40, 30, 20, 600, 60]
    assert ttls(old) == [30] * 7
    assert old.stale(30) == answer.stale(30)
    again = bytearray(answer.stale(30))
    for at, ttl in zip(answer.ttls_at, ttls(answer), strict=True):
        again[at : at + 4] = ttl.to_bytes(4, "big")
    assert bytes(again) == answer.body
    assert failure(2, 5).stale(30) == b""


@pytest.mark.parametrize("place", range(4))
def test_opt_may_stand_anywhere_and_what_stands_behind_it_is_left_out(place):
    message = dnslib.DNSRecord.parse(reply(QUERY, "www.example 60 A 198.18.0.9", edns=False))
    extra = (
        "ns.example 60 A 198.18.0.1\nns.example 60 AAAA 2001:db8::1\nb.ns.example 9 A 198.18.0.2"
    )
    message.add_ar(*dnslib.RR.fromZone(extra))
    message.ar.insert(place, dnslib.EDNS0(udp_len=1232))
    answer = parse_reply(bytes(message.pack()), END)
    kept = read(whole(answer))
    assert answer.counts == b"\0\1\0\0\0" + bytes([place])
    assert records(kept.answer) == ["www.example. A 198.18.0.9"]
    beside = [
        "ns.example. A 198.18.0.1",
        "ns.example. AAAA 2001:db8::1",
        "b.ns.example. A 198.18.0.2",
    ]
    assert records(kept.additional) == beside[:place]
    assert ttls(answer) == [60, 60, 60, 9][: 1 + place]


@pytest.mark.parametrize(
    ("records_sent", "counts", "part"),
    [
        ([A], (1, 2, 0, 0), "within a"),
        ([A[:-1]], (1, 1, 0, 0), "record's data"),
        ([A[:5]], (1, 1, 0, 0), "within a record"),
        ([A[:1]], (1, 1, 0, 0), "within a record"),
        ([b"\x80" + A], (1, 1, 0, 0), "unknown kind"),
        ([b"\3ab"], (1, 1, 0, 0), "within a name"),
        ([OPT, OPT], (1, 0, 0, 2), "OPT twice"),
        ([OPT], (1, 1, 0, 0), "out of place"),
        ([OPT, A[:-1] + b"\1", A[:-1]], (1, 0, 0, 3), "record's data"),
    ],
)
def test_malformed_replies(records_sent, counts, part):
    with pytest.raises(FormError, match=part):
        parse_reply(raw(QUESTION, *records_sent, flags=0x8180, counts=counts), END)


@pytest.mark.parametrize("counts", [(1, 501, 0, 0), (1, 0, 501, 0), (1, 499, 1, 1)])
def test_more_records_than_are_looked_at_are_a_failure_that_says_so(counts):
    found = parse_reply(raw(QUESTION, *[A] * 501, flags=0x8180, counts=counts), END)
    assert (found.rcode, found.body, found.lifetime) == (wire.SERVFAIL, b"", 0)
    assert found.options[4:] == b"\0\0an answer of 501 records, more than 500"
    whole = parse_reply(raw(QUESTION, *[A] * 500, flags=0x8180, counts=(1, 500, 0, 0)), END)
    assert whole.rcode == wire.NOERROR
    assert len(whole.ttls_at) == 500


def test_octets_behind_the_records_are_left_out():
    packet = raw(QUESTION, A, flags=0x8180, counts=(1, 1, 0, 0))
    assert fields(parse_reply(packet + b"junk", END)) == fields(parse_reply(packet, END))


few = st.integers(0, 3)


@given(
    few, few, few, st.lists(st.sampled_from([A, OPT, b"\0", b"\xc0\x0c"]) | st.binary(max_size=30))
)
@example(0, 0, 2, [OPT, b"\xc0\x30" + A[2:]])
def test_arbitrary_bytes_give_an_answer_or_a_form_error_and_nothing_else(a, b, c, parts):
    answer_or_form_error(raw(QUESTION, *parts, flags=0x8180, counts=(1, a, b, c)))


RICH = reply(
    QUERY,
    "www.example 60 CNAME a.example",
    "a.example 50 A 198.18.0.1",
    "a.example 40 TXT 'x y' z",
    "a.example 30 HTTPS 1 . alpn=h2 ipv4hint=198.18.0.1",
    "a.example 20 MX 5 mail.example",
    authority=[SOA.format(5), "example 60 NS ns.example"],
)


@given(st.data())
def test_so_do_damaged_replies(data):
    moved = OPT if data.draw(st.booleans()) else b""
    packet = bytearray(RICH[:-11] + moved + RICH[-11:] + A)
    packet[11] += 1 + bool(moved)
    for _ in range(data.draw(st.integers(0, 4))):
        packet[data.draw(st.integers(END, len(packet) - 1))] = data.draw(st.integers(0, 255))
    answer_or_form_error(bytes(packet[: data.draw(st.integers(END, len(packet)))]))
    answer_or_form_error(bytes(packet))


def answer_or_form_error(packet):
    try:
        answer = parse_reply(packet, END)
    except FormError:
        return
    assert isinstance(answer, Answer)
    assert 0 <= answer.lifetime <= LONGEST
    assert len(answer.ttls_at) == sum(struct.unpack("!HHH", answer.counts))
    assert all(ttl <= LONGEST for ttl in ttls(answer))
    assert len(answer.aged(7)) == len(answer.body)
    # What is kept is whole: it reads the same when it comes again.
    again = parse_reply(whole(answer), END)
    assert (again.body, again.counts) == (answer.body, answer.counts)


@given(st.lists(st.integers(0, 0x7FFFFFFF), min_size=1, max_size=8), st.integers(-5, 2**31))
@example([LONGEST, 2**31 - 1], 1)
def test_ttls_count_down_to_zero_and_nothing_else_changes(sent, seconds):
    records_sent = [
        b"\xc0\x0c" + wire.RECORD.pack(1, 1, ttl, 4) + bytes((198, 18, 0, number))
        for number, ttl in enumerate(sent)
    ]
    packet = raw(QUESTION, *records_sent, OPT, flags=0x8180, counts=(1, len(sent), 0, 1))
    answer = parse_reply(packet, END)
    taken = [min(ttl, LONGEST) for ttl in sent]
    assert answer.aged(0) == answer.body
    assert answer.body == packet[END:-11] or max(sent) > LONGEST
    assert ttls(answer) == taken
    aged = parse_reply(whole(answer.changed(body=answer.aged(seconds))), END)
    assert ttls(aged) == [max(0, ttl - max(0, seconds)) for ttl in taken]
    at_zero = bytearray(answer.aged(seconds))
    for at, ttl in zip(answer.ttls_at, taken, strict=True):
        at_zero[at : at + 4] = ttl.to_bytes(4, "big")
    assert bytes(at_zero) == answer.body
