"""One question to a resolver, as a client would ask it; for `blockd explain`.

Asks our own resolver at the address it serves. No policy here.
"""

import secrets
import socket
from typing import NamedTuple

from blockd.config import Endpoint
from blockd.errors import UnreachableError
from blockd.resolver import wire

_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - asked there, not bound
_ERRORS = {
    3: "Stale Answer",
    4: "Forged Answer",
    14: "Not Ready",
    15: "Blocked",
    16: "Censored",
    17: "Filtered",
    18: "Prohibited",
    19: "Stale NXDOMAIN Answer",
    22: "No Reachable Authority",
    23: "Network Error",
    29: "Synthesized",
}
"""Names of the extended errors that blockd gives: RFC 8914 4."""


class SilentError(UnreachableError):
    """A resolver gives no answer, be it that it cannot or that it will not."""


_BLOCKED = frozenset({"15", "16", "17"})


class Answered(NamedTuple):
    """What a resolver said."""

    rcode: str
    records: list[str]
    """The answer section, type and data of each record."""
    errors: list[str]
    """Extended DNS errors: code, name and text."""

    @property
    def blocking(self) -> list[str]:
        """The extended errors that say that a block is in force (RFC 8914 4.16 to 4.18)."""
        return [error for error in self.errors if error.split(" ")[1].rstrip(":") in _BLOCKED]

    def __str__(self) -> str:
        """Return it in one line."""
        said = self.rcode if self.rcode != "NOERROR" or self.records else "NODATA"
        return "; ".join([said, *self.records, *self.errors])


def ask(server: Endpoint, name: bytes, qtype: int = wire.A, timeout: float = 1.0) -> Answered:
    """Return a resolver's answer over UDP.

    Args:
        server: its listening address; a wildcard stands for loopback.
        name: canonical wire form.
        qtype: the type asked.
        timeout: seconds.

    Raises:
        UnreachableError: no answer, or none that can be read, came in time.
    """
    number = secrets.randbits(16)
    question = name + b"\0" + qtype.to_bytes(2, "big") + b"\0\1"
    opt = b"\0" + wire.RECORD.pack(wire.OPT, wire.OWN_UDP, 0, 0)
    query = wire.HEADER.pack(number, wire.RD, 1, 0, 0, 1) + question + opt
    address = _LOOPBACK.get(server.address, server.address)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as client:
            client.settimeout(timeout)
            client.connect((address, server.port))
            client.send(query)
            packet = client.recv(65_535)
    except TimeoutError:
        raise SilentError(
            f"{server} gives no answer within {timeout:g} s; its upstreams may be silent"
        ) from None
    except OSError as error:
        raise UnreachableError(f"{server} does not answer: {error}") from None
    if packet[:2] != query[:2] or packet[12 : 12 + len(question)] != question:
        raise UnreachableError(f"{server} gave an answer to another question")
    return _read(packet, server)


def _read(packet: bytes, server: Endpoint) -> Answered:
    import dnslib  # noqa: PLC0415 - not needed until here

    try:
        message = dnslib.DNSRecord.parse(packet)
        records = [f"{dnslib.QTYPE[record.rtype]} {record.rdata}" for record in message.rr]
        errors = [
            _error(bytes(option.data))
            for record in message.ar
            if record.rtype == wire.OPT
            for option in record.rdata
            if option.code == wire.EDE
        ]
        return Answered(dnslib.RCODE[message.header.rcode], records, errors)
    except Exception as error:  # noqa: BLE001 - dnslib's parser raises whatever the bytes provoke
        raise UnreachableError(f"{server} gave an answer that does not parse: {error}") from None


def _error(option: bytes) -> str:
    code = int.from_bytes(option[:2], "big")
    text = option[2:].decode(errors="replace")
    named = f"EDE {code} {_ERRORS.get(code, '')}".rstrip()
    return f"{named}: {text}" if text else named
