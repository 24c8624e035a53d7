"""A target's answer behind a CNAME: the same records, whatever they were compressed against."""

import struct

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
from hypothesis import given
from hypothesis import strategies as st

from blockd import names
from blockd.resolver import wire
from blockd.resolver.reply import Answer, parse_reply
from blockd.resolver.splice import splice

TARGET = "garden.example."
RDATA = names.to_wire("garden.example") + b"\0"


def upstream(*rrsets, authority=(), qtype="A", rcode=0):
    """Return what is kept of an upstream's reply for the target."""
    reply = dns.message.make_response(dns.message.make_query(TARGET, qtype))
    reply.set_rcode(rcode)
    reply.answer = [dns.rrset.from_text(*rrset) for rrset in rrsets]
    reply.authority = [dns.rrset.from_text(*rrset) for rrset in authority]
    return parse_reply(reply.to_wire(), 12 + len(RDATA) + 4)


def read(answer, *, asked="www.listed.example", age=0, ttl=60):
    """Return the message that a client of `asked` would read."""
    question = names.to_wire(asked) + b"\0\0\1\0\1"
    found = splice(RDATA, ttl, answer, len(question), age)
    head = struct.pack("!HHH", 1, wire.QR | found.rcode, 1) + found.counts
    message = dns.message.from_wire(head + question + found.body)
    assert message.answer[0] == dns.rrset.from_text(f"{asked}.", ttl, "IN", "CNAME", TARGET)
    assert message.answer[0].ttl == ttl
    assert message.additional == []
    return message


ALONE = [f"www.listed.example. 60 IN CNAME {TARGET}"]
SOA = ("example.", 300, "IN", "SOA", "ns.example. desk.garden.example. 1 2 3 4 60")

# Every type whose data holds names, names with common ends, and data that looks like pointers.
EVERY = [
    (TARGET, 300, "IN", "CNAME", "a.b.garden.example."),
    ("a.b.garden.example.", 10, "IN", "A", "198.18.0.80", "198.18.0.81"),
    ("a.b.garden.example.", 20, "IN", "AAAA", "2001:db8::80"),
    ("b.garden.example.", 30, "IN", "NS", "ns.example.", "ns.b.garden.example."),
    ("b.garden.example.", 30, "IN", "SOA", "ns.example. desk.example. 1 2 3 4 5"),
    ("b.garden.example.", 30, "IN", "PTR", "host.listed.example."),
    ("b.garden.example.", 30, "IN", "MX", "10 mail.garden.example."),
    ("b.garden.example.", 30, "IN", "SRV", "0 1 443 mail.garden.example."),
    ("b.garden.example.", 30, "IN", "RP", "desk.garden.example. txt.garden.example."),
    ("b.garden.example.", 30, "IN", "DNAME", "garden.example."),
    ("b.garden.example.", 30, "IN", "TXT", '"\\192\\012\\192\\012" "x"', '"\\255"'),
    ("b.garden.example.", 30, "IN", "HTTPS", "1 svc.garden.example. alpn=h2"),
    ("b.garden.example.", 30, "IN", "CAA", '0 issue "ca.example"'),
    ("b.garden.example.", 30, "IN", "TYPE65280", "\\# 4 C00CC00C"),
    ("b.garden.example.", 30, "IN", "TYPE65281", "\\# 0"),
    ("\\255\\000.garden.example.", 30, "IN", "A", "198.18.0.82"),
    ("b.garden.example.", 30, "IN", "RRSIG",
     "A 13 3 30 20300101000000 20200101000000 12345 garden.example. AAAA"),
]  # fmt: skip


def test_all_kinds_of_records_come_through_unchanged():
    answer = upstream(*EVERY)
    for asked in ("www.listed.example", "x", ".".join(["a" * 60] * 4)):
        message = read(answer, asked=asked)
        assert message.answer[1:] == [dns.rrset.from_text(*rrset) for rrset in EVERY]
        assert [rrset.ttl for rrset in message.answer[1:]] == [rrset[1] for rrset in EVERY]


def test_common_ends_of_names_are_written_once():
    many = [(f"n{n}.{TARGET}", 1, "IN", "A", "198.18.0.1") for n in range(50)]
    found = splice(RDATA, 60, upstream(*many), 20)
    assert len(found.body) < 50 * (3 + 1 + 2 + 14) + 40


def test_ttls_are_counted_down_but_for_the_cname():
    message = read(upstream((TARGET, 300, "IN", "A", "198.18.0.80")), age=100, ttl=7)
    assert [rrset.ttl for rrset in message.answer] == [7, 200]


def test_a_denial_of_the_target_keeps_its_code_and_soa_and_nothing_else():
    others = (SOA, ("example.", 300, "IN", "NS", "ns.example."))
    for rcode in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        message = read(upstream(authority=others, rcode=rcode))
        assert message.rcode() == rcode
        assert message.authority == [dns.rrset.from_text(*SOA)]
        assert [str(rrset) for rrset in message.answer] == ALONE


def test_the_cname_stands_alone_where_nothing_is_known_of_the_target():
    unknown = [None, upstream(authority=[SOA], rcode=dns.rcode.SERVFAIL), upstream(rcode=5)]
    many = [(f"n{n}.{TARGET}", 1, "IN", "A", "198.18.0.1") for n in range(300)]
    large = [(TARGET, 1, "IN", "TXT", *(f'"{n}{"x" * 240}"' for n in range(80)))]
    for answer in (*unknown, upstream(*many), upstream(*large)):
        message = read(answer)
        assert message.rcode() == dns.rcode.NOERROR
        assert [str(rrset) for rrset in message.answer] == ALONE
        assert message.authority == []


def test_pointers_that_lead_nowhere_are_not_followed():
    data = b"\0\1\0\1\0\0\0\1\0\4\xc6\x12\0\1"
    start = 12 + len(RDATA) + 4
    loops = [
        b"\xc0" + bytes([start]) + data,  # itself
        b"\xc0" + bytes([start + 2]) + data,  # forward
        b"\xc0\0" + data,  # the header
        b"\xff\xff" + data,
        b"\1a\xc0" + bytes([start]) + data,  # round in a circle
        b"\x40" + data,
        b"\1",
        b"",
    ]
    for body in loops:
        answer = Answer(0, 0, b"\0\1\0\0\0\0", body, (), 1)
        assert [str(rrset) for rrset in read(answer).answer] == ALONE


@given(
    st.binary(max_size=80),
    st.integers(0, 3),
    st.integers(0, 3),
    st.sampled_from([1, 2, 5, 6, 15, 16, 33, 65]),
)
def test_any_octets_give_a_whole_message_or_the_cname_alone(octets, answers, authorities, rtype):
    record = b"\xc0\x0c" + struct.pack("!HHIH", rtype, 1, 9, len(octets)) + octets
    counts = struct.pack("!HHH", answers, authorities, 0)
    for body in (octets, record * (answers + authorities), record + octets):
        found = splice(RDATA, 60, Answer(0, 0, counts, body, (), 1), 24)
        packet = bytes(6) + found.counts + b"\x12" + b"x" * 18 + b"\0\0\1\0\1" + found.body
        at = 36
        for _ in range(sum(struct.unpack("!HHH", found.counts))):
            at, _ = wire.skip_record(packet, at)
        assert at == len(packet)
