"""What is asked: every listed and excepted name, names below it, canaries, ends of prefixes.

Reads the mapped policy as a stream, so that a million names take no memory. No network here.
"""

import secrets
from collections.abc import Iterator
from typing import NamedTuple

from blockd.config import Config
from blockd.policy.reader import Policy
from blockd.prefixes import WIDTH, Prefix
from blockd.resolver import wire
from blockd.routes.model import Kind
from blockd.terms import Action
from blockd.verify.asking import Asked
from blockd.verify.expected import OPEN, Expected, of_verdict
from blockd.watchlist.model import PrefixEntry

_LONGEST = 254
"""Octets of a name without the root's: RFC 1035 2.3.4."""


class Address(NamedTuple):
    """An address to try."""

    address: Prefix
    """Of full length."""
    kind: Kind | None
    """The null route that its packets are to meet; None: they are to pass."""
    what: str
    """As in `Asked`."""


def total(policy: Policy, config: Config, sample: int) -> int:
    """Return how many questions `names` yields at the most."""
    return len(policy) * (1 + sample) + len(config.guard.must_resolve + config.guard.must_block)


def names(policy: Policy, config: Config, sample: int) -> Iterator[Asked]:
    """Yield the questions about names: canaries first.

    Args:
        policy: the generation in force.
        config: the whole configuration.
        sample: how many names are made up below each entry that covers them.
    """
    yield from _canaries(policy, config)
    default = config.resolver.action
    for name, _ in policy.names():
        verdict = policy.match(name)
        if verdict is not None:
            what = "exceptions" if verdict.rule.allow else "names"
            yield Asked(name, wire.A, of_verdict(verdict, wire.A, default), what)
        for number in range(sample):
            below = b"\x0fverify-" + secrets.token_hex(4).encode() + name
            under = policy.match(below)
            if under is None or len(below) > _LONGEST:
                continue
            if under.rule.allow and verdict is not None and verdict.rule is under.rule:
                continue  # the name itself tells; one that is made up would only trouble upstreams
            what = "exceptions" if under.rule.allow else "names below"
            qtype = (wire.AAAA, wire.A)[number % 2]
            yield Asked(below, qtype, of_verdict(under, qtype, default), what)


def _canaries(policy: Policy, config: Config) -> Iterator[Asked]:
    for target in config.guard.must_resolve:
        if target.name is not None:
            yield Asked(target.name, wire.A, OPEN, "canaries")
    for target in config.guard.must_block:
        if target.name is not None:
            verdict = policy.match(target.name)
            expected = of_verdict(verdict, wire.A, config.resolver.action)
            # Blocked for what it leads to, perhaps, and by whatever rule.
            if expected.action is None:
                expected = Expected(Action.RECORDS)
            yield Asked(target.name, wire.A, expected, "canaries")


def addresses(policy: Policy, config: Config, needed: list[Prefix]) -> Iterator[Address]:
    """Yield first and last address of each prefix, where its entry decides about them.

    Args:
        policy: the generation in force.
        config: the whole configuration.
        needed: what is cut out of listed prefixes since the gateway needs it; not asked.
    """
    default = Kind(config.routes.type)
    for target in config.guard.must_resolve:
        if target.prefix is not None:
            yield Address(_ends(target.prefix)[0], None, "canaries")
    for target in config.guard.must_block:
        if target.prefix is not None:
            end = _ends(target.prefix)[0]
            entry = policy.match_prefix(end)
            kind = Kind(entry.rule.route or default) if entry else default
            yield Address(end, kind, "canaries")
    for entry in policy.prefixes():
        for end in _decided(policy, entry):
            if entry.rule.allow:
                yield Address(end, None, "excepted prefixes")
            elif not any(each.covers(end) for each in needed):
                yield Address(end, Kind(entry.rule.route or default), "prefixes")


def _decided(policy: Policy, entry: PrefixEntry) -> list[Prefix]:
    """Return the ends of a prefix about which no narrower entry decides."""
    found = []
    for end in dict.fromkeys(_ends(entry.prefix)):
        decides = policy.match_prefix(end)
        if decides is not None and decides.prefix == entry.prefix:
            found.append(end)
    return found


def _ends(prefix: Prefix) -> tuple[Prefix, Prefix]:
    width = WIDTH[prefix.family]
    return Prefix(prefix.family, prefix.network, width), Prefix(prefix.family, prefix.last, width)
