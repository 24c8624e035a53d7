"""What the configuration writes as texts: sizes, times, shares, networks, names; and as TOML.

Each class reads and prints its form; which key holds which is `config`'s business. Addresses
with ports, and upstreams, are `endpoints`'. Pure.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Self

import msgspec

from blockd import names, prefixes
from blockd.errors import NameFormError, PrefixFormError
from blockd.prefixes import Prefix

_SIZE = re.compile(r"([0-9]+)\s*(B|KB|MB|GB)?")
_UNITS = {"B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30}
_DURATION = re.compile(r"([0-9]+)\s*([smhd])")
_TIMES = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_LINK = re.compile(
    r"(?:https?://|mailto:|tel:)(?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+"
)
_PERCENT = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*%")


class TextValue:
    """A value that the configuration writes as a text; equal when the texts are."""

    __slots__ = ()

    @classmethod
    def parse(cls, value: object) -> Self:
        """Return the value that a TOML value stands for; raises ValueError with a sentence."""
        raise NotImplementedError  # each kind of value has a form of its own; this one has none

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"


class Duration(TextValue):
    """A time: `30s`, `10m`, `12h` or `1d`; `0s` is none."""

    __slots__ = ("seconds",)

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds

    @classmethod
    def parse(cls, value: object) -> Self:
        """Read the text form."""
        match = _DURATION.fullmatch(plain_text(value).strip())
        if not match:
            raise ValueError(f"{value!r} is not a time such as '30s', '10m', '12h' or '1d'")
        return cls(int(match[1]) * _TIMES[match[2]])

    def __str__(self) -> str:
        """Return the time in its largest whole unit."""
        unit = next(u for u in ("d", "h", "m", "s") if self.seconds % _TIMES[u] == 0)
        return f"{self.seconds // _TIMES[unit]}{unit}"


class Network(TextValue):
    """An address prefix: `10.0.0.0/8`."""

    __slots__ = ("prefix",)

    def __init__(self, prefix: Prefix) -> None:
        self.prefix = prefix

    @classmethod
    def parse(cls, value: object) -> Self:
        """Read the text form."""
        return cls(prefixes.parse(plain_text(value)))

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


class Target(TextValue):
    """A name with all below it, `=name` for itself alone, or an address or prefix."""

    __slots__ = ("exact", "name", "prefix")

    def __init__(
        self, *, name: bytes | None = None, exact: bool = False, prefix: Prefix | None = None
    ) -> None:
        self.name = name
        """In wire form; None: it is a prefix."""
        self.exact = exact
        self.prefix = prefix

    @classmethod
    def parse(cls, value: object) -> Self:
        """Read the text form."""
        text = plain_text(value).strip()
        if prefixes.is_meant(text):
            try:
                return cls(prefix=prefixes.parse(text))
            except PrefixFormError as error:
                raise ValueError(str(error)) from None
        try:
            return cls(name=names.parse(text.removeprefix("=")), exact=text.startswith("="))
        except NameFormError as error:
            raise ValueError(f"{text!r} is neither a name nor an address: {error}") from None

    def __str__(self) -> str:
        """Return the canonical text."""
        if self.name is None:
            return str(self.prefix)
        return ("=" if self.exact else "") + names.to_text(self.name)


class NeverItem(TextValue):
    """A target that no list may touch, or the path of a file with one a line."""

    __slots__ = ("path", "target")

    def __init__(self, *, target: Target | None = None, path: str = "") -> None:
        self.target = target
        self.path = path

    @classmethod
    def parse(cls, value: object) -> Self:
        """Read the text form: a path begins with `/`, `./` or `../`."""
        text = plain_text(value)
        if text.startswith(("/", "./", "../")):
            return cls(path=text)
        return cls(target=Target.parse(text))

    def __str__(self) -> str:
        """Return the text form."""
        return self.path or str(self.target)


class Size(TextValue):
    """A number of octets: `64MB` (1 MB is 2**20 octets)."""

    __slots__ = ("octets",)

    def __init__(self, octets: int) -> None:
        self.octets = octets

    @classmethod
    def parse(cls, value: object) -> Self:
        """Read the text form."""
        match = _SIZE.fullmatch(plain_text(value).strip())
        if not match:
            raise ValueError(f"{value!r} is not a size such as '64MB'")
        return cls(int(match[1]) * _UNITS[match[2] or "B"])

    def __str__(self) -> str:
        """Return the size in its largest whole unit."""
        unit = next(u for u in ("GB", "MB", "KB", "B") if self.octets % _UNITS[u] == 0)
        return f"{self.octets // _UNITS[unit]}{unit}"


def is_link(text: str) -> bool:
    """Tell whether a text is a URI that a person can follow, safe within `<...>` (RFC 3986 2)."""
    return _LINK.fullmatch(text) is not None


def plain_text(value: object) -> str:
    """Return a value that has to be a text; raises ValueError."""
    if not isinstance(value, str):
        raise ValueError(f"a text was expected, not {value!r}")  # noqa: TRY004 - msgspec reports ValueError with its place
    return value


def toml(value: object) -> str:
    """Return a value of the configuration as TOML writes it, on one line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Share) and value.number is not None:
        return str(value.number)
    if isinstance(value, Mapping):
        inside = ", ".join(f"{toml(key)} = {toml(each)}" for key, each in value.items())
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, str | TextValue):
        # A basic string of TOML 1.0 escapes as JSON does.
        return msgspec.json.encode(str(value)).decode()
    raise TypeError(f"{type(value).__name__} has no form in the configuration")
