"""Answers made by dnslib, read by dnspython."""

import builtins

import pytest
from dnslib import EDNS0, RR, DNSRecord, EDNSOption

from blockd.errors import UnreachableError
from blockd.verify.reading import reader
from tests.verify import answers


def answer(name, rcode=0, records=(), options=(), tc=0):
    message = DNSRecord.question(name).reply()
    message.header.rcode, message.header.tc = rcode, tc
    for record in records:
        message.add_answer(*RR.fromZone(f"{name}. 60 {record}"))
    message.add_ar(EDNS0(opts=[EDNSOption(code, octets) for code, octets in options]))
    return bytes(message.pack())


EDE, COOKIE = 15, 10


@pytest.mark.parametrize("name", ["a.example", "much-longer.label.example"])
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"rcode": 3, "options": [(EDE, b"\0\x10p1: x")]},
         answers.said(3, codes={16})),
        ({"records": ["A 198.18.0.80", "A 198.18.0.81", "TXT x"],
          "options": [(EDE, b"\0\4"), (EDE, b"\0\x0f")]},
         answers.said(0, codes={4, 15}, addresses={"198.18.0.80", "198.18.0.81"}, records=3)),
        ({"records": ["AAAA 2001:db8::80"], "options": [(COOKIE, b"8octets." + b"s" * 16)]},
         answers.said(0, addresses={"2001:db8::80"}, records=1, cookie=b"s" * 16)),
        ({"tc": 1}, answers.said(0, truncated=True)),
    ],
)  # fmt: skip
def test_what_matters_of_an_answer_is_read(name, given, said):
    read = reader()
    for _ in range(2):  # the second time it is remembered
        assert read(answer(name, **given), len(name) + 6) == said


def test_what_does_not_parse_is_no_answer():
    read = reader()
    whole = answer("a.example", records=["A 198.18.0.80"])
    assert read(whole[:-13], 15) is None
    assert read(b"", 0) is None


def test_answers_of_one_form_are_parsed_once(monkeypatch):
    import dns.message

    parsed = []
    parse = dns.message.from_wire
    read = reader()
    monkeypatch.setattr(dns.message, "from_wire", lambda p: parsed.append(p) or parse(p))
    for number in range(100, 200):
        read(answer(f"n{number}.example", 3, options=[(EDE, b"\0\x10")]), 18)
    assert len(parsed) == 1


def test_without_dnspython_it_is_said_what_to_install(monkeypatch):
    real = builtins.__import__

    def missing(name, *rest):
        if name.startswith("dns."):
            raise ModuleNotFoundError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(UnreachableError, match=r"pip install 'blockd\[verify\]'"):
        reader()
