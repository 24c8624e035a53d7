"""Messages as clients and upstreams send them, and a reader that trusts no single library."""

import struct

import dns.edns
import dns.message
import dnslib

ID = b"\x12\x34"


def query(
    name="www.example",
    qtype="A",
    *,
    number=0x1234,
    qclass=1,
    edns=True,
    size=1232,
    version=0,
    options=(),
    **header,
):
    """Return a query; `header` holds rd, cd, ad, opcode..., and `do`, `co` of OPT."""
    bits = header.pop("do", False) << 15 | header.pop("co", False) << 14
    message = dnslib.DNSRecord(dnslib.DNSHeader(id=number, **{"rd": 1, **header}))
    kind = qtype if isinstance(qtype, int) else getattr(dnslib.QTYPE, qtype)
    message.add_question(dnslib.DNSQuestion(name, kind, qclass))
    if edns:
        rdata = [dnslib.EDNSOption(code, value) for code, value in options]
        ttl = version << 16 | bits
        message.add_ar(
            dnslib.RR(rname=".", rtype=dnslib.QTYPE.OPT, rclass=size, ttl=ttl, rdata=rdata)
        )
    return bytes(message.pack())


def reply(packet, *zone, edns=True, authority=(), **header):
    """Return an upstream's reply to a query, with the records of zone file lines."""
    asked = dnslib.DNSRecord.parse(packet)
    fields = {"id": asked.header.id, "qr": 1, "rd": 1, "ra": 1, **header}
    message = dnslib.DNSRecord(dnslib.DNSHeader(**fields), q=asked.q)
    for line in zone:
        message.add_answer(*dnslib.RR.fromZone(line))
    for line in authority:
        message.add_auth(*dnslib.RR.fromZone(line))
    if edns:
        message.add_ar(dnslib.EDNS0(udp_len=1232))
    return bytes(message.pack())


def read(packet):
    """Return what dnspython reads, after dnslib read it too; both must take every octet."""
    assert bytes(dnslib.DNSRecord.parse(packet).header.id.to_bytes(2, "big")) == packet[:2]
    return dns.message.from_wire(packet)


def errors(message):
    """Return the extended errors of a message: code and text."""
    return [
        (int(option.code), option.text or "")
        for option in message.options
        if option.otype == dns.edns.EDE
    ]


def records(section):
    """Return a section as the texts of its records, without TTLs."""
    return [
        f"{rrset.name} {dns.rdatatype.to_text(rrset.rdtype)} {data}"
        for rrset in section
        for data in rrset
    ]


def raw(*parts, number=0x1234, flags=0x0100, counts=(1, 0, 0, 0)):
    """Return a message of a header and octets, for what no library would build."""
    return struct.pack("!HHHHHH", number, flags, *counts) + b"".join(parts)
