"""The typed configuration: every key, its default, and how its text is read.

Key names are a contract with operators; a key stands here only when something obeys it.
Pure: text in, `Config` out; who reads the file is the command line.
"""

import difflib
import re
import tomllib
import typing
from typing import Annotated, Self

import msgspec
from msgspec import Meta, Struct

from blockd import prefixes
from blockd.errors import ConfigError, PrefixFormError
from blockd.prefixes import Prefix
from blockd.terms import Action, RouteType

_SIZE = re.compile(r"(\d+)\s*(B|KB|MB|GB)?")
_UNITS = {"B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30}
_BRACKETED = re.compile(r"\[([^\]]*)\](?::(.*))?")
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%")

Port = Annotated[int, Meta(ge=1, le=65535)]
TableNumber = Annotated[int, Meta(ge=1, le=2**32 - 2)]


class TextValue:
    """A value that the configuration writes as a text; equal when the texts are."""

    __slots__ = ()

    @classmethod
    def parse(cls, value: object) -> Self:
        """Return the value that a TOML value stands for; raises ValueError with a sentence."""
        raise NotImplementedError

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"


class Endpoint(TextValue):
    """An address and a port: `198.18.0.53`, `198.18.0.53:5353` or `[2001:db8::53]:53`."""

    __slots__ = ("address", "port")

    def __init__(self, address: str, port: int = 53) -> None:
        self.address = address
        self.port = port

    @classmethod
    def parse(cls, value: object) -> Self:
        """Read the text form; the port is 53 where none is given."""
        text = _text(value)
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


class Network(TextValue):
    """An address prefix: `10.0.0.0/8`."""

    __slots__ = ("prefix",)

    def __init__(self, prefix: Prefix) -> None:
        self.prefix = prefix

    @classmethod
    def parse(cls, value: object) -> Self:
        """Read the text form."""
        return cls(prefixes.parse(_text(value)))

    def __str__(self) -> str:
        """Return the text form."""
        return str(self.prefix)


class Share(TextValue):
    """A limit: a number, or a share of the whole such as `1%`."""

    __slots__ = ("number", "percent")

    def __init__(self, *, number: int | None = None, percent: float = 0.0) -> None:
        self.number = number
        self.percent = percent

    @classmethod
    def parse(cls, value: object) -> Self:
        """Read a whole number, or a text with a per cent sign."""
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return cls(number=value)
        match = _PERCENT.fullmatch(value.strip()) if isinstance(value, str) else None
        if not match:
            raise ValueError(f"{value!r} is neither a number nor a share such as '1%'")
        return cls(percent=float(match[1]))

    def of(self, whole: int) -> int:
        """Return the limit for a whole of that size, rounded down."""
        return self.number if self.number is not None else int(whole * self.percent / 100)

    def __str__(self) -> str:
        """Return the text form."""
        return str(self.number) if self.number is not None else f"{self.percent:g}%"


class Size(TextValue):
    """A number of octets: `64MB` (1 MB is 2**20 octets)."""

    __slots__ = ("octets",)

    def __init__(self, octets: int) -> None:
        self.octets = octets

    @classmethod
    def parse(cls, value: object) -> Self:
        """Read the text form."""
        match = _SIZE.fullmatch(_text(value).strip())
        if not match:
            raise ValueError(f"{value!r} is not a size such as '64MB'")
        return cls(int(match[1]) * _UNITS[match[2] or "B"])

    def __str__(self) -> str:
        """Return the size in its largest whole unit."""
        unit = next(u for u in ("GB", "MB", "KB", "B") if self.octets % _UNITS[u] == 0)
        return f"{self.octets // _UNITS[unit]}{unit}"


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"a text was expected, not {value!r}")  # noqa: TRY004 - msgspec reports ValueError with its place
    return value


Endpoints = Annotated[tuple[Endpoint, ...], Meta(min_length=1)]


class ListSection(Struct, frozen=True, forbid_unknown_fields=True):
    """`[list]`: where the watched list comes from."""

    paths: tuple[str, ...] = ("/etc/blockd/rules.d",)


class ResolverSection(Struct, frozen=True, forbid_unknown_fields=True):
    """`[resolver]`: the sinkhole."""

    listen: Endpoints = (Endpoint("0.0.0.0"), Endpoint("::"))  # noqa: S104 - a gateway serves its networks; `allow` says whom
    upstreams: tuple[Endpoint, ...] = ()
    """Empty: the servers of /etc/resolv.conf."""
    allow: tuple[Network, ...] = tuple(
        Network.parse(text)
        for text in (
            "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16",
            "::1/128", "fe80::/10", "fc00::/7",
        )
    )  # fmt: skip
    action: Action = Action.NXDOMAIN
    ttl: Annotated[int, Meta(ge=0, le=604800)] = 60
    cache: Size = Size(64 << 20)


class RoutesSection(Struct, frozen=True, forbid_unknown_fields=True):
    """`[routes]`: the null routes."""

    enabled: bool = True
    table: TableNumber = 5354
    preference: Annotated[int, Meta(ge=1, le=32765)] = 5354
    protocol: Annotated[int, Meta(ge=5, le=255)] = 177
    type: RouteType = RouteType.BLACKHOLE
    protect: tuple[Network, ...] = ()


class GuardSection(Struct, frozen=True, forbid_unknown_fields=True):
    """`[guard]`: limits against blocking too much."""

    shortest_v4: Annotated[int, Meta(ge=1, le=32)] = 16
    shortest_v6: Annotated[int, Meta(ge=1, le=128)] = 32
    budget: Share = Share(percent=1)


class ServiceSection(Struct, frozen=True, forbid_unknown_fields=True):
    """`[service]`: where state lives and how the daemons start."""

    state: str = ""
    run: str = ""
    """The directory of the control sockets; empty: /run/blockd, or `run` in the state."""
    start_without_list: bool = False


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole configuration; `Config()` is the built-in one."""

    list: ListSection = ListSection()
    resolver: ResolverSection = ResolverSection()
    routes: RoutesSection = RoutesSection()
    guard: GuardSection = GuardSection()
    service: ServiceSection = ServiceSection()


def parse(text: str, origin: str) -> Config:
    """Return the configuration that a TOML text describes.

    Args:
        text: the file's content.
        origin: the file's name, for messages.

    Raises:
        ConfigError: naming the file, the key and what to write instead.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{origin}: not valid TOML: {error}") from None
    _refuse_unknown(document, Config, "", origin)
    try:
        return msgspec.convert(document, Config, dec_hook=_decode, strict=True)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{origin}: {_place(str(error))}") from None


def _decode(kind: type[TextValue], value: object) -> TextValue:
    return kind.parse(value)


def _refuse_unknown(table: dict[str, object], kind: type, path: str, origin: str) -> None:
    known = typing.get_type_hints(kind)
    for key, value in table.items():
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = (
                f"; did you mean `{near[0]}`?"
                if near
                else f"; known are {', '.join(sorted(known))}"
            )
            raise ConfigError(f"{origin}: unknown key `{path}{key}`{hint}")
        inner = known[key]
        if isinstance(value, dict) and isinstance(inner, type) and issubclass(inner, Struct):
            _refuse_unknown(value, inner, f"{path}{key}.", origin)


def _place(message: str) -> str:
    """Turn msgspec's `... - at `$.resolver.ttl`` into `resolver.ttl: ...`."""
    text, _, place = message.partition(" - at `$.")
    return f"{place.rstrip('`')}: {text}" if place else text
