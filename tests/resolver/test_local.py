"""Special-use names and private reverse zones: answered here, each as its RFC says."""

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.reversename
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd import names
from blockd.resolver import answers, wire
from blockd.resolver.local import TTL, Local

LOCAL = Local([])
LOOPBACK6 = "1" + ".0" * 31 + ".ip6.arpa"


def question(name, qtype="A", qclass="IN"):
    return wire.parse_query(dns.message.make_query(name, qtype, qclass, use_edns=0).to_wire())


def ask(name, qtype="A", local=LOCAL):
    """Return the whole reply as a client reads it; None: the question goes upstream."""
    query = question(name, qtype)
    found = local.answer(query)
    if found is None:
        return None
    packet = answers.assemble(query, found.rcode, found.counts, found.body, found.options, 1232)
    return dns.message.from_wire(packet)


def said(name, qtype="A", local=LOCAL):
    """Return rcode, the answer's data, and the SOA's owner."""
    reply = ask(name, qtype, local)
    if reply is None:
        return None
    data = [str(item) for rrset in reply.answer for item in rrset]
    owners = [str(rrset.name).lower() for rrset in reply.authority]
    return dns.rcode.to_text(reply.rcode()), data, *owners


ANSWERED = [
    # RFC 6761 6.3
    ("localhost", "A", ("NOERROR", ["127.0.0.1"])),
    ("LocalHost", "AAAA", ("NOERROR", ["::1"])),
    ("a.b.localhost", "A", ("NOERROR", ["127.0.0.1"])),
    ("a.b.localhost", "AAAA", ("NOERROR", ["::1"])),
    ("localhost", "MX", ("NOERROR", [], "localhost.")),
    ("a.localhost", "HTTPS", ("NOERROR", [], "localhost.")),
    ("localhost", "DS", ("NOERROR", [], "localhost.")),
    ("localhost", "ANY", ("NOERROR", ['"RFC8482" ""'])),
    # RFC 6761 6.4, RFC 7686, RFC 9476
    ("invalid", "A", ("NXDOMAIN", [], "invalid.")),
    ("a.invalid", "DS", ("NXDOMAIN", [], "invalid.")),
    ("onion", "SOA", ("NXDOMAIN", [], "onion.")),
    ("onion", "DS", ("NXDOMAIN", [], "onion.")),
    ("a.b.onion", "AAAA", ("NXDOMAIN", [], "onion.")),
    ("a.alt", "TXT", ("NXDOMAIN", [], "alt.")),
    # RFC 8375, RFC 9665
    ("home.arpa", "A", ("NOERROR", [], "home.arpa.")),
    ("printer.home.arpa", "A", ("NXDOMAIN", [], "home.arpa.")),
    ("printer.home.arpa", "DS", ("NXDOMAIN", [], "home.arpa.")),
    ("printer.home.arpa", "ANY", ("NXDOMAIN", [], "home.arpa.")),
    ("default.service.arpa", "NS", ("NXDOMAIN", [], "service.arpa.")),
    # RFC 9462 6.4
    ("_dns.resolver.arpa", "SVCB", ("NOERROR", [], "resolver.arpa.")),
    ("_dns.resolver.arpa", "A", ("NOERROR", [], "resolver.arpa.")),
    ("x.resolver.arpa", "ANY", ("NOERROR", [], "resolver.arpa.")),
    # RFC 6303: the zone's own records, and nothing below it
    ("10.in-addr.arpa", "NS", ("NOERROR", ["10.in-addr.arpa."])),
    (
        "10.in-addr.arpa",
        "SOA",
        ("NOERROR", ["10.in-addr.arpa. nobody.invalid. 1 3600 1200 604800 10800"]),
    ),
    ("10.in-addr.arpa", "PTR", ("NOERROR", [], "10.in-addr.arpa.")),
    ("3.2.1.10.IN-ADDR.ARPA", "PTR", ("NXDOMAIN", [], "10.in-addr.arpa.")),
    ("1.2.0.192.in-addr.arpa", "PTR", ("NXDOMAIN", [], "2.0.192.in-addr.arpa.")),
    ("1.100.51.198.in-addr.arpa", "PTR", ("NXDOMAIN", [], "100.51.198.in-addr.arpa.")),
    ("1.113.0.203.in-addr.arpa", "PTR", ("NXDOMAIN", [], "113.0.203.in-addr.arpa.")),
    ("1.0.0.127.in-addr.arpa", "PTR", ("NOERROR", ["localhost."])),
    ("1.0.0.127.in-addr.arpa", "A", ("NOERROR", [], "127.in-addr.arpa.")),
    ("2.0.0.127.in-addr.arpa", "PTR", ("NXDOMAIN", [], "127.in-addr.arpa.")),
    ("0.0.127.in-addr.arpa", "PTR", ("NOERROR", [], "127.in-addr.arpa.")),  # RFC 8020 2
    ("0.127.in-addr.arpa", "PTR", ("NOERROR", [], "127.in-addr.arpa.")),
    (LOOPBACK6, "PTR", ("NOERROR", ["localhost."])),
    (LOOPBACK6, "NS", ("NOERROR", [f"{LOOPBACK6}."])),
]


@pytest.mark.parametrize(("name", "qtype", "answer"), ANSWERED)
def test_special_names_are_answered_as_their_rfc_says(name, qtype, answer):
    assert said(name, qtype) == answer


@pytest.mark.parametrize(
    "name",
    [
        "www.example", "example", "a.test", "com", "arpa", "in-addr.arpa", "ip6.arpa",
        "ipv4only.arpa", "170.0.0.192.in-addr.arpa", "mylocalhost", "localhost.example",
        "xn--invalid", "e.f.ip6.arpa", "172.in-addr.arpa", "110.in-addr.arpa", "a.local",
        "0.ip6.arpa", ".".join("0" * 31) + ".ip6.arpa",
    ],
)  # fmt: skip
@pytest.mark.parametrize("qtype", ["A", "PTR", "DS", "SOA", "ANY"])
def test_all_other_names_go_upstream(name, qtype):
    assert ask(name, qtype) is None


@pytest.mark.parametrize("name", ["home.arpa", "resolver.arpa", "10.in-addr.arpa", LOOPBACK6])
def test_the_parent_is_asked_whether_a_zone_is_signed(name):
    assert ask(name, "DS") is None


PRIVATE = """
    10.0.0.0 10.255.255.255 172.16.0.1 172.31.255.255 192.168.0.0 192.168.255.1
    0.0.0.0 0.1.2.3 127.1.2.3 169.254.0.1 255.255.255.255 100.64.0.1 100.127.255.255
    fd00::1 fdff:ffff::1 fe80::1 fe9f::1 feaf::1 febf::1 2001:db8::1 2001:db8:ffff::1
"""
PUBLIC = """
    9.255.255.255 11.0.0.0 172.15.255.255 172.32.0.0 192.167.255.255 192.169.0.0 1.0.0.0
    126.1.1.1 128.0.0.1 169.253.1.1 255.255.255.254 100.63.255.255 100.128.0.0 198.18.0.1
    192.0.3.1 fc00::1 fe00::1 fec0::1 2001:db7::1 2001:db9::1 ::2 2002::1
"""


@pytest.mark.parametrize("address", PRIVATE.split())
def test_private_addresses_have_no_names_and_are_not_asked_for_elsewhere(address):
    name = str(dns.reversename.from_address(address))
    expected = "NOERROR" if address == "255.255.255.255" else "NXDOMAIN"
    rcode, data, owner = said(name, "PTR")
    assert (rcode, data) == (expected, [])
    assert name.endswith(owner)


@pytest.mark.parametrize("address", PUBLIC.split())
def test_names_of_public_addresses_are_asked_for_upstream(address):
    assert ask(str(dns.reversename.from_address(address)), "PTR") is None


def test_answers_may_be_cached_and_say_why_they_were_made_here():
    for name, section in (("localhost", "answer"), ("3.2.1.10.in-addr.arpa", "authority")):
        reply = ask(name)
        (rrset,) = getattr(reply, section)
        assert rrset.ttl == TTL
        assert not reply.flags & dns.flags.AA
        (option,) = reply.options
        assert option.code == 29
        assert option.text.startswith("answered here: RFC ")
    (soa,) = ask("3.2.1.10.in-addr.arpa").authority
    assert soa[0].minimum == TTL
    assert str(soa[0].mname) == str(soa.name) == "10.in-addr.arpa."


def test_other_classes_are_not_answered_here():
    assert LOCAL.answer(question("localhost", "A", "CH")) is None


@pytest.mark.parametrize(
    ("own", "name", "answer"),
    [
        ("10.in-addr.arpa", "3.2.1.10.in-addr.arpa", None),
        ("10.in-addr.arpa", "10.in-addr.arpa", None),
        ("10.in-addr.arpa", "1.1.168.192.in-addr.arpa", ("NXDOMAIN", [], "168.192.in-addr.arpa.")),
        ("in-addr.arpa", "3.2.1.10.in-addr.arpa", None),
        ("in-addr.arpa", "x.home.arpa", ("NXDOMAIN", [], "home.arpa.")),
        ("arpa", "x.home.arpa", None),
        ("home.arpa", "home.arpa", None),
        ("site.home.arpa", "site.home.arpa", None),
        ("site.home.arpa", "a.site.home.arpa", None),
        ("site.home.arpa", "asite.home.arpa", ("NXDOMAIN", [], "home.arpa.")),
        ("site.home.arpa", "home.arpa", ("NOERROR", [], "home.arpa.")),
        ("2.1.10.in-addr.arpa", "1.10.in-addr.arpa", ("NOERROR", [], "10.in-addr.arpa.")),
        ("2.1.10.in-addr.arpa", "9.1.10.in-addr.arpa", ("NXDOMAIN", [], "10.in-addr.arpa.")),
        ("0.127.in-addr.arpa", "1.0.0.127.in-addr.arpa", None),
        ("localhost", "a.localhost", None),
        ("corp.example", "a.corp.example", None),
    ],
)  # fmt: skip
def test_what_has_upstreams_of_its_own_is_left_alone(own, name, answer):
    qtype = "PTR" if name.endswith("in-addr.arpa") else "MX"
    assert said(name, qtype, Local([names.parse(own)])) == answer


def test_the_root_and_no_zone_at_all_change_nothing():
    assert said("a.onion", local=Local([b""])) == said("a.onion")
    assert LOCAL.answer(question(".", "NS")) is None


def test_any_gets_one_small_record():
    found = LOCAL.any_answer(question("www.example", "ANY"))
    packet = answers.assemble(question("www.example", "ANY"), *found, 512)
    (rrset,) = dns.message.from_wire(packet).answer
    assert (str(rrset.name), rrset.rdtype, str(rrset[0])) == (
        "www.example.",
        dns.rdatatype.HINFO,
        '"RFC8482" ""',
    )
    assert LOCAL.any_answer(question("www.example", "A")) is None
    assert LOCAL.any_answer(question("www.example", "ANY", "CH")) is None


TAILS = ["localhost", "invalid", "onion", "alt", "home.arpa", "10.in-addr.arpa", "example"]


@given(
    below=st.lists(st.binary(min_size=1, max_size=20), max_size=6),
    tail=st.sampled_from(TAILS).map(names.to_wire),
    qtype=st.integers(1, 300),
)
def test_any_name_below_is_answered_by_the_zone_it_lies_in(below, tail, qtype):
    # Labels hold any octet, those that look like a label's length and like names included.
    labels = b"".join(bytes([len(part)]) + part for part in below)
    name = labels + tail + b"\0"
    query = wire.parse_query(
        bytes(5) + b"\1" + bytes(6) + name + qtype.to_bytes(2, "big") + b"\0\1"
    )
    found = LOCAL.answer(query)
    if tail == names.to_wire("example"):
        assert found is None
        return
    if found is None:
        assert (not below, qtype) == (True, 43)
        return
    packet = answers.assemble(query, *found, 1232)
    reply = dns.message.from_wire(packet)
    for rrset in reply.authority:
        assert rrset.name.to_wire().lower() == tail + b"\0"
    for rrset in reply.answer:
        assert rrset.name.to_wire() == name


@given(label=st.sampled_from([b"x\4arpa", b"\x09localhost", b"x\x02in-addr\4arpa", b"a\7invalid"]))
def test_octets_within_a_label_are_no_zone(label):
    name = bytes([len(label)]) + label + b"\0"
    query = wire.parse_query(bytes(5) + b"\1" + bytes(6) + name + b"\0\1\0\1")
    assert LOCAL.answer(query) is None
