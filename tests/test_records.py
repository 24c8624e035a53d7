"""Records as text: read as a zone file's, each mistake with a sentence, texts that come back."""

import dns.rdata
import dns.rdataclass
import dns.rdatatype
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd import records
from blockd.errors import RecordFormError

# What dnspython reads from the canonical text decides what the octets must be.
READ = [
    ("CNAME garden.example.", "CNAME garden.example."),
    ("cname Garden.Example", "CNAME garden.example."),
    ("PTR ü.example", "PTR xn--tda.example."),
    ("NS ns.example.", "NS ns.example."),
    ("A 198.18.0.80", "A 198.18.0.80"),
    ("AAAA 2001:DB8:0::80", "AAAA 2001:db8::80"),
    ("MX 10 mail.example.", "MX 10 mail.example."),
    ("SRV 0 5 5060 .", "SRV 0 5 5060 ."),
    ("RP desk.authority.example. .", "RP desk.authority.example. ."),
    (
        "SOA ns.example. desk.example. 1 1h 600 1d 60",
        "SOA ns.example. desk.example. 1 3600 600 86400 60",
    ),
    ('TXT "a; (b)" c "\\065\\"\\\\" ""', 'TXT "a; (b)" "c" "A\\"\\\\" ""'),
    ('SPF "v=spf1 -all"', 'SPF "v=spf1 -all"'),
    ("HINFO cpu os", 'HINFO "cpu" "os"'),
    ('CAA 0 issue "ca.example; a=b"', 'CAA 0 issue "ca.example; a=b"'),
    (
        'NAPTR 10 10 "s" "SIP+D2U" "!^.*$!sip:\\\\1@x!" _sip._udp.example.',
        'NAPTR 10 10 "s" "SIP+D2U" "!^.*$!sip:\\\\1@x!" _sip._udp.example.',
    ),
    ("DS 12345 13 2 " + "ab" * 32, "DS 12345 13 2 " + "AB" * 32),
    ("SSHFP 4 2 0011 " + "22" * 30, "SSHFP 4 2 0011" + "22" * 30),
    ("TLSA 3 1 1 aabb " + "cc" * 30, "TLSA 3 1 1 AABB" + "CC" * 30),
    ("HTTPS 1 .", "HTTPS 1 ."),
    ("HTTPS 0 garden.example.", "HTTPS 0 garden.example."),
    (
        'HTTPS 1 . port=443 mandatory=port,alpn alpn="h2,h3"',
        "HTTPS 1 . mandatory=alpn,port alpn=h2,h3 port=443",
    ),
    (
        "SVCB 1 s.example. ipv6hint=2001:db8::1,2001:db8::2 ipv4hint=198.18.0.1 ech=AAQAAAAA",
        "SVCB 1 s.example. ipv4hint=198.18.0.1 ech=AAQAAAAA ipv6hint=2001:db8::1,2001:db8::2",
    ),
    ("TYPE65280 \\# 4 0A000001", "TYPE65280 \\# 4 0A000001"),
    ("TYPE65280 \\# 4 0A 00 0001", "TYPE65280 \\# 4 0A000001"),
    ("TYPE65280 \\# 0", "TYPE65280 \\# 0"),
    ("TYPE1 \\# 4 0A000001", "A 10.0.0.1"),
    ("TXT \\# 2 01FF", "TXT \\# 2 01FF"),
]


@pytest.mark.parametrize(("text", "canonical"), READ)
def test_a_record_is_read_as_in_a_zone_file(text, canonical):
    record = records.parse(text)
    assert record.text == canonical
    assert records.parse(canonical) == record
    data = dns.rdata.from_text(
        "IN", dns.rdatatype.RdataType(record.rtype), canonical.partition(" ")[2]
    )
    assert data.to_wire().lower() == record.rdata.lower()


MISTAKES = [
    ("", "begins with its type"),
    ("IN A 198.18.0.80", "begins with its type"),
    ("60 A 198.18.0.80", "begins with its type"),
    ("garden.example", "is no type known here"),
    ("TYPE70000 \\# 0", "is no type known here"),
    ("A", "write it as in 'A 198.18.0.80'"),
    ("A 198.18.0.80 198.18.0.81", "write it as in 'A 198.18.0.80'"),
    ("A 198.18.0", "is no IPv4 address"),
    ("A 2001:db8::1", "is no IPv4 address"),
    ("A 198.18.0.0/24", "is no IPv4 address"),
    ("AAAA 198.18.0.80", "is no IPv6 address"),
    ("MX mail.example", "write it as in 'MX 10 mail.example'"),
    ("MX 70000 mail.example", "write it as in 'MX 10 mail.example'"),
    ("CNAME a..example", "empty label"),
    ("CNAME *.example", "letters, digits"),
    ("CNAME .", 'write action = "nxdomain"'),
    ("CNAME *.", 'write action = "nodata"'),
    ("CNAME rpz-passthru.", "[[allow]]"),
    ("CNAME \\# 1 00", "no CNAME record"),
    ("TXT v=spf1; -all", "`;` has no counterpart, or stands outside of quotes"),
    ('TXT "open', '`"` has no counterpart'),
    ('TXT "\\999"', "this is no TXT record"),
    ("TXT " + "a" * 256, "more than 255 octets"),
    ("HINFO cpu", "this is no HINFO record"),
    ("HINFO \\# 1 00", "no HINFO record"),
    ("HTTPS 1 . alpn=", "this is no HTTPS record"),
    ("HTTPS 1 . alpn=h2,,h3", "this is no HTTPS record"),
    ("HTTPS 1 . nonsense=1", "this is no HTTPS record"),
    ("HTTPS 1 . port=1 port=2", "'port' stands there twice"),
    ("HTTPS 1 . ipv6hint=1:2", "is no IPv6 address"),
    ("HTTPS 70000 .", "this is no HTTPS record"),
    ("RRSIG A", "made by signing"),
    ("NSEC \\# 0", "made by signing"),
    ("DNAME a.example", "write a CNAME"),
    ("ANY \\# 0", "stands in questions"),
    ("TYPE41 \\# 0", "stands in questions"),
    ("TYPE0 \\# 0", "stands in questions"),
    ("HIP 1 2 3", "write its octets"),
    ("A \\# 3 0A0000", "these octets are no A record"),
    ("A \\# 4 0A0000", "the number of octets"),
    ("A \\# four 0A000000", "the number of octets"),
    ("A \\#", "the number of octets"),
    ("TXT \\# 0", "no TXT record"),
]


@pytest.mark.parametrize(("text", "sentence"), MISTAKES)
def test_a_mistake_says_what_to_write(text, sentence):
    with pytest.raises(RecordFormError) as caught:
        records.parse(text)
    assert sentence in str(caught.value)


KNOWN = st.sampled_from(sorted({canonical.split()[0] for _, canonical in READ}))


@given(KNOWN, st.text(max_size=60))
def test_any_text_is_read_or_refused(kind, text):
    try:
        record = records.parse(f"{kind} {text}")
    except RecordFormError:
        return
    assert records.parse(record.text) == record


@given(KNOWN, st.binary(max_size=60))
def test_any_octets_are_read_or_refused_and_their_text_comes_back(kind, octets):
    try:
        record = records.parse(f"{kind} \\# {len(octets)} {octets.hex()}")
    except RecordFormError:
        return
    assert records.parse(record.text) == record


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=3))
def test_text_strings_hold_any_octets(strings):
    text = " ".join('"' + "".join(f"\\{octet:03d}" for octet in part) + '"' for part in strings)
    record = records.parse(f"TXT {text}")
    assert record.rdata == b"".join(bytes([len(part)]) + part for part in strings)
    assert records.parse(record.text) == record
