"""Queries as bytes: what is seen, what is malformed, and that nothing else can happen."""

import dns.flags
import dns.message
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from blockd import names
from blockd.errors import FormError
from blockd.resolver import wire
from blockd.resolver.wire import Edns, Query, parse_query
from tests.resolver.messages import query, raw, read

QUESTION = b"\1a\7example\0\0\1\0\1"
OPT = b"\0\0\x29\4\xd0\0\0\0\0\0\0"
TXT = b"\1x\0\0\x10\0\1\0\0\0\0\0\2\1x"

label = st.binary(min_size=1, max_size=63)
name = st.lists(label, max_size=5).map(
    lambda labels: b"".join(bytes([len(part)]) + part for part in labels)
).filter(lambda wire_name: len(wire_name) <= 254)  # fmt: skip
u16 = st.integers(0, 0xFFFF)
opts = st.tuples(u16, st.integers(0, 255), u16, st.binary(max_size=40))


def packed(wire_name, qtype, qclass, flags, opt):
    tail = b""
    if opt is not None:
        size, version, bits, data = opt
        option = b"\xfd\xe9" + len(data).to_bytes(2, "big") + data if data else b""
        tail = b"\0" + wire.RECORD.pack(wire.OPT, size, version << 16 | bits, len(option)) + option
    question = wire_name + b"\0" + qtype.to_bytes(2, "big") + qclass.to_bytes(2, "big")
    return raw(question, tail, flags=flags, counts=(1, 0, 0, 1 if tail else 0))


queries = st.builds(packed, name, u16, u16, st.integers(0, 0x7FFF), st.none() | opts)


@given(name, u16, u16, st.integers(0, 0x7FFF), st.none() | opts)
def test_every_field_is_seen_as_it_was_written(wire_name, qtype, qclass, flags, opt):
    packet = packed(wire_name, qtype, qclass, flags, opt)
    asked = parse_query(packet)
    assert (asked.id, asked.flags, asked.question) == (
        packet[:2],
        flags,
        packet[12:][: len(wire_name) + 5],
    )
    assert (asked.name, asked.qtype, asked.qclass) == (wire_name.lower(), qtype, qclass)
    if opt is None:
        assert asked.edns is None
    else:
        size, version, bits, data = opt
        assert asked.edns == Edns(max(512, size), version, bits & 0xC000, extra=bool(data))


@given(queries.map(lambda packet: packet[:2] + b"\1\0" + packet[4:]))
def test_it_sees_what_dnspython_sees(packet):
    asked = parse_query(packet)
    try:
        seen = dns.message.from_wire(packet)
    except dns.exception.DNSException:
        return  # such as OPT for a question
    (question,) = seen.question
    assert names.to_text(asked.name) == names.to_text(question.name.to_wire()[:-1].lower())
    assert (asked.qtype, asked.qclass) == (question.rdtype, question.rdclass)
    assert (asked.edns is None) == (seen.edns < 0)
    if asked.edns:
        assert asked.edns.version == seen.edns
        assert bool(asked.edns.flags & wire.DO) == bool(seen.ednsflags & dns.flags.DO)


@given(st.binary(max_size=80))
@example(b"")
@example(raw(b"\xc0\x0c\0\1\0\1"))
@example(raw(QUESTION, OPT, counts=(1, 0, 0, 2)))
def test_arbitrary_bytes_give_a_query_or_a_form_error_and_nothing_else(packet):
    query_or_form_error(packet)
    query_or_form_error(packet[:6] + bytes(6) + packet[12:])


@given(queries, st.data())
def test_so_do_damaged_queries(packet, data):
    damaged = bytearray(packet)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(packet) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(packet)))
    query_or_form_error(bytes(damaged))
    query_or_form_error(packet[:cut])
    query_or_form_error(bytes(damaged[:cut]) + packet[cut // 2 :])


def query_or_form_error(packet):
    try:
        asked = parse_query(packet)
    except FormError:
        return
    assert isinstance(asked, Query)
    assert asked.question == packet[12 : 12 + len(asked.question)]
    assert b"".join(bytes([len(part)]) + part for part in names.labels(asked.name)) == asked.name
    assert len(asked.name) <= 254
    assert asked.edns is None or asked.edns.size >= 512


@pytest.mark.parametrize(
    ("packet", "part"),
    [
        (raw(), "within the question"),
        (raw(QUESTION[:-5]), "within the question"),
        (raw(QUESTION[:-1]), "type is missing"),
        (raw(b"\xc0\x0c\0\1\0\1"), "pointer"),
        (raw(b"\x40" + QUESTION), "another kind"),
        (raw(3 * (b"\x3f" + b"a" * 63), b"\x3e" + b"a" * 62, b"\0\0\1\0\1"), "too long"),
        (raw(QUESTION, OPT[:-1], counts=(1, 0, 0, 1)), "within OPT"),
        (raw(QUESTION, OPT[:-1] + b"\1", counts=(1, 0, 0, 1)), "within OPT"),
        (raw(QUESTION, OPT, OPT, counts=(1, 0, 0, 2)), "two OPT"),
        (raw(QUESTION, b"\1x" + OPT, counts=(1, 0, 0, 1)), "not at the root"),
        (raw(QUESTION, counts=(1, 0, 0, 1)), "within a name"),
        (raw(QUESTION, TXT[:-1], counts=(1, 1, 0, 0)), "record's data"),
        (raw(QUESTION, TXT[:9], counts=(1, 1, 0, 0)), "within a record"),
        (raw(QUESTION, b"\x80" + TXT, counts=(1, 0, 0, 1)), "unknown kind"),
    ],
)  # fmt: skip
def test_malformed_queries(packet, part):
    with pytest.raises(FormError, match=part):
        parse_query(packet)


def test_the_longest_name_is_taken():
    longest = 3 * (b"\x3f" + b"a" * 63) + b"\x3d" + b"a" * 61  # 255 octets with the root's
    assert parse_query(raw(longest, b"\0\0\1\0\1")).name == longest


@pytest.mark.parametrize(
    ("records", "counts", "found"),
    [
        ([TXT, OPT], (1, 0, 0, 2), True),
        ([OPT, TXT], (1, 0, 0, 2), True),
        ([TXT, TXT, TXT, OPT], (1, 1, 1, 2), True),
        ([b"\xc0\x0c" + TXT[3:], OPT], (1, 0, 0, 2), True),
        ([TXT], (1, 0, 0, 1), False),
        ([OPT], (1, 1, 0, 0), False),
    ],
)
def test_opt_is_found_among_other_records_of_the_additional_section(records, counts, found):
    edns = parse_query(raw(QUESTION, *records, counts=counts)).edns
    assert edns == (Edns(1232, 0, 0) if found else None)


COOKIE, BOTH = b"12345678", b"12345678" + bytes(range(16))
SUBNET = b"\0\1\x18\0\xc6\x12\0"


@pytest.mark.parametrize(
    ("options", "seen"),
    [
        ([(10, COOKIE)], {"cookie": COOKIE}),
        ([(10, BOTH)], {"cookie": BOTH}),
        ([(10, COOKIE + bytes(8))], {"cookie": COOKIE + bytes(8)}),
        ([(10, COOKIE + bytes(32))], {"cookie": COOKIE + bytes(32)}),
        ([(10, COOKIE), (10, BOTH)], {"cookie": COOKIE, "extra": True}),
        ([(8, SUBNET)], {"subnet": SUBNET, "extra": True}),
        ([(8, SUBNET), (10, COOKIE)], {"subnet": SUBNET, "cookie": COOKIE, "extra": True}),
        ([(11, b""), (10, BOTH), (12, bytes(50))], {"cookie": BOTH, "extra": True}),
        ([(3, b"")], {"extra": True}),
        ([(65001, bytes(300))], {"extra": True}),
    ],
)
@pytest.mark.parametrize("usual", [True, False])
def test_options_are_seen_in_any_order(options, seen, usual):
    packet = query(options=options, do=True)
    if not usual:  # behind another record, so that OPT is looked for
        end = packet.index(0, 12) + 5
        packet = packet[:11] + b"\2" + packet[12:end] + TXT + packet[end:]
    assert parse_query(packet).edns == Edns(1232, 0, wire.DO, **seen)


@pytest.mark.parametrize("octets", [0, 1, 7, 9, 15, 41, 100])
def test_a_cookie_of_a_wrong_length_is_a_form_error(octets):
    with pytest.raises(FormError, match="RFC 7873"):
        parse_query(query(options=[(10, bytes(octets))]))


@pytest.mark.parametrize("rdata", [b"\0", b"\0\x0a\0", b"\0\x0a\0\x08" + bytes(7), bytes(5)])
def test_an_option_that_is_cut_off_is_a_form_error(rdata):
    opt = OPT[:-2] + len(rdata).to_bytes(2, "big") + rdata
    with pytest.raises(FormError, match="cut off"):
        parse_query(raw(QUESTION, opt, counts=(1, 0, 0, 1)))


@pytest.mark.parametrize(
    ("packet", "rcode"),
    [
        (b"", -1),
        (raw(QUESTION)[:11], -1),
        (raw(QUESTION, flags=0x8100), -1),
        (raw(QUESTION, flags=0xFFFF), -1),
        (raw(QUESTION), None),
        (raw(QUESTION, flags=0x07FF), None),
        (raw(counts=(1, 0, 0, 0)), None),
        *[(raw(QUESTION, flags=opcode << 11), wire.NOTIMP) for opcode in range(1, 16)],
        (raw(counts=(0, 0, 0, 0)), wire.FORMERR),
        (raw(QUESTION, QUESTION, counts=(2, 0, 0, 0)), wire.FORMERR),
        (raw(QUESTION, counts=(257, 0, 0, 0)), wire.FORMERR),
    ],
)
def test_the_header_alone_tells_what_can_be_answered(packet, rcode):
    assert wire.unanswerable(packet) == rcode


def test_a_header_is_answered_with_its_id_opcode_and_rd():
    answer = read(wire.header_reply(raw(QUESTION, number=7, flags=0x2BFF), wire.NOTIMP))
    assert (answer.id, answer.opcode(), answer.rcode()) == (7, 5, wire.NOTIMP)
    assert answer.flags & 0x87F0 == wire.QR | wire.RD
    assert not answer.question


SAME = [
    {},
    {"options": [(8, SUBNET), (12, b"")]},
    {"options": [(10, BOTH)]},
    {"number": 9},
    {"name": "wWw.EXAMPLE"},
    {"options": [(10, b"12345678")]},
    {"size": 512},
]
OTHER = [
    {"name": "ww.example"}, {"qtype": "AAAA"}, {"qtype": 257}, {"qclass": 3}, {"rd": 0},
    {"cd": 1}, {"ad": 1}, {"do": True}, {"co": True}, {"do": True, "co": True},
    {"do": True, "cd": 1},
]  # fmt: skip


def test_the_key_is_of_what_an_answer_depends_on(asked):
    assert len({asked(**{"edns": True, **how}).key for how in SAME}) == 1
    assert asked(edns=False).key == asked().key
    assert len({asked(**how).key for how in [{}, *OTHER]}) == 1 + len(OTHER)


def test_another_questions_key_is_made_of_the_same_tail(asked):
    for how in [{}, *SAME, *OTHER]:
        found = asked(**how)
        tail = wire.key_tail(found.question[-4:], found.flags, found.edns)
        assert found.key == found.name + tail
        assert len(tail) == 6


def test_the_key_leaves_type_and_class_alone_though_they_look_like_letters(asked):
    assert asked(qtype=0x4141).key != asked(qtype=0x6161).key


def test_the_key_holds_the_canonical_name(asked):
    assert asked("A.Listed.EXAMPLE").name == names.parse("a.listed.example")
    assert query("A.Listed.EXAMPLE")[12:].startswith(b"\1A\6Listed\7EXAMPLE\0")


def test_a_header_alone_is_answered_with_opt_where_the_query_ends_in_one():
    asked = query("www.example")
    other = asked[:2] + b"\x29\0" + asked[4:]  # opcode 5, UPDATE
    replied = wire.header_reply(other, wire.NOTIMP)
    seen = dns.message.from_wire(replied)
    assert (seen.rcode(), seen.opcode(), seen.edns) == (wire.NOTIMP, 5, 0)
    assert len(wire.header_reply(query("www.example", edns=False), wire.FORMERR)) == 12
