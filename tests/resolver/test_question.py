"""What upstreams are asked, hop by hop, and which messages answer it."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd.resolver import question, wire
from blockd.resolver.wire import parse_query
from tests.resolver.messages import query, raw, read

SUBNET = b"\0\1\x18\0\xc6\x12\0"  # 198.18.0.0/24: RFC 7871 6
COOKIE = b"12345678"
OPTIONS = [
    (wire.COOKIE, COOKIE), (wire.SUBNET, SUBNET), (wire.PADDING, bytes(9)),
    (wire.KEEPALIVE, b""), (65001, b"own"),
]  # fmt: skip
BITS = {"rd": wire.RD, "ad": wire.AD, "cd": wire.CD}


@given(
    header=st.fixed_dictionaries({bit: st.integers(0, 1) for bit in BITS}),
    bits=st.fixed_dictionaries({bit: st.booleans() for bit in ("do", "co")}),
    sent=st.booleans(),
    edns=st.booleans(),
    subnet=st.booleans(),
    options=st.lists(st.sampled_from(OPTIONS), unique=True),
    name=st.sampled_from(["a.example", "A.Example", "."]),
)
def test_upstreams_see_our_own_opt_and_the_clients_flags(
    header, bits, sent, edns, subnet, options, name
):
    others = {"aa": 1, "tc": 1, "ra": 1}  # of no meaning in a query
    packet = query(
        name, "AAAA", edns=sent, size=4096, options=options, **header, **bits, **others
    )  # fmt: skip
    asked = parse_query(packet)
    message = b"\x12\x34" + question.message(asked, asked.question, edns=edns, subnet=subnet)
    seen = read(message)
    assert message[12:].startswith(asked.question)
    assert seen.flags == sum(header[name] * bit for name, bit in BITS.items())
    if not edns:
        assert seen.edns == -1
        assert message[12:] == asked.question
        return
    assert (seen.edns, seen.payload) == (0, 1232)
    assert seen.ednsflags == (sent and bits["do"]) << 15 | (sent and bits["co"]) << 14
    passed = [SUBNET] if subnet and sent and (wire.SUBNET, SUBNET) in options else []
    assert [option.to_wire() for option in seen.options] == passed
    assert [int(option.otype) for option in seen.options] == [wire.SUBNET] * len(passed)


def test_the_question_is_sent_as_it_is_given():
    asked = parse_query(query("a.example"))
    written = b"\1A\7eXaMpLe\0\0\1\0\1"
    assert question.message(asked, written, edns=True, subnet=False)[10:].startswith(written)


QUESTION = b"\1a\7eXample\0\0\x41\0\1"


@pytest.mark.parametrize(
    ("change", "loosely", "exactly"),
    [
        ({}, True, True),
        ({"number": 9}, True, True),
        ({"flags": 0x8000}, True, True),
        ({"flags": 0x87FF}, True, True),
        ({"flags": 0x0180}, False, False),
        ({"flags": 0xA180}, False, False),
        ({"counts": (1, 9, 9, 9)}, True, True),
        ({"counts": (0, 0, 0, 0)}, False, False),
        ({"counts": (2, 0, 0, 0)}, False, False),
        ({"counts": (257, 0, 0, 0)}, False, False),
    ],
)
def test_the_header_of_an_answer(change, loosely, exactly):
    packet = raw(QUESTION, **{"flags": 0x8180, **change})
    found = [question.answered(packet, QUESTION, exact=exact) for exact in (False, True)]
    assert found == [loosely, exactly]


@pytest.mark.parametrize(
    ("written", "loosely", "exactly"),
    [
        (QUESTION, True, True),
        (QUESTION + b"more", True, True),
        (b"\1A\7ExAMPLE\0\0\x41\0\1", True, False),
        (b"\1a\7eXample\0\0\x61\0\1", False, False),  # a type that looks like a letter
        (b"\1a\7eXample\0\0\x41\0\3", False, False),
        (b"\1b\7eXample\0\0\x41\0\1", False, False),
        (b"\1\x01\7eXample\0\0\x41\0\1", False, False),
        (QUESTION[:-1], False, False),
        (b"", False, False),
    ],
)
def test_the_question_of_an_answer(written, loosely, exactly):
    packet = raw(written, flags=0x8180)
    found = [question.answered(packet, QUESTION, exact=exact) for exact in (False, True)]
    assert found == [loosely, exactly]


label = st.binary(min_size=1, max_size=63)
questions = st.builds(
    lambda labels, kind: b"".join(bytes([len(p)]) + p for p in labels) + b"\0" + kind,
    st.lists(label, max_size=3),
    st.binary(min_size=4, max_size=4),
)


@given(questions, st.integers(0, 2**32), st.data())
def test_one_changed_octet_is_another_question_unless_it_is_a_letters_case(written, bits, data):
    cased = question.in_random_case(written, lambda n: bits % (1 << n))
    assert question.answered(raw(cased, flags=0x8180), written, exact=False)
    at = data.draw(st.integers(0, len(written) - 1))
    other = data.draw(st.integers(0, 255))
    changed = written[:at] + bytes([other]) + written[at + 1 :]
    name = at < len(written) - 4
    same = changed[at : at + 1].lower() == written[at : at + 1].lower() if name else False
    packet = raw(changed, flags=0x8180)
    assert question.answered(packet, written, exact=False) == (same or changed == written)
    assert question.answered(packet, written, exact=True) == (changed == written)


@given(questions, st.randoms(use_true_random=False))
def test_random_case_changes_the_case_of_letters_alone(written, random):
    cased = question.in_random_case(written, random.getrandbits)
    assert len(cased) == len(written)
    assert cased[-4:] == written[-4:]
    for before, after in zip(written[:-4], cased[:-4], strict=True):
        assert after == before or (chr(before).isascii() and chr(before).isalpha())
        assert bytes([after]).lower() == bytes([before]).lower()


def test_random_case_draws_each_letter_by_lot():
    written = b"\4aBcD\x08\xe4-09@[`{\0\0\1\0\1"
    draws = [
        bytes([0, *drawn, *bytes(len(written) - 5)])
        for drawn in itertools.product((2, 3), repeat=4)
    ]
    found = [
        question.in_random_case(written, lambda _, drawn=drawn: int.from_bytes(drawn, "big"))
        for drawn in draws
    ]
    assert len({cased[1:5] for cased in found}) == 16
    assert {cased[5:] for cased in found} == {written[5:]}


@pytest.mark.parametrize(
    ("packet", "bare"),
    [
        (raw(flags=0x8001, counts=(0, 0, 0, 0)), True),
        (raw(flags=0x8184, counts=(0, 0, 0, 0)), True),
        (raw(flags=0x8181, counts=(1, 0, 0, 0)), True),
        (raw(flags=0x0001, counts=(0, 0, 0, 0)), False),
        (raw(flags=0x8180, counts=(0, 0, 0, 0)), False),
        (raw(flags=0x8182, counts=(0, 0, 0, 0)), False),
        (raw(flags=0x8185, counts=(0, 0, 0, 0)), False),
        (raw(b"\0", flags=0x8181, counts=(0, 0, 0, 0)), False),
        (b"", False),
    ],
)
def test_old_servers_refuse_with_a_header_alone(packet, bare):
    assert question.is_bare_refusal(packet) == bare
