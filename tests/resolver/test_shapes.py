"""Shapes: what one query teaches answers all others of its kind as the long way does."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from blockd import names
from blockd.config import ResolverSection
from blockd.resolver import extended, shapes, wire
from blockd.resolver.answers import assemble
from blockd.resolver.counters import Count
from blockd.resolver.engine import Engine
from blockd.resolver.reply import Answer
from blockd.resolver.shapes import POINTERS, learnt, split, stamp
from blockd.resolver.wire import Query, parse_query
from tests.resolver.messages import query, raw
from tests.resolver.records import fields

CLIENT, BOTH = b"12345678", b"12345678" + bytes(range(16))
SERVER = bytes(range(100, 116))


@pytest.mark.parametrize(
    ("options", "cookie"),
    [
        ([], b""),
        ([(10, CLIENT)], CLIENT),
        ([(10, BOTH)], BOTH),
        ([(10, CLIENT + bytes(8))], b""),
        ([(10, CLIENT + bytes(32))], b""),
        ([(12, bytes(4)), (10, CLIENT)], CLIENT),
        ([(10, CLIENT), (12, b"")], b""),
    ],
)
def test_a_cookie_at_the_end_is_split_off(options, cookie):
    packet = query(options=options)
    assert split(packet) == (packet[: len(packet) - len(cookie)], cookie)


@given(st.binary(max_size=60))
def test_any_octets_are_split_into_two_parts(packet):
    body, cookie = split(packet)
    assert body + cookie == packet
    assert len(cookie) in {0, 8, 24}


def lesson(packet):
    return learnt(packet, parse_query(packet), 1232)


TAUGHT = [
    {"edns": False},
    {},
    {"do": True},
    {"options": [(10, CLIENT)]},
    {"options": [(10, BOTH)]},
    {"name": "."},
    {"qtype": 65280},
    {"rd": 0, "cd": 1},
]


@pytest.mark.parametrize("how", TAUGHT)
def test_a_usual_query_teaches_its_shape(how):
    packet = query(**how)
    key, shape = lesson(packet)
    asked = parse_query(packet)
    assert (shape.flags, shape.kind) == (asked.flags, asked.question[-4:])
    assert shape.edns == (asked.edns and asked.edns._replace(cookie=b"")), "it is nobody's"
    assert shape.cookie == bool(how.get("options"))
    assert asked.name + shape.key_tail == asked.key
    # Any other name, ID and cookie is of the same shape.
    other = {**how, "name": "other.name.example", "number": 9}
    if "options" in how:
        other["options"] = [(10, b"x" * len(how["options"][0][1]))]
    assert lesson(query(**other))[0] == key


def test_queries_of_different_kinds_have_different_shapes():
    assert len({lesson(query(**how))[0] for how in TAUGHT}) == len(TAUGHT) - 1  # but for the root


QUESTION = b"\1a\7example\0\0\1\0\1"
OPT = b"\0\0\x29\4\xd0\0\0\0\0\0\0"
TXT = b"\1x\0\0\x10\0\1\0\0\0\0\0\2\1x"


@pytest.mark.parametrize(
    "packet",
    [
        query(options=[(8, b"\0\1\x18\0\xc6\x12\0")]),
        query(options=[(12, bytes(9)), (10, CLIENT)]),
        query(options=[(10, CLIENT), (11, b"")]),
        query(options=[(10, CLIENT + bytes(8))]),
        query(options=[(10, CLIENT), (10, CLIENT)]),
        raw(b"\3a\0b\7example\0\0\1\0\1"),
        raw(QUESTION, TXT, counts=(1, 0, 0, 1)),
        raw(QUESTION, TXT, OPT, counts=(1, 0, 0, 2)),
        raw(QUESTION, OPT, TXT, counts=(1, 0, 0, 2)),
        raw(QUESTION, OPT, b"\0\x0a\0\x08", counts=(1, 0, 0, 1)),
        raw(QUESTION, OPT, b"\0", counts=(1, 0, 0, 1)),
        raw(QUESTION, b"more"),
        raw(QUESTION, b"\0\x0a\0\x08" + CLIENT),
    ],
)
def test_what_is_special_teaches_nothing(packet):
    assert lesson(packet) is None


ASKED = parse_query(query("www.listed.example", options=[(10, CLIENT)]))
SOA = POINTERS[4] + b"\0\6\0\1\0\0\0\x3c\0\0"
EDE = extended.error(16, "p001: Notice 7")


@pytest.mark.parametrize("with_cookie", [True, False])
@pytest.mark.parametrize(
    ("counts", "body", "pointed"),
    [(b"\0\0\0\1", SOA, True), (b"\0\1\0\0", SOA, False), (bytes(4), b"", False)],
)
def test_a_stamp_is_the_answer_without_what_changes(with_cookie, counts, body, pointed):
    asked = parse_query(query("www.listed.example", options=[(10, CLIENT)] * with_cookie))
    message = assemble(asked, 3, counts, body, EDE, 1232, cookie=SERVER)
    outcome, platform = Count(), Count()
    made = stamp(message, asked, 1232, outcome, platform)
    assert (made.outcome, made.platform, made.pointed) == (outcome, platform, pointed)
    pointer = POINTERS[4] if pointed else b""
    cookie = CLIENT + SERVER if with_cookie else b""
    whole = asked.id + made.head + asked.question + pointer + made.rest + cookie
    assert whole == message


def test_nothing_is_stamped_that_might_not_fit_behind_a_longer_name():
    message = assemble(ASKED, 3, b"\0\0\0\1", SOA, EDE, 1232, cookie=SERVER)
    least = len(message) - len(ASKED.question) + 255 + 4
    assert stamp(message, ASKED, least, Count(), Count()) is not None
    assert stamp(message, ASKED, least - 1, Count(), Count()) is None
    cut = assemble(ASKED, 3, b"\0\0\0\1", SOA * 100, EDE, 512, cookie=SERVER)
    assert stamp(cut, ASKED, 1232, Count(), Count()) is None


def test_pointers_lead_into_the_question():
    assert [int.from_bytes(each, "big") & 0x3FFF for each in POINTERS] == [*range(12, 268)]
    assert {each[0] & 0xC0 for each in POINTERS} == {0xC0}


LISTED = [
    "listed.example", "only.example", "below.example", "zero.example", "silent.example",
    "refused.example", "page.example", "nodata.example", "good.listed.example", "open.example",
    "free.example", "localhost", "example",
]  # fmt: skip
label = st.one_of(
    st.sampled_from([b"www", b"WwW", b"a" * 63, b"listed", b"\0\x0a\0\x08", b"\0"]),
    st.binary(min_size=1, max_size=63),
)
wire_names = st.builds(
    lambda labels, name: b"".join(bytes([len(part)]) + part for part in labels) + names.parse(name),
    st.lists(label, max_size=4),
    st.sampled_from(LISTED),
).filter(lambda name: len(name) <= 254)
options = st.one_of(
    st.just([]),
    st.sampled_from([[CLIENT], [BOTH], [CLIENT + bytes(8)]]).map(lambda c: [(10, c[0])]),
    st.sampled_from([[(12, bytes(4))], [(12, b""), (10, CLIENT)], [(8, b"\0\1\x18\0\xc6\x12\0")]]),
)
sizes = st.sampled_from([0, 512, 600, 1232, 4096, 65535])
kinds = st.sampled_from([(1, 1), (28, 1), (16, 1), (65, 1), (255, 1), (5, 1), (1, 3), (128, 1)])
headers = st.sampled_from([0x0100, 0x0000, 0x0120, 0x0110, 0x0130, 0x0900, 0x8100, 0x07FF])
BITS = [0, 0x8000, 0xC000, 0x4000, 0x10000, 0x01000000]


def made(name, kind, flags, edns, size, bits, tail):
    question = name + b"\0" + kind[0].to_bytes(2, "big") + kind[1].to_bytes(2, "big")
    opt = b""
    if edns is not None:
        rdata = b"".join(
            code.to_bytes(2, "big") + len(content).to_bytes(2, "big") + content
            for code, content in edns
        )
        opt = b"\0" + wire.RECORD.pack(wire.OPT, size, bits, len(rdata)) + rdata
    return raw(question, opt, tail, flags=flags, counts=(1, 0, 0, 1 if opt else 0))


shaped = st.tuples(
    kinds, headers, st.none() | options, sizes, st.sampled_from(BITS),
    st.sampled_from([b"", b"", b"", b"\0", b"\0\x0a\0\x08"]),
)  # fmt: skip


def engine_of(policy):
    found = Engine(ResolverSection(), policy)
    kept = Answer(
        0, wire.AD, b"\0\1\0\0\0\0", b"\xc0\x0c\0\1\0\1\0\0\1\0\0\4\xc6\x12\0\1", (6,), 256
    )
    for do in (False, True):
        found.keep(parse_query(query("www.free.example", do=do)), kept, 100.0)
    return found


def shown(answered):
    """Return what matters of an engine's answer, comparable between two engines."""
    if answered is None:
        return None
    if isinstance(answered, Query):
        return fields(answered, judged=bool(answered.judged))
    return answered.message


def along_both_ways(policy, teacher, packet):
    """Return what a packet is answered by an engine that learnt from another, and by a new one."""
    quick, new = engine_of(policy), engine_of(policy)
    for each in (teacher, teacher):
        quick.answer(each, 101.0, cookie=SERVER)
    found = [shown(quick.answer(packet, 101.0, cookie=SERVER)) for _ in range(2)]
    assert found[0] == found[1]
    return found[0], shown(new.answer(packet, 101.0, cookie=SERVER))


@given(shape=shaped, first=wire_names, second=wire_names, data=st.data())
@example(  # an octet string that looks like a cookie behind the last record
    shape=((1, 1), 0x0100, [], 1232, 0, b"\0\x0a\0\x08"), first=names.parse("listed.example"),
    second=names.parse("listed.example"), data=None,
)  # fmt: skip
def test_a_shape_that_was_learnt_answers_as_the_long_way_does(policy, shape, first, second, data):
    teacher = made(first, *shape)
    packet = made(second, *shape)
    if data is None:
        packet += CLIENT
    elif data.draw(st.booleans()):
        # Something close to it, too: other octets at the end, where cookies are.
        end = data.draw(st.sampled_from([b"", b"\0", CLIENT, b"\0\x0a\0\x08" + CLIENT]))
        packet = packet[: len(packet) - data.draw(st.sampled_from([0, 0, 1, 8, 12, 24]))] + end
    quick, long = along_both_ways(policy, teacher, packet)
    assert quick == long


@given(shape=shaped, first=wire_names, data=st.data())
def test_so_do_damaged_queries(policy, shape, first, data):
    teacher = made(first, *shape)
    packet = bytearray(teacher)
    for _ in range(data.draw(st.integers(1, 3))):
        packet[data.draw(st.integers(2, len(packet) - 1))] = data.draw(st.integers(0, 255))
    quick, long = along_both_ways(policy, teacher, bytes(packet))
    assert quick == long


LABEL = b"\x3f" + b"a" * 63


@pytest.mark.parametrize(
    "name",
    [
        b"\5ab",
        b"\3www\x09example",
        b"\x40" + b"a" * 64,
        b"\xc0\x0c",
        4 * LABEL,
        3 * LABEL + b"\x3e" + b"a" * 62,
        3 * LABEL + b"\x3d" + b"a" * 61,
        4 * LABEL + names.parse("listed.example"),
        b"\x80" + names.parse("listed.example"),
        b"\x50" + names.parse("free.example"),
    ],
)
@pytest.mark.parametrize("edns", [None, [(10, CLIENT)]])
def test_a_name_that_is_none_goes_the_long_way(policy, name, edns):
    shape = ((1, 1), 0x0100, edns, 1232, 0, b"")
    packet = made(name, *shape)
    quick, long = along_both_ways(policy, made(names.parse("free.example"), *shape), packet)
    assert quick == long


def test_the_quick_way_is_taken_by_the_usual_queries(policy):
    engine = engine_of(policy)
    for name in LISTED:
        for how in TAUGHT[:5]:
            engine.answer(query(f"x.{name}", **how), 101.0, cookie=SERVER)
    known = engine._quick._stamps
    stamped = [name for name in LISTED if name != "silent.example"]
    for name in stamped:
        for how in TAUGHT[:5]:
            assert engine._quick.answer(query(f"y.{name}", **how), 101.0, SERVER)
    assert engine._quick._stamps == known


def test_shapes_are_bounded(policy, monkeypatch):
    monkeypatch.setattr(shapes, "MOST", 10)
    engine = engine_of(policy)
    for qtype in range(300, 400):
        packet = query("www.listed.example", qtype)
        assert engine.answer(packet, 101.0).message[:2] == packet[:2]
        assert 1 <= len(engine._quick._shapes) <= 10
