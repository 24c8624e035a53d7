"""What routes, rules and plans are made of, in the kernel's terms. Types alone, no decisions."""

from enum import StrEnum
from typing import NamedTuple

from blockd.prefixes import Prefix


class Kind(StrEnum):
    """What a route of ours does with a packet; linux/rtnetlink.h, rtm_type."""

    BLACKHOLE = "blackhole"
    UNREACHABLE = "unreachable"
    PROHIBIT = "prohibit"
    THROW = "throw"
    """A hole: the lookup goes on in the next table, as if ours held nothing."""


METRIC = {4: 0, 6: 1}
"""The metric of our routes by family: the lowest there is, so that no foreign route of the same
prefix wins by accident. IPv6 reads 0 as its default of 1024 (linux/ipv6_route.h)."""


class Route(NamedTuple):
    """A route as the kernel shows it."""

    prefix: Prefix
    kind: Kind | None
    """None: a type that blockd never installs, such as a unicast route."""
    protocol: int
    """Who made it: rtm_protocol."""
    metric: int

    def __str__(self) -> str:
        """Return type, prefix, and whose it is."""
        return f"{self.kind or 'route'} {self.prefix}, protocol {self.protocol}"


class Install(NamedTuple):
    """A route to add, or to put in the place of one of ours with another type."""

    prefix: Prefix
    kind: Kind
    replaces: bool

    def __str__(self) -> str:
        """Return type and prefix."""
        return f"{self.kind} {self.prefix}"


class Plan(NamedTuple):
    """The changes that make the table right, and what was found on the way."""

    installs: tuple[Install, ...]
    """Narrowest first."""
    withdrawals: tuple[Route, ...]
    """Ours alone, widest first; to be carried out after all installs."""
    kept: int
    foreign: tuple[Route, ...]
    """Routes of others in our table: reported, never changed."""
    occupied: tuple[Prefix, ...]
    """Desired, but a foreign route holds the very place: not installed."""

    @property
    def empty(self) -> bool:
        """Tell that the table is as near to right as it can be."""
        return not self.installs and not self.withdrawals


class FibRule(NamedTuple):
    """A routing policy rule as the kernel shows it."""

    family: int
    """4 or 6."""
    preference: int
    table: int
    protocol: int
    plain: bool
    """It selects every packet and does nothing but look a table up."""
    action: str = "lookup"
    """`lookup`, `l3mdev` (the table of the packet's VRF), `goto`, or what ends a lookup."""
    selective: bool = False
    """It leaves packets to the rules behind it: by a selector, or by suppressing routes."""
    target: int = 0
    """The preference that `goto` leads to."""

    def __str__(self) -> str:
        """Return which rule it is, and whose."""
        return f"rule for IPv{self.family}, preference {self.preference}, protocol {self.protocol}"


class RulePlan(NamedTuple):
    """The changes that leave exactly one rule for our table in each family."""

    add: tuple[int, ...]
    """Families."""
    remove: tuple[FibRule, ...]
    """Ours alone."""
    foreign: tuple[FibRule, ...]
    """Rules of others which look our table up."""

    @property
    def empty(self) -> bool:
        """Tell that the rules are right."""
        return not self.add and not self.remove


class Cut(NamedTuple):
    """A listed prefix that touches what must stay reachable."""

    protected: Prefix
    why: str
    entry: Prefix
    """The route around the hole, or the one that was left out."""
    whole: bool
    """The entry lies whole within the protected network and is not installed."""
