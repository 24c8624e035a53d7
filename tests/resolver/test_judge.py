"""What an answer leads to and contains: tables, and random replies against a slow oracle."""

import contextlib
import ipaddress
import struct
import time
from datetime import date

import dns.message
import dns.name
import dns.rrset
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blockd import names
from blockd.policy.reader import Policy, Verdict
from blockd.policy.writer import write
from blockd.resolver import reply, wire
from blockd.resolver.judge import judge, listed_beside
from blockd.watchlist import formats
from blockd.watchlist.compile import compile_rules

LIST = """\
[[platform]]
id = "plain"
domains = ["listed.example", "=only.example", "*.below.example"]
prefixes = ["198.18.1.0/28", "2001:db8:1::/64"]

[[platform]]
id = "never"
domains = ["never.listed.example"]
prefixes = ["198.18.1.2/31"]
check_cname = false
check_addresses = false

[[platform]]
id = "always"
domains = ["always.listed.example"]
prefixes = ["198.18.1.4/31", "2001:db8:1::4/127"]
check_cname = true
check_addresses = true

[[allow]]
domains = ["ok.listed.example"]
prefixes = ["198.18.1.6/31", "2001:db8:1::6/127"]
reason = "a test"
"""

BOTH = {"check_cname": True, "check_addresses": True}
NEITHER = {"check_cname": False, "check_addresses": False}
Q = "www.asked.test."
TXT = 16


@pytest.fixture(scope="module")
def policy_of(tmp_path_factory):
    policies = []

    def make(text):
        parsed = formats.parse(text.encode(), "list.toml")
        assert not parsed.issues
        path = tmp_path_factory.mktemp("policy") / "1.mdb"
        write(path, 1, compile_rules([parsed], date(2026, 1, 1)))
        policies.append(Policy(path))
        return policies[-1]

    yield make
    for each in policies:
        each.close()


@pytest.fixture(scope="module")
def policy(policy_of):
    return policy_of(LIST)


def asked(name=Q, qtype="A"):
    return wire.parse_query(dns.message.make_query(name, qtype).to_wire())


def answered(query, *records):
    """What an upstream says: each record as `[OWNER] TYPE DATA`."""
    message = dns.message.from_wire(bytes(4) + b"\0\1" + bytes(6) + query.question)
    for record in records:
        owner, rtype, text = record.split(" ", 2)
        owner = Q if owner == "@" else owner
        message.answer.append(dns.rrset.from_text(owner, 60, "IN", rtype, text))
    return reply.parse_reply(message.to_wire(), 12 + len(query.question))


def raw(*records, count=None):
    """An answer of octets: (type, data) each, all owned by the name asked."""
    body = b"".join(
        b"\xc0\x0c" + struct.pack("!HHIH", rtype, 1, 60, len(rdata)) + rdata
        for rtype, rdata in records
    )
    counts = struct.pack("!HHH", len(records) if count is None else count, 0, 0)
    return reply.Answer(0, 0, counts, body, (), 60)


def blocker(found):
    return None if found is None else found.rule.id


LED = [
    # Addresses
    ("@ A 198.18.1.1", "plain", None),
    ("@ A 198.18.2.1", None, None),
    ("@ A 198.18.2.1 + @ A 198.18.1.15", "plain", None),
    ("@ AAAA 2001:db8:1::1", "plain", None),
    ("@ AAAA 2001:db8:2::1", None, None),
    ("@ A 198.18.1.2", None, None),
    ("@ A 198.18.1.4", "always", "always"),
    ("@ A 198.18.1.6 + @ AAAA 2001:db8:1::7", None, None),
    ("@ A 198.18.1.6 + @ A 198.18.1.8", "plain", None),
    ("@ A 198.18.1.1 + @ A 198.18.1.5", "plain", "always"),
    # Aliases
    ("@ CNAME listed.example.", "plain", None),
    ("@ CNAME A.Listed.EXAMPLE.", "plain", None),
    ("@ CNAME only.example.", "plain", None),
    ("@ CNAME a.only.example.", None, None),
    ("@ CNAME below.example.", None, None),
    ("@ CNAME a.below.example.", "plain", None),
    ("@ CNAME never.listed.example.", None, None),
    ("@ CNAME always.listed.example.", "always", "always"),
    ("@ CNAME a.ok.listed.example.", None, None),
    ("@ CNAME b.test. + b.test. CNAME c.test. + c.test. CNAME listed.example.", "plain", None),
    ("@ CNAME b.test. + b.test. A 198.18.1.1", "plain", None),
    ("@ CNAME unlisted.example.", None, None),
    ("@ CNAME .", None, None),
    # DNAME: what counts is where it leads the name, not its target (RFC 6672 2.2).
    ("asked.test. DNAME listed.example.", "plain", None),
    ("asked.test. DNAME ok.listed.example.", None, None),
    ("asked.test. DNAME only.example.", None, None),
    ("asked.test. DNAME below.example.", "plain", None),
    ("test. DNAME asked.test.", None, None),
    ("@ DNAME only.example.", "plain", None),
    ("other.test. DNAME only.example.", "plain", None),
    ("@ CNAME x.b.test. + b.test. DNAME below.example.", "plain", None),
    ("asked.test. DNAME b.test. + www.b.test. CNAME listed.example.", "plain", None),
    (". DNAME listed.example.", "plain", None),
    # Services
    ("@ HTTPS 0 listed.example.", "plain", None),
    ("@ SVCB 1 a.listed.example. port=53", "plain", None),
    ("@ HTTPS 1 only.example. alpn=h2", "plain", None),
    ("@ HTTPS 1 .", None, None),
    ("listed.example. HTTPS 1 .", "plain", None),
    ("ok.listed.example. HTTPS 1 .", None, None),
    ("@ HTTPS 1 never.listed.example. ipv4hint=198.18.1.3", None, None),
    ("@ HTTPS 1 always.listed.example.", "always", "always"),
    ("@ HTTPS 1 . ipv4hint=198.18.2.1,198.18.1.1", "plain", None),
    ("@ SVCB 1 . alpn=h2 ipv6hint=2001:db8:2::1,2001:db8:1::1", "plain", None),
    ("@ SVCB 1 . ipv4hint=198.18.1.5 ipv6hint=2001:db8:1::1", "always", "always"),
    ("@ SVCB 1 . ipv4hint=198.18.1.6 ipv6hint=2001:db8:1::6", None, None),
    ("@ SVCB 1 . key65000=198.18.1.1", None, None),
    # Nothing that leads anywhere
    ("@ TXT listed.example. + @ MX 1 listed.example. + @ NS listed.example.", None, None),
    ("", None, None),
]  # fmt: skip


@pytest.mark.parametrize(("records", "both", "neither"), LED)
def test_what_an_answer_leads_to(policy, records, both, neither):
    query = asked()
    answer = answered(query, *filter(None, records.split(" + ")))
    assert blocker(judge(answer, query, policy, **BOTH)) == both
    assert blocker(judge(answer, query, policy, **NEITHER)) == neither


ORIGIN = dns.name.from_text("listed.example")
ON_THE_WAY = [
    ([("@", "CNAME ok"), ("OK", "A 198.18.1.1")], None),
    ([("@", "CNAME ok"), ("ok", "CNAME www"), ("www", "A 198.18.1.4")], None),
    ([("@", "CNAME b.test."), ("b.test.", "CNAME ok"), ("ok", "CNAME always")], None),
    ([("@", "CNAME ok"), ("ok", "HTTPS 1 always ipv6hint=2001:db8:1::4")], None),
    ([("@", "HTTPS 0 ok"), ("ok", "HTTPS 1 . ipv4hint=198.18.1.1")], None),
    ([("asked.test.", "DNAME ok"), ("@", "CNAME www.ok"), ("www.ok", "A 198.18.1.4")], None),
    (
        [("@", "CNAME a.ok"), ("ok", "DNAME b"), ("a.ok", "CNAME a.b"), ("a.b", "A 198.18.1.4")],
        None,
    ),
    ([("@", "CNAME ok"), (".", "DNAME b")], None),
    # What other names hold, before it and beside it, is judged as ever.
    ([("@", "CNAME www"), ("www", "CNAME ok")], "plain"),
    ([("@", "CNAME ok"), ("b.test.", "A 198.18.1.1")], "plain"),
    ([("@", "CNAME ok"), ("@", "A 198.18.1.1")], "plain"),
    ([("@", "CNAME ok"), ("@", "CNAME www")], "plain"),
    ([("@", "CNAME ok"), ("b.test.", "DNAME www")], "plain"),
    ([("@", "CNAME ok"), ("@", "CNAME b.test."), ("test.", "DNAME www")], "plain"),
    ([("@", "CNAME ok"), ("www.ok", "A 198.18.1.1")], "plain"),
    ([("ok", "A 198.18.1.1"), ("@", "CNAME ok")], "plain"),
    ([("@", "HTTPS 1 ok ipv4hint=198.18.1.1")], "plain"),
]  # fmt: skip


@pytest.mark.parametrize(("records", "wanted"), ON_THE_WAY)
def test_an_exception_on_the_way_covers_what_its_name_holds_and_leads_to(policy, records, wanted):
    query = asked()
    message = dns.message.from_wire(bytes(4) + b"\0\1" + bytes(6) + query.question)
    for owner, data in records:
        name = Q if owner == "@" else dns.name.from_text(owner, ORIGIN)
        rtype, text = data.split(" ", 1)
        message.answer.append(
            dns.rrset.from_text_list(name, 60, "IN", rtype, [text], origin=ORIGIN, relativize=False)
        )
    answer = reply.parse_reply(message.to_wire(), 12 + len(query.question))
    assert blocker(judge(answer, query, policy, **BOTH)) == wanted


@pytest.mark.parametrize(
    ("record", "check"),
    [("@ CNAME listed.example.", "check_cname"), ("@ A 198.18.1.1", "check_addresses")],
)
def test_each_of_the_two_is_switched_by_its_own_key(policy, record, check):
    query = asked()
    answer = answered(query, record)
    assert judge(answer, query, policy, **{**NEITHER, check: True}) is not None
    assert judge(answer, query, policy, **{**BOTH, check: False}) is None


@pytest.mark.parametrize(
    ("record", "line"), [("@ CNAME a.LISTED.example.", 3), ("@ A 198.18.1.1", 4)]
)
def test_a_verdict_is_about_the_name_asked_and_nothing_below_it(policy, record, line):
    query = asked("WWW.Asked.test.")
    found = judge(answered(query, record), query, policy, **BOTH)
    rule = policy.match(names.parse("listed.example")).rule
    assert found == Verdict(rule, names.parse("www.asked.test"), line, alone=True)


def test_records_behind_the_answer_section_and_of_other_classes_do_not_count(policy):
    query = asked()
    listed = (wire.A, bytes((198, 18, 1, 1)))
    assert judge(raw(listed, count=0), query, policy, **BOTH) is None
    answer = raw(listed)
    chaos = answer.changed(body=answer.body.replace(b"\0\1\0\1", b"\0\1\0\3"))
    assert judge(answer, query, policy, **BOTH) is not None
    assert judge(chaos, query, policy, **BOTH) is None


@pytest.mark.parametrize(
    ("text", "records", "wanted"),
    [
        ('[[platform]]\nid = "p"\ndomains = ["l.example"]\n', ["@ A 198.18.1.1"], None),
        ('[[platform]]\nid = "p"\ndomains = ["l.example"]\n', ["@ HTTPS 1 l.example."], "p"),
        ('[[platform]]\nid = "p"\nprefixes = ["198.18.1.1"]\n', ["@ CNAME l.example."], None),
        ('[[platform]]\nid = "p"\nprefixes = ["198.18.1.1"]\n', ["@ A 198.18.1.1"], "p"),
        ('[[platform]]\nid = "p"\nprefixes = ["198.18.1.1"]\n', ["@ AAAA 2001:db8::1"], None),
    ],
)  # fmt: skip
def test_lists_of_names_alone_and_of_prefixes_alone(policy_of, text, records, wanted):
    query = asked()
    assert blocker(judge(answered(query, *records), query, policy_of(text), **BOTH)) == wanted


LISTED, OK = names.parse("listed.example"), names.parse("ok.listed.example")
BEHIND = 12 + len(asked().question) + 12  # the offset of the first record's data


@pytest.mark.parametrize(
    ("more", "listed", "always"),
    [
        ("mail.test. A 198.18.2.1", False, False),
        ("mail.test. A 198.18.1.1", True, False),
        ("mail.test. A 198.18.2.1 + mail.test. AAAA 2001:db8:1::1", True, False),
        ("mail.test. A 198.18.1.2", False, False),
        ("mail.test. A 198.18.1.4", True, True),
        ("mail.test. A 198.18.1.6", False, False),
        ("Mail.Listed.example. A 198.18.2.1", True, True),
        ("ok.listed.example. A 198.18.1.1", False, False),
        ("listed.example. TXT x", False, False),
    ],
)
def test_additional_records_may_not_give_away_what_is_listed(policy, more, listed, always):
    query = asked(qtype="MX")
    message = dns.message.from_wire(bytes(4) + b"\0\1" + bytes(6) + query.question)
    message.answer.append(dns.rrset.from_text(Q, 60, "IN", "MX", "10 mail.test."))
    message.authority.append(dns.rrset.from_text("test.", 60, "IN", "NS", "ns.test."))
    alone = len(message.to_wire())
    for record in more.split(" + "):
        owner, rtype, text = record.split(" ", 2)
        message.additional.append(dns.rrset.from_text(owner, 60, "IN", rtype, text))
    start = 12 + len(query.question)
    answer = reply.parse_reply(message.to_wire(), start)
    assert judge(answer, query, policy, **BOTH) is None
    for given_checks, expected in ((True, listed), (False, always)):
        begin = listed_beside(answer, query, policy, check_addresses=given_checks)
        assert begin == (alone - start if expected else -1)


MALFORMED = [
    (wire.CNAME, b""),
    (wire.CNAME, LISTED),  # runs on into the next record
    (wire.CNAME, LISTED + b"\0\0"),
    (wire.CNAME, LISTED[:5]),
    (wire.CNAME, b"\xc0"),
    (wire.CNAME, struct.pack("!H", 0xC000 | BEHIND)),  # to itself
    (wire.CNAME, LISTED + b"\xc0\x00"),  # into the header
    (wire.CNAME, struct.pack("!H", 0xC000 | BEHIND + 2)),  # forwards
    (wire.CNAME, b"\1x" + struct.pack("!H", 0xC000 | BEHIND)),  # a loop
    (wire.CNAME, b"\xff\xff"),
    (wire.CNAME, b"\x41x" + LISTED + b"\0"),  # RFC 6891 5: no such label any more
    (wire.CNAME, b"\x80x" + LISTED + b"\0"),
    (wire.CNAME, 61 * b"\3xyz" + LISTED + b"\0"),  # of 260 octets
    (wire.DNAME, b"\xc0"),
    (wire.A, bytes((198, 18, 1))),
    (wire.A, bytes((198, 18, 1, 1, 0))),
    (wire.AAAA, bytes((198, 18, 1, 1))),
    (wire.SVCB, b""),
    (wire.SVCB, b"\0\1"),
    (wire.SVCB, b"\0\1" + LISTED),
    (wire.SVCB, b"\0\1" + struct.pack("!H", 0xC000 | BEHIND + 4) + LISTED + b"\0"),  # forwards
    (wire.HTTPS, b"\0\1\0" + struct.pack("!HH", 4, 5) + bytes((198, 18, 1, 1, 0))),
    (wire.HTTPS, b"\0\1\0" + struct.pack("!HH", 4, 8) + bytes((198, 18, 1, 1))),
    (wire.HTTPS, b"\0\1\0" + struct.pack("!HH", 6, 4) + bytes((198, 18, 1, 1))),
    (wire.HTTPS, b"\0\1\0" + b"\0\4\0"),
    # RFC 9460 2.4.2: AliasMode has no parameters; those that are there are ignored.
    (wire.HTTPS, b"\0\0\0" + struct.pack("!HH", 4, 4) + bytes((198, 18, 1, 1))),
]  # fmt: skip


@pytest.mark.parametrize("record", MALFORMED)
def test_a_malformed_record_matches_nothing_and_hides_nothing_behind_it(policy, record):
    query = asked()
    assert judge(raw(record), query, policy, **BOTH) is None
    behind = wire.A, bytes((198, 18, 1, 4))
    assert blocker(judge(raw(record, behind), query, policy, **BOTH)) == "always"


@pytest.mark.parametrize(("rtype", "rdata"), [(wire.CNAME, b""), (wire.SVCB, b"\0\1")])
def test_a_name_ends_with_its_record(policy, rtype, rdata):
    query = asked()
    answer = raw((rtype, rdata), (wire.NS, b"\0"))
    cut = answer.body.rindex(b"\xc0\x0c")
    body = answer.body[:cut] + LISTED + b"\0" + answer.body[cut + 2 :]
    assert judge(answer.changed(body=body), query, policy, **BOTH) is None


def test_a_name_of_several_pieces_is_too_long_as_well(policy):
    query = asked()
    for labels, wanted in ((20, "plain"), (40, None)):
        first, second = labels * b"\3xyz" + LISTED, labels * b"\3xyz"
        pointer = struct.pack("!H", 0xC000 | BEHIND)
        answer = raw((TXT, first + b"\0"), (wire.CNAME, second + pointer))
        assert blocker(judge(answer, query, policy, **BOTH)) == wanted


def test_a_dname_that_would_make_a_name_too_long_leads_nowhere(policy):
    query = asked(".".join(["x" * 60] * 4) + ".test")
    owner = struct.pack("!H", 0xC000 | 12 + len(query.question) - 10)  # `test`
    target = LISTED + b"\0"
    body = owner + struct.pack("!HHIH", wire.DNAME, 1, 60, len(target)) + target
    answer = reply.Answer(0, 0, b"\0\1\0\0\0\0", body, (), 60)
    assert judge(answer, query, policy, **BOTH) is None


def hostile():
    """Messages of the largest size that make a naive reader go round."""
    climb = struct.pack("!H", 0xC00C) + b"".join(
        struct.pack("!H", 0xC000 | BEHIND + 2 * number) for number in range(7999)
    )
    top = struct.pack("!H", 0xC000 | BEHIND + 2 * 7999)
    far = struct.pack("!H", 0xC000 | BEHIND)
    return [
        [(TXT, climb), *[(wire.CNAME, top)] * 3400],
        [(TXT, 8000 * b"\1x"), *[(wire.CNAME, far)] * 3400],
        [(TXT, 126 * b"\1x" + b"\0"), *[(wire.CNAME, far)] * 4500],
        [(wire.CNAME, 100 * b"\1x" + OK + b"\0"), *[(wire.DNAME, far)] * 4500],
        [(wire.HTTPS, b"\0\1\0" + struct.pack("!HH", 4, 65000) + bytes(65000))],
    ]


@pytest.mark.parametrize("records", hostile())
def test_no_message_takes_long(policy, records):
    query = asked()
    answer = raw(*records)
    assert len(answer.body) < 65536
    before = time.process_time()
    assert judge(answer, query, policy, **BOTH) is None
    assert time.process_time() - before < 1


@settings(max_examples=100)
@given(st.binary(max_size=80), st.binary(min_size=2, max_size=6), st.booleans(), st.booleans())
def test_no_octets_raise(policy, body, counts, check_cname, check_addresses):
    answer = reply.Answer(0, 0, counts, body, (), 60)
    judge(answer, asked(), policy, check_cname=check_cname, check_addresses=check_addresses)


LABELS = [b"a", b"listed", b"only", b"below", b"ok", b"never", b"always", b"\x01\xc0", b"x" * 63]
TOPS = [(b"example",), (b"listed", b"example"), (b"ok", b"listed", b"example"), (b"test",), ()]
name_of = st.builds(
    lambda labels, top: dns.name.Name((*labels, *top, b"")),
    st.lists(st.sampled_from(LABELS), max_size=2),
    st.sampled_from(TOPS),
)
v4 = st.integers(0, 31).map(lambda at: bytes((198, 18, 1, at)))
v6 = st.integers(0, 31).map(
    lambda at: ipaddress.ip_address("2001:db8:1::").packed[:15] + bytes((at,))
)


def hint(key, addresses):
    value = b"".join(addresses)
    return struct.pack("!HH", key, len(value)) + value if value else b""


service_type = st.sampled_from([wire.SVCB, wire.HTTPS])
parameters = st.builds(
    lambda alpn, four, six: alpn + hint(4, four) + hint(6, six),
    st.sampled_from([b"", b"\0\1\0\3\2h2"]),
    st.lists(v4, max_size=2),
    st.lists(v6, max_size=2),
)
record = st.one_of(
    st.tuples(st.just(wire.A), v4),
    st.tuples(st.just(wire.AAAA), v6),
    st.tuples(st.sampled_from([wire.CNAME, wire.DNAME, wire.NS]), name_of),
    st.tuples(service_type, st.just(0), name_of),
    st.tuples(service_type, st.integers(1, 2), name_of, parameters),
)


def written(question, records, rng):
    """A reply whose names are in any case, and compressed or not, as chance wills."""
    octets = bytearray(12) + question
    known = {}

    def write_name(name, *, compress=True):
        for place, label in enumerate(name.labels):
            suffix = tuple(each.lower() for each in name.labels[place:])
            offsets = known.setdefault(suffix, [])
            pointer = rng.choice(offsets) if compress and offsets and rng.random() < 0.7 else 0
            if label:
                offsets.append(len(octets))
            if pointer:
                octets.extend(struct.pack("!H", 0xC000 | pointer))
                break
            octets.extend(bytes((len(label),)) + rng.choice((label.upper(), label.lower())))

    at = 12
    asked_name = dns.name.from_wire(bytes(octets), at)[0]
    for place, label in enumerate(asked_name.labels[:-1]):
        known[tuple(each.lower() for each in asked_name.labels[place:])] = [at]
        at += 1 + len(label)
    for owner, (rtype, *rdata) in records:
        write_name(asked_name if owner is None else owner)
        octets += struct.pack("!HHIH", rtype, 1, 60, 0)
        start = len(octets)
        for part in rdata:
            if isinstance(part, dns.name.Name):
                # Names of later types are not compressed: RFC 3597 4, RFC 6672 2.5, RFC 9460 2.2.
                write_name(part, compress=rtype in (wire.CNAME, wire.NS))
            else:
                octets += struct.pack("!H", part) if isinstance(part, int) else part
        octets[start - 2 : start] = struct.pack("!H", len(octets) - start)
    octets[2:12] = struct.pack("!HHHHH", 0x8180, 1, len(records), 0, 0)
    return bytes(octets)


def subjects(message):
    """What a reply leads to, in order, as dnspython reads it.

    Of each record its owners, which are for a DNAME the name that it redirects as well, and the
    names and addresses in it.
    """
    current = message.question[0].name
    for rrset in message.answer:
        (rdata,) = rrset
        owners, found = {rrset.name}, []
        match rrset.rdtype:
            case wire.A | wire.AAAA:
                found = [ipaddress.ip_address(rdata.address)]
            case wire.CNAME:
                current = rdata.target
                found = [current]
            case wire.DNAME:
                if current.is_subdomain(rrset.name):
                    owners.add(current)
                with contextlib.suppress(dns.name.NameTooLong):
                    below = current.is_subdomain(rrset.name) and current != rrset.name
                    part = current.relativize(rrset.name) if below else dns.name.empty
                    current = part.concatenate(rdata.target)
                    found = [current]
            case wire.SVCB | wire.HTTPS:
                found = [rrset.name if rdata.target == dns.name.root else rdata.target]
                for key in (4, 6):
                    if key in rdata.params:
                        found += map(ipaddress.ip_address, rdata.params[key].addresses)
        yield owners, found


ENTRIES = {
    "listed.example": "plain",
    "=only.example": "plain",
    "*.below.example": "plain",
    "never.listed.example": "never",
    "always.listed.example": "always",
    "ok.listed.example": "allow",
    "198.18.1.0/28": "plain",
    "2001:db8:1::/64": "plain",
    "198.18.1.2/31": "never",
    "198.18.1.4/31": "always",
    "2001:db8:1::4/127": "always",
    "198.18.1.6/31": "allow",
    "2001:db8:1::6/127": "allow",
}
"""What LIST lists."""


def covers(text, subject):
    if not isinstance(subject, dns.name.Name):
        return "/" in text and subject in ipaddress.ip_network(text)
    if "/" in text:
        return False
    entry = dns.name.from_text(text.lstrip("=*."))
    if text.startswith("="):
        return subject == entry
    return subject.is_subdomain(entry) and not (text.startswith("*.") and subject == entry)


def longest(text):
    return ipaddress.ip_network(text).prefixlen if "/" in text else len(text.lstrip("=*."))


def oracle(message, check_cname, check_addresses):
    excepted = set()
    for owners, found in subjects(message):
        free = not owners.isdisjoint(excepted)
        for subject in found:
            is_name = isinstance(subject, dns.name.Name)
            fitting = [text for text in ENTRIES if covers(text, subject)]
            rule = ENTRIES[max(fitting, key=longest)] if fitting else None
            if is_name and (free or rule == "allow"):
                excepted.add(subject)
            configured = rule is not None and (check_cname if is_name else check_addresses)
            if not free and {"never": False, "always": True, "allow": False}.get(rule, configured):
                return rule
    return None


ALIAS = st.tuples(st.just(wire.CNAME), st.just(dns.name.from_text("ok.listed.example")))
# Of names that lead on to each other, as chance alone would hardly have them.
to_exception = st.builds(
    lambda alias, more: [(None, alias), *((alias[1], each) for each in more)],
    ALIAS,
    st.lists(record, max_size=2),
)


@settings(max_examples=150)
@given(
    st.builds(
        list.__add__,
        st.just([]) | to_exception,
        st.lists(st.tuples(st.none() | name_of, record), max_size=6),
    ),
    st.randoms(use_true_random=False),
    st.booleans(),
    st.booleans(),
)
def test_a_verdict_is_the_oracles(policy, records, rng, check_cname, check_addresses):
    query = asked()
    packet = written(query.question, records, rng)
    message = dns.message.from_wire(packet, one_rr_per_rrset=True)
    answer = reply.parse_reply(packet, 12 + len(query.question))
    found = judge(answer, query, policy, check_cname=check_cname, check_addresses=check_addresses)
    assert blocker(found) == oracle(message, check_cname, check_addresses)


@settings(max_examples=100)
@given(
    st.lists(st.tuples(st.none() | name_of, record), min_size=1, max_size=4),
    st.randoms(use_true_random=False),
    st.data(),
)
def test_no_damage_to_a_reply_raises(policy, records, rng, data):
    query = asked()
    packet = written(query.question, records, rng)
    body = bytearray(packet[12 + len(query.question) :])
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(
            st.sampled_from([0, 1, 3, 63, 64, 0xC0, 0xFF]) | st.integers(0, 255)
        )
    body = bytes(body[: data.draw(st.integers(0, len(body)))])
    judge(reply.Answer(0, 0, packet[6:12], body, (), 60), query, policy, **BOTH)
