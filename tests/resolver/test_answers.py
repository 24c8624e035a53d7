"""Sinkhole answers: every action for every kind of question, said openly, and within its size."""

import dns.flags
import dns.rdatatype
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd import names
from blockd.policy.reader import Verdict
from blockd.resolver import answers, extended, wire
from blockd.resolver.answers import Answers
from blockd.resolver.wire import parse_query
from blockd.terms import Action, Basis
from blockd.watchlist.model import Rule
from tests.resolver.messages import errors, query, raw, read, records

LISTED = "listed.example"
MATCHED = names.parse(LISTED)
BOTH = ("198.18.0.1", "198.18.0.2", "2001:db8::1")


def rule(**fields):
    return Rule(**{"id": "p001", "source": "list.toml", "reference": "Notice 7", **fields})


WHOLE = rule()


def sinkhole(packet, given_rule=None, *, alone=False, limit=1232, default=Action.NXDOMAIN):
    verdict = Verdict(given_rule or rule(), MATCHED, 3, alone)
    return Answers(default, 60, 41).sinkhole(parse_query(packet), verdict, limit)


A, AAAA, OTHER = ("A",), ("AAAA",), ("TXT", "HTTPS", "MX", "ANY", "NS", "SOA", 65280)
NXDOMAIN, NOERROR, REFUSED = wire.NXDOMAIN, wire.NOERROR, wire.REFUSED


@pytest.mark.parametrize(
    ("action", "qtypes", "rcode", "addresses"),
    [
        (Action.NXDOMAIN, A + AAAA + OTHER, NXDOMAIN, []),
        (Action.NODATA, A + AAAA + OTHER, NOERROR, []),
        (Action.ZERO, A, NOERROR, ["0.0.0.0"]),
        (Action.ZERO, AAAA, NOERROR, ["::"]),
        (Action.ZERO, OTHER, NOERROR, []),
        (Action.ADDRESS, A, NOERROR, ["198.18.0.1", "198.18.0.2"]),
        (Action.ADDRESS, AAAA, NOERROR, ["2001:db8::1"]),
        (Action.ADDRESS, OTHER, NOERROR, []),
        (Action.REFUSED, A + AAAA + OTHER, REFUSED, []),
    ],
)  # fmt: skip
@pytest.mark.parametrize("edns", [True, False])
def test_each_action_answers_each_kind_of_question(action, qtypes, rcode, addresses, edns):
    for qtype in qtypes:
        packet = query(f"www.{LISTED}", qtype, edns=edns)
        answer = read(sinkhole(packet, rule(action=action, addresses=BOTH)))
        assert answer.rcode() == rcode
        assert records(answer.answer) == [f"www.{LISTED}. {qtype} {a}" for a in addresses]
        assert bool(answer.authority) == (not addresses and rcode != REFUSED)
        assert (answer.edns == 0, bool(errors(answer))) == (edns, edns)
        assert answer.additional == []


def test_a_dropped_query_has_no_answer():
    assert sinkhole(query(LISTED), rule(action=Action.DROP)) is None


@pytest.mark.parametrize(("qtype", "other"), [("A", "2001:db8::1"), ("AAAA", "198.18.0.1")])
def test_an_address_of_the_other_family_alone_gives_nodata(qtype, other):
    answer = read(sinkhole(query(LISTED, qtype), rule(action=Action.ADDRESS, addresses=(other,))))
    assert (answer.rcode(), answer.answer, len(answer.authority)) == (NOERROR, [], 1)


@pytest.mark.parametrize("default", Action)
def test_the_configuration_decides_where_the_list_says_nothing(default):
    answer = sinkhole(query(LISTED), default=default)
    same = sinkhole(query(LISTED), rule(action=default), default=Action.REFUSED)
    assert answer == same


@pytest.mark.parametrize(
    ("action", "rcode"),
    [
        (None, NOERROR),
        (Action.NXDOMAIN, NOERROR),
        (Action.NODATA, NOERROR),
        (Action.REFUSED, REFUSED),
    ],
)
def test_a_name_that_is_listed_alone_is_never_denied_with_what_is_below(action, rcode):
    answer = read(sinkhole(query(LISTED), rule(action=action), alone=True))
    assert answer.rcode() == rcode
    assert bool(answer.authority) == (rcode == NOERROR)


@pytest.mark.parametrize(
    ("basis", "code"), [(Basis.ORDER, 16), (Basis.POLICY, 15), (Basis.REQUEST, 17)]
)
@pytest.mark.parametrize("action", [a for a in Action if a is not Action.DROP])
def test_the_basis_is_the_extended_error_and_its_text_names_platform_and_reference(
    basis, code, action
):
    said = errors(read(sinkhole(query(LISTED), rule(basis=basis, action=action, addresses=BOTH))))
    assert said[-1] == (code, "p001: Notice 7")
    forged = action in {Action.ZERO, Action.ADDRESS}
    assert said[:-1] == ([(4, "")] if forged else [])


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"reference": "R", "authority": "A", "list_name": "L"}, "p001: R"),
        ({"reference": "", "authority": "A", "list_name": "L"}, "p001: A"),
        ({"reference": "", "list_name": "L"}, "p001: L"),
        ({"reference": ""}, "p001"),
    ],
)
def test_the_text_says_on_whose_word_as_well_as_it_can(fields, text):
    assert errors(read(sinkhole(query(LISTED), rule(**fields)))) == [(15, text)]


def test_the_soa_tells_the_ttl_and_the_generation():
    for given_rule, ttl in ((rule(), 60), (rule(ttl=5), 5), (rule(ttl=0), 0)):
        (soa,) = read(sinkhole(query(LISTED), given_rule)).authority
        assert (soa.ttl, soa[0].minimum, soa[0].serial) == (ttl, ttl, 41)
        made_up = rule(action=Action.ZERO, ttl=given_rule.ttl)
        assert read(sinkhole(query(LISTED), made_up)).answer[0].ttl == ttl


label = st.binary(min_size=1, max_size=30)


@given(
    below=st.lists(label, max_size=5),
    listed=st.sampled_from([b"listed", b"LISTED", b"LiStEd"]),
    qtype=st.sampled_from([1, 28, 16, 65, 255]),
    flags=st.integers(0, 0x07FF),
    number=st.integers(0, 0xFFFF),
    bits=st.none() | st.integers(0, 0xFFFF),
    action=st.sampled_from([a for a in Action if a is not Action.DROP]),
    limit=st.integers(512, 1232),
)
def test_every_answer_echoes_its_query_and_owns_up_to_the_entry(
    below, listed, qtype, flags, number, bits, action, limit
):
    labels = [*below, listed, b"example"]
    question = b"".join(bytes([len(part)]) + part for part in labels) + b"\0" + raw_type(qtype)
    opt = b"" if bits is None else b"\0" + wire.RECORD.pack(wire.OPT, 1232, bits, 0)
    packet = raw(question, opt, number=number, flags=flags, counts=(1, 0, 0, 1 if opt else 0))
    sent = sinkhole(packet, rule(action=action, addresses=BOTH, reference="r" * 300), limit=limit)
    answer = read_any(sent, below)
    assert sent[:2] == packet[:2]
    assert sent[12 : 12 + len(question)] == question
    assert len(sent) <= limit
    header = int.from_bytes(sent[2:4], "big")
    cut = wire.TC if action is Action.TCP_ONLY else 0
    assert header & ~0xF == wire.QR | wire.RA | cut | flags & (wire.RD | wire.CD)
    assert (answer.edns == 0) == (bits is not None)
    if bits is not None:
        assert answer.ednsflags & 0xFFFF == bits & (wire.DO | wire.CO)
    for rrset in answer.answer:
        assert rrset.name == answer.question[0].name
    for soa in answer.authority:
        assert soa.rdtype == dns.rdatatype.SOA
        assert soa.name.to_text().lower() == f"{LISTED}."
        assert (soa[0].mname.to_text(), soa[0].rname.to_text()) == ("localhost.", "nobody.invalid.")


def raw_type(qtype):
    return qtype.to_bytes(2, "big") + b"\0\1"


def read_any(packet, below):
    """Read with both libraries, but for labels that dnslib does not take: other than UTF-8."""
    try:
        b"".join(below).decode()
        [part.decode() for part in below]
    except UnicodeDecodeError:
        return dns.message.from_wire(packet)
    return read(packet)


LONGEST = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 46, LISTED])


def test_the_longest_name_and_text_fit_the_smallest_datagram():
    assert len(names.parse(LONGEST)) == 254
    long = rule(reference="é" * 200)
    sent = sinkhole(query(LONGEST), long, limit=512)
    answer = read(sent)
    assert len(sent) <= 512
    assert not answer.flags & dns.flags.TC
    ((code, text),) = errors(answer)
    assert (code, len(text.encode())) == (15, 120)


def test_space_is_taken_from_the_error_first_and_then_the_client_is_sent_to_tcp():
    few = rule(action=Action.ADDRESS, addresses=tuple(f"198.18.0.{n}" for n in range(29)))
    many = rule(action=Action.ADDRESS, addresses=tuple(f"198.18.1.{n}" for n in range(100)))
    for given_rule, limit, count, errors_shown, cut in [
        (few, 600, 29, 2, False),
        (few, 520, 29, 2, False),
        (few, 513, 29, 1, False),
        (few, 512, 29, 0, False),
        (many, 512, 0, 2, True),
        (many, 1232, 0, 2, True),
        (many, 65535, 100, 2, False),
    ]:
        sent = sinkhole(query(LISTED), given_rule, limit=limit)
        answer = read(sent)
        assert len(sent) <= limit
        assert len(records(answer.answer)) == count
        assert len(errors(answer)) == errors_shown
        assert bool(answer.flags & dns.flags.TC) == cut
        assert answer.edns == 0


CLIENT, SERVER = b"12345678", bytes(range(16))
SHORT = extended.error(22, "x")


@pytest.mark.parametrize(
    ("edns", "options", "given_cookie", "limit", "shown", "errors_shown"),
    [
        (True, [(10, CLIENT)], SERVER, 512, CLIENT + SERVER, 1),
        (True, [(10, CLIENT + bytes(16))], SERVER, 512, CLIENT + SERVER, 1),
        (True, [(10, CLIENT)], b"", 512, None, 1),
        (True, [], SERVER, 512, None, 1),
        (False, [], SERVER, 512, None, 0),
        # The error is given up first, and the cookie never: RFC 7873 5.2.
        (True, [(10, CLIENT)], SERVER, 74, CLIENT + SERVER, 1),
        (True, [(10, CLIENT)], SERVER, 73, CLIENT + SERVER, 0),
        (True, [(10, CLIENT)], SERVER, 12, CLIENT + SERVER, 0),
    ],
)
def test_the_cookie_is_the_last_option(edns, options, given_cookie, limit, shown, errors_shown):
    asked = parse_query(query(edns=edns, options=options))
    sent = answers.error(asked, wire.SERVFAIL, limit, SHORT, cookie=given_cookie)
    answer = read(sent)
    found = [bytes(option.to_wire()) for option in answer.options if option.otype == 10]
    assert found == ([shown] if shown else [])
    assert len(errors(answer)) == errors_shown
    assert sent.endswith(shown or b"")


A_RECORD = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc6\x12\0\1"
TEXTS = [(4, ""), (16, "p001: Notice 7"), (3, "é")]
CODES = [(4, ""), (16, ""), (3, "")]


@pytest.mark.parametrize(
    ("room", "said"),
    [(34, TEXTS), (33, CODES), (18, CODES), (17, CODES[:1]), (6, CODES[:1]), (5, []), (0, [])],
)
@pytest.mark.parametrize("rcode", [NOERROR, NXDOMAIN, wire.SERVFAIL])
@pytest.mark.parametrize("body", [b"", A_RECORD])
def test_errors_lose_their_texts_then_all_but_the_first_go_and_at_last_that_one(
    room, said, rcode, body
):
    asked = parse_query(query(LISTED))
    counts = b"\0\1\0\0" if body else bytes(4)
    bare = answers.assemble(asked, rcode, counts, body, b"", 512)
    options = b"".join(extended.error(*each) for each in TEXTS)
    sent = answers.assemble(asked, rcode, counts, body, options, len(bare) + room)
    answer = read(sent)
    assert errors(answer) == said
    assert sent[: len(bare) - 2] == bare[:-2]  # all but the length of OPT's options
    assert not answer.flags & dns.flags.TC


@given(
    counts=st.sampled_from([(0, 0), (3, 0), (1, 2), (0, 0, 0), (1, 1, 1), (0, 0, 3)]),
    edns=st.booleans(),
    cookie=st.booleans(),
    told=st.lists(st.tuples(st.integers(0, 29), st.text(max_size=60)), max_size=3),
    limit=st.integers(100, 200),
    flags=st.sampled_from([0, wire.AD, wire.TC, wire.AD | wire.TC]),
    rcode=st.sampled_from([0, 2, 3, 16, 23]),
)
def test_whatever_is_put_together_fits_and_is_whole(
    counts, edns, cookie, told, limit, flags, rcode
):
    asked = parse_query(query(edns=edns, options=[(10, CLIENT)] if cookie else []))
    options = b"".join(extended.error(*each) for each in told)
    body = sum(counts) * A_RECORD
    packed = b"".join(count.to_bytes(2, "big") for count in counts)
    sent = answers.assemble(asked, rcode, packed, body, options, limit, flags, SERVER)
    answer = read(sent)
    assert len(sent) <= limit
    cut = bool(answer.flags & wire.TC)
    assert cut >= bool(flags & wire.TC)
    assert answer.flags & wire.AD == flags & wire.AD
    sections = [int.from_bytes(sent[at : at + 2], "big") for at in (6, 8, 10)]
    opts = int(edns)
    if sent[12 + len(asked.question) :].startswith(body):
        assert sections == [counts[0], counts[1], sum(counts[2:]) + opts]
    else:
        assert (cut, sections) == (True, [0, 0, opts])
    assert answer.rcode() == (rcode if edns else rcode & 0xF)
    assert [bytes(o.to_wire()) for o in answer.options if o.otype == 10] == (
        [CLIENT + SERVER] if edns and cookie else []
    )
    bare = answers.assemble(asked, rcode, packed, body, b"", limit, flags, SERVER)
    room = limit - len(bare) if edns else 0
    codes = [(code, "") for code, _ in told]
    steps = [(told, len(options)), (codes, 6 * len(codes)), (codes[:1], 6), ([], 0)]
    assert errors(answer) == next(said for said, octets in steps if octets <= max(room, 0))


def test_a_rules_exact_and_subtree_entries_do_not_share_their_answers():
    made = Answers(Action.NXDOMAIN, 60, 1)
    asked = parse_query(query(LISTED))
    for alone in (False, True, False):
        verdict = Verdict(WHOLE, MATCHED, 1, alone)
        answer = read(made.sinkhole(asked, verdict, 1232))
        assert answer.rcode() == (NOERROR if alone else NXDOMAIN)


def test_rules_do_not_share_their_answers():
    made = Answers(Action.NXDOMAIN, 60, 1)
    asked = parse_query(query(LISTED))
    for number in range(50):
        verdict = Verdict(rule(id=f"p{number}"), MATCHED, 1, alone=False)
        for _ in range(2):
            (said,) = errors(read(made.sinkhole(asked, verdict, 1232)))
            assert said == (15, f"p{number}: Notice 7")


@pytest.mark.parametrize(("rcode", "upper"), [(wire.SERVFAIL, 0), (wire.BADVERS, 1), (0xFFF, 0xFF)])
def test_an_rcode_of_more_than_four_bits_goes_into_opt(rcode, upper):
    sent = answers.error(parse_query(query(LISTED)), rcode, 512)
    answer = read(sent)
    assert answer.rcode() == rcode
    assert answer.ednsflags >> 24 == upper
    assert answer.question
