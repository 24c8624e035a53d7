"""Addresses with their ports, as the configuration writes them: where to listen, whom to ask.

Each class reads and prints its form; which key holds which is `config`'s business, and every
other kind of value `values`'. Pure: nothing is bound or asked here.
"""

import re
from typing import Self

from blockd import prefixes
from blockd.errors import PrefixFormError
from blockd.values import TextValue, plain_text

_BRACKETED = re.compile(r"\[([^\]]*)\](?::(.*))?")
_PORT = re.compile(r"^[^\[:]+:\d+$|\]:\d+$")


class Endpoint(TextValue):
    """An address and a port: `198.18.0.53`, `198.18.0.53:5353` or `[2001:db8::53]:53`."""

    __slots__ = ("address", "port")

    def __init__(self, address: str, port: int = 53) -> None:
        self.address = address
        self.port = port

    @classmethod
    def parse(cls, value: object) -> Self:
        """Read the text form; the port is 53 where none is given."""
        text = plain_text(value)
        host, port = text, "53"
        bracketed = _BRACKETED.fullmatch(text)
        if bracketed:
            host, port = bracketed.groups(port)
        elif text.count(":") == 1:
            host, _, port = text.partition(":")
        if "/" in host or not (port.isascii() and port.isdigit()):
            raise ValueError(f"{text!r} is not ADDRESS, ADDRESS:PORT or [IPV6]:PORT")
        if not 1 <= int(port) <= 65535:
            raise ValueError(f"port {port} in {text!r} is not between 1 and 65535")
        try:
            return cls(str(prefixes.parse(host)).partition("/")[0], int(port))
        except PrefixFormError:
            raise ValueError(f"{text!r} is not ADDRESS, ADDRESS:PORT or [IPV6]:PORT") from None

    def __str__(self) -> str:
        """Return the text form, the port always shown."""
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{host}:{self.port}"


class TlsEndpoint(Endpoint):
    """An address and a port for TLS; the port is 853 where none is given (RFC 7858 3.1)."""

    __slots__ = ()

    @classmethod
    def parse(cls, value: object) -> Self:
        """Read the text form."""
        found = super().parse(value)
        if not _PORT.search(plain_text(value)):
            found.port = 853
        return found


class WebEndpoint(Endpoint):
    """An address and a port for HTTP; the port is 80 where none is given (RFC 9110 4.2.1)."""

    __slots__ = ()

    @classmethod
    def parse(cls, value: object) -> Self:
        """Read the text form."""
        found = super().parse(value)
        if not _PORT.search(plain_text(value)):
            found.port = 80
        return found


class Upstream(TextValue):
    """A resolver to forward to.

    `198.18.0.53` (UDP, and TCP where needed), `tcp://198.18.0.53:5353`, or
    `tls://198.18.0.55#dns.example`, whose certificate must be for the name after `#`.
    """

    __slots__ = ("endpoint", "name", "scheme")

    def __init__(self, endpoint: Endpoint, scheme: str = "udp", name: str = "") -> None:
        self.endpoint = endpoint
        self.scheme = scheme
        self.name = name

    @classmethod
    def parse(cls, value: object) -> Self:
        """Read the text form; TLS has port 853 where none is given (RFC 7858 3.1)."""
        text = plain_text(value)
        scheme, found, rest = text.partition("://")
        if not found:
            scheme, rest = "udp", text
        if scheme not in {"udp", "tcp", "tls"}:
            raise ValueError(f"{text!r}: known are udp://, tcp:// and tls://")
        place, _, name = rest.partition("#")
        if scheme == "tls" and not name:
            raise ValueError(
                f"{text!r} names no certificate; write tls://ADDRESS#NAME, the name that the"
                " server's certificate is for"
            )
        if name and scheme != "tls":
            raise ValueError(f"{text!r}: only tls:// takes a #NAME")
        kind = TlsEndpoint if scheme == "tls" else Endpoint
        return cls(kind.parse(place), scheme, name)

    def __str__(self) -> str:
        """Return the text form, the port always shown."""
        before = "" if self.scheme == "udp" else f"{self.scheme}://"
        return f"{before}{self.endpoint}{'#' if self.name else ''}{self.name}"
