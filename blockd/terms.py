"""The words that lists, configuration and both planes share. Enumerations only."""

from enum import StrEnum


class Action(StrEnum):
    """What the resolver does with a query for a listed name."""

    NXDOMAIN = "nxdomain"
    NODATA = "nodata"
    ZERO = "zero"
    REFUSED = "refused"
    DROP = "drop"
    TCP_ONLY = "tcp-only"
    ADDRESS = "address"
    RECORDS = "records"


class Basis(StrEnum):
    """On what ground a list stands; decides the extended DNS error (RFC 8914 4.16 to 4.18)."""

    ORDER = "order"
    POLICY = "policy"
    REQUEST = "request"


class Strategy(StrEnum):
    """Which of several upstreams is asked."""

    FASTEST = "fastest"
    ORDERED = "ordered"
    PARALLEL = "parallel"


class Denied(StrEnum):
    """What a client that may not ask is answered."""

    REFUSE = "refuse"
    DROP = "drop"


class Override(StrEnum):
    """What an operator says of a whole source in place of what it says itself."""

    GIVEN = "given"
    NXDOMAIN = "nxdomain"
    NODATA = "nodata"
    DROP = "drop"
    TCP_ONLY = "tcp-only"
    PASSTHRU = "passthru"
    DISABLED = "disabled"
    CNAME = "cname"
    """Followed by a name."""


class ListFormat(StrEnum):
    """The formats that lists are read in."""

    NATIVE = "native"
    DOMAINS = "domains"
    HOSTS = "hosts"
    ADBLOCK = "adblock"
    DNSMASQ = "dnsmasq"
    UNBOUND = "unbound"
    RPZ = "rpz"
    CSV = "csv"
    ADDRESSES = "addresses"


class Required(StrEnum):
    """What a guard may ask every platform to say."""

    REFERENCE = "reference"
    EXPIRES = "expires"
    AUTHORITY = "authority"
    CONTACT = "contact"


class RouteType(StrEnum):
    """The kind of null route (rtnetlink(7): RTN_BLACKHOLE, RTN_UNREACHABLE, RTN_PROHIBIT)."""

    BLACKHOLE = "blackhole"
    UNREACHABLE = "unreachable"
    PROHIBIT = "prohibit"
