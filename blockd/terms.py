"""The words that lists, configuration and both planes share. Enumerations only."""

from enum import StrEnum


class Action(StrEnum):
    """What the resolver does with a query for a listed name."""

    NXDOMAIN = "nxdomain"
    NODATA = "nodata"
    ZERO = "zero"
    REFUSED = "refused"
    DROP = "drop"
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


class RouteType(StrEnum):
    """The kind of null route (rtnetlink(7): RTN_BLACKHOLE, RTN_UNREACHABLE, RTN_PROHIBIT)."""

    BLACKHOLE = "blackhole"
    UNREACHABLE = "unreachable"
    PROHIBIT = "prohibit"
