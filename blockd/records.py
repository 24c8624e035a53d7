"""Resource records as lists write them, `TYPE data` as in a zone file, and their wire form.

Without owner, class and TTL. dnslib reads the data; quoting is read here, since dnslib takes the
decimal escapes of RFC 1035 5.1 for octal, and names are `names`' business. No input or output.
"""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import dnslib

from blockd import names, prefixes
from blockd.errors import NameFormError, PrefixFormError, RecordFormError


class Record(NamedTuple):
    """A record of a name that is not said."""

    rtype: int
    rdata: bytes
    """Names in it are whole, without compression."""
    text: str
    """The canonical text, as `CNAME garden.example.`; `parse` reads it to the same record."""


class _Form(NamedTuple):
    least: int
    """Words that follow the type, at least."""
    most: int
    example: str
    names: tuple[int, ...] = ()
    """Which of the words are domain names."""


_FORMS = {
    "A": _Form(1, 1, "A 198.18.0.80"),
    "AAAA": _Form(1, 1, "AAAA 2001:db8::80"),
    "CAA": _Form(3, 3, 'CAA 0 issue "ca.example"'),
    "CNAME": _Form(1, 1, "CNAME garden.example", (0,)),
    "DNSKEY": _Form(4, 99, "DNSKEY 257 3 13 BASE64"),
    "DS": _Form(4, 99, "DS 12345 13 2 HEX"),
    "HINFO": _Form(2, 2, 'HINFO "cpu" "os"'),
    "HTTPS": _Form(2, 99, "HTTPS 1 . alpn=h2", (1,)),
    "LOC": _Form(5, 12, "LOC 52 22 23 N 4 53 32 E 2m"),
    "MX": _Form(2, 2, "MX 10 mail.example", (1,)),
    "NAPTR": _Form(6, 6, 'NAPTR 10 10 "s" "SIP+D2U" "" _sip._udp.example', (5,)),
    "NS": _Form(1, 1, "NS ns.example", (0,)),
    "PTR": _Form(1, 1, "PTR host.example", (0,)),
    "RP": _Form(2, 2, "RP desk.authority.example .", (0, 1)),
    "SOA": _Form(7, 7, "SOA ns.example desk.example 1 3600 600 86400 60", (0, 1)),
    "SPF": _Form(1, 255, 'SPF "v=spf1 -all"'),
    "SRV": _Form(4, 4, "SRV 0 5 5060 sip.example", (3,)),
    "SSHFP": _Form(3, 99, "SSHFP 4 2 HEX"),
    "SVCB": _Form(2, 99, "SVCB 1 . alpn=h2", (1,)),
    "TLSA": _Form(4, 99, "TLSA 3 1 1 HEX"),
    "TXT": _Form(1, 255, 'TXT "a text in quotes"'),
}
"""The types whose text is understood; all others are written in octets (RFC 3597 5)."""

_KINDS = {**dnslib.RDMAP, "SVCB": dnslib.HTTPS, "SPF": dnslib.TXT, "HINFO": dnslib.TXT}
_ADDRESS = {"A": 4, "AAAA": 6, "ipv4hint": 4, "ipv6hint": 6}
_SIGNED = ("SIG", "RRSIG", "NXT", "NSEC", "NSEC3")
_RPZ = {
    ".": 'write action = "nxdomain"',
    "*.": 'write action = "nodata"',
    "rpz-passthru.": "write an [[allow]] entry",
    "rpz-drop.": 'write action = "drop"',
    "rpz-tcp-only.": 'write action = "tcp-only"',
}
_PARAMETERS = {"ech": "echconfig", "dohpath": "key7", "ohttp": "key8"}  # what dnslib calls them
_FILLED = ("mandatory", "alpn", "ipv4hint", "echconfig", "ipv6hint")

# RFC 1035 5.1: a string in quotes, or a run without blanks that may hold such strings.
_WORD = re.compile(r'("(?:[^"\\]|\\.)*")|((?:[^\s"\\;()]|\\.|"(?:[^"\\]|\\.)*")+)|(\s+)')
_ESCAPE = re.compile(rb'\\(\d{3})|\\(.)|"', re.DOTALL)


class _Whole(dnslib.DNSBuffer):  # type: ignore[misc]  # dnslib ships no types
    """A buffer that never compresses: the data's place in a message is not known."""

    def encode_name(self, name: Any) -> None:
        self.encode_name_nocompress(name)


def parse(text: str) -> Record:
    """Return the record that a text names.

    Raises:
        RecordFormError: with a sentence that says what to write instead.
    """
    words = _words(text)
    rtype, kind = _rtype(words[0] if words else "")
    if words[1:2] == ["\\#"]:
        rdata = _known(kind, _octets(kind, words[2:]))
    else:
        rdata = _read(kind, words[1:])
    return Record(rtype, rdata, _canonical(kind, rdata))


def names_among(kind: str) -> tuple[int, ...]:
    """Return which of the words behind a type are domain names, which a zone may write relative."""
    form = _FORMS.get(kind)
    return form.names if form is not None else ()


def _words(text: str) -> list[str]:
    found = []
    at = 0
    while at < len(text):
        match = _WORD.match(text, at)
        if match is None:
            raise RecordFormError(
                f"`{text[at]}` has no counterpart, or stands outside of quotes; write one record,"
                " and texts in quotes"
            )
        at = match.end()
        if not match[3]:
            found.append(match[0])
    return found


def _rtype(word: str) -> tuple[int, str]:
    """Return a type's number and its name."""
    kind = word.upper()
    if kind in {"", "IN"} or kind.isdigit():
        raise RecordFormError(
            f"a record begins with its type, without name, TTL and class: {_FORMS['A'].example!r}"
        )
    numbered = re.fullmatch(r"TYPE(\d{1,5})", kind)
    rtype = int(numbered[1]) if numbered else dnslib.QTYPE.reverse.get(kind, -1)
    if not 0 <= rtype <= 0xFFFF:
        hint = "write its number and octets, as in 'TYPE65280 \\# 4 0A000001'"
        raise RecordFormError(f"{word[:20]!r} is no type known here; {hint}")
    name = str(dnslib.QTYPE.forward.get(rtype, ""))
    kind = name if dnslib.QTYPE.reverse.get(name) == rtype else f"TYPE{rtype}"
    if rtype in {0, 41, 0xFFFF} or 128 <= rtype <= 255:  # RFC 6895 3.1
        raise RecordFormError(f"{kind} stands in questions and messages alone; no name holds it")
    if kind in _SIGNED:
        raise RecordFormError(f"{kind} is made by signing a zone; no list can hold it")
    if kind == "DNAME":
        raise RecordFormError("DNAME is not followed here; write a CNAME")
    return rtype, kind


def _octets(kind: str, words: Sequence[str]) -> bytes:
    """Return the data of a record in octets (RFC 3597 5): their number, then in hexadecimal."""
    try:
        announced, rdata = int(words[0]), bytes.fromhex("".join(words[1:]))
    except (ValueError, IndexError):
        announced, rdata = -1, b""
    if announced != len(rdata) or len(rdata) > 0xFFFF:
        raise RecordFormError(
            "behind `\\#` stand the number of octets and the octets in hexadecimal, as in"
            f" '{kind} \\# 4 0A000001'"
        )
    return rdata


def _known(kind: str, rdata: bytes) -> bytes:
    """Return the data of octets; raises RecordFormError where a known type cannot hold them."""
    if kind not in _KINDS:
        return rdata
    try:
        return _pack(_unpack(kind, rdata))
    except Exception:  # noqa: BLE001 - dnslib's parser raises whatever the bytes provoke
        raise RecordFormError(f"these octets are no {kind} record") from None


def _unpack(kind: str, rdata: bytes) -> Any:
    buffer = dnslib.DNSBuffer(rdata)
    found = _KINDS[kind].parse(buffer, len(rdata))
    if not rdata or buffer.offset != len(rdata) or (kind == "HINFO" and len(found.data) != 2):
        raise ValueError(kind)
    if kind == "CNAME" and rdata == b"\0":
        raise ValueError(kind)  # the root: a denial in the language of RPZ, and no garden
    return found


def _pack(found: Any) -> bytes:
    buffer = _Whole()
    found.pack(buffer)
    return bytes(buffer.data)


def _read(kind: str, words: Sequence[str]) -> bytes:
    """Return the data of a type whose text is understood."""
    form = _FORMS.get(kind)
    if form is None:
        raise RecordFormError(
            f"{kind} is not read as words; write its octets, as in '{kind} \\# 4 0A000001'"
        )
    wrong = RecordFormError(f"this is no {kind} record; write it as in {form.example!r}")
    if not form.least <= len(words) <= form.most:
        raise wrong
    words = [_target(kind, word) if n in form.names else word for n, word in enumerate(words)]
    try:
        if kind in {"TXT", "SPF", "HINFO"}:
            return _strings([_plain(word) for word in words])
        if kind in _ADDRESS:
            return _address(words[0], _ADDRESS[kind])
        if kind in {"HTTPS", "SVCB"}:
            return _pack(_service(words))
        return _pack(_KINDS[kind].fromZone([_plain(word).decode() for word in words]))
    except RecordFormError:
        raise
    except Exception:  # noqa: BLE001 - dnslib's parser raises whatever the text provokes
        raise wrong from None


def _target(kind: str, word: str) -> str:
    """Return a domain name in words of dnslib: absolute, with its final dot."""
    if kind == "CNAME" and word in _RPZ:
        raise RecordFormError(f"`CNAME {word}` is the language of RPZ; {_RPZ[word]}")
    if word == ".":
        return word
    try:
        return f"{names.canonical(word)}."
    except NameFormError as error:
        raise RecordFormError(str(error)) from None


def _address(word: str, family: int) -> bytes:
    try:
        prefix = prefixes.parse(word)
    except PrefixFormError:
        prefix = None
    if prefix is None or "/" in word or prefix.family != family:
        raise RecordFormError(f"{word!r} is no IPv{family} address")
    return prefix.network.to_bytes(4 if family == 4 else 16, "big")


def _strings(strings: Sequence[bytes]) -> bytes:
    if any(len(string) > 255 for string in strings):
        raise RecordFormError("a text has more than 255 octets; write several, each in quotes")
    return _pack(dnslib.TXT(strings))


def _service(words: Sequence[str]) -> Any:
    """Return an HTTPS or SVCB record (RFC 9460 2.1); dnslib orders and checks nothing."""
    found: dict[int, bytes] = {}
    for word in words[2:]:
        key, _, value = word.partition("=")
        key = _PARAMETERS.get(key, key)
        if value[:1] == '"' == value[-1:] and len(value) > 1:
            value = value[1:-1]
        listed = value.split(",")
        if key in _FILLED and "" in listed:
            raise ValueError(key)
        if key.startswith("key"):
            number, content = int(key[3:]), _plain(value)
        else:
            number, content = dnslib.HTTPS.zf_parse_param(key.encode(), bytearray(value.encode()))
        if key in _ADDRESS:
            content = b"".join(_address(each, _ADDRESS[key]) for each in listed)
        if number == 0:  # RFC 9460 8: in order, each once
            keys = {bytes(content[at : at + 2]) for at in range(0, len(content), 2)}
            content = b"".join(sorted(keys))
        if number in found:
            raise RecordFormError(f"the parameter {word.partition('=')[0]!r} stands there twice")
        found[number] = content
    target = [label.encode() for label in words[1].split(".") if label]
    return dnslib.HTTPS(int(words[0]), target, sorted(found.items()))  # 2.2: in order of keys


def _plain(word: str) -> bytes:
    """Return a word without its quotes and escapes (RFC 1035 5.1)."""
    return _ESCAPE.sub(
        lambda match: bytes((int(match[1]),)) if match[1] else match[2] or b"", word.encode()
    )


def _canonical(kind: str, rdata: bytes) -> str:
    """Return a text that reads as these octets: the usual one, else that of RFC 3597."""
    octets = f"{kind} \\# {len(rdata)} {rdata.hex().upper()}".rstrip()
    if kind not in _FORMS:
        return octets
    try:
        text = f"{kind} {_shown(kind, _unpack(kind, rdata))}"
        return text if _read(kind, _words(text)[1:]) == rdata else octets
    except Exception:  # noqa: BLE001 - dnslib's printer raises whatever the bytes provoke
        return octets


def _shown(kind: str, found: Any) -> str:
    if kind in {"TXT", "SPF", "HINFO"}:
        return " ".join(_quoted(string) for string in found.data)
    if kind == "CAA":
        return f"{found.flags} {found.tag} {_quoted(found.value.encode())}"
    return str(found.toZone()).replace(" echconfig=", " ech=")


def _quoted(string: bytes) -> str:
    shown = (
        f"\\{c}" if c in '"\\' else c if c.isprintable() else
        "".join(f"\\{octet:03d}" for octet in c.encode())
        for c in string.decode()
    )  # fmt: skip
    return f'"{"".join(shown)}"'
