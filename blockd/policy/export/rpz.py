"""A response policy zone, for BIND, Unbound, Knot Resolver and the PowerDNS Recursor.

Names are relative, so that it loads under any zone name. A wildcard of DNS ends at the next name
that exists (RFC 4592 2.2.1), so names between an entry and the one above it are written out.
"""

from collections.abc import Iterator
from itertools import chain, groupby

from blockd.policy.export.contents import Contents, blocks
from blockd.prefixes import Prefix
from blockd.terms import Action
from blockd.watchlist.model import Rule

_TARGET = {
    Action.NXDOMAIN: ".",
    Action.NODATA: "*.",
    Action.DROP: "rpz-drop.",
    Action.TCP_ONLY: "rpz-tcp-only.",
}
_REFUSED = "entries answered NODATA instead of REFUSED, which a zone has no word for"
_FOLLOWED = "names that block answers which lead to them too, as a zone always does"
_UNJUDGED = "prefixes left out, since answers with their addresses are not blocked here"


def lines(contents: Contents) -> Iterator[str]:
    """Yield the zone's lines."""
    yield from contents.header(";", "Response policy zone")
    yield f"$TTL {contents.ttl}"
    number = contents.record.number & 0xFFFFFFFF
    yield f"@ SOA localhost. nobody.invalid. {number} 3600 600 86400 {contents.ttl}"
    yield "@ NS localhost."
    known: dict[tuple[int, bool], tuple[str, ...]] = {}

    def said(rule: Rule, *, alone: bool) -> tuple[str, ...]:
        if not rule.allow and contents.action(rule, alone=alone) is Action.REFUSED:
            contents.lose(_REFUSED)
        key = id(rule), alone
        if key not in known:
            known[key] = _records(contents, rule, alone=alone)
        return known[key]

    for listed in chain(contents.names(), contents.between()):
        text = listed.text
        if any(blocks(rule) and not contents.follows(rule) for rule in listed[1:3]):
            contents.lose(_FOLLOWED)
        if listed.itself is not None:
            for record in said(listed.itself, alone=listed.alone):
                yield f"{text}{record}"
        if listed.below is not None:
            for record in said(listed.below, alone=False):
                yield f"*.{text}{record}"
    for entry in contents.prefixes():
        if not entry.rule.allow and not contents.judges(entry.rule):
            contents.lose(_UNJUDGED)
            continue
        for record in said(entry.rule, alone=True):
            yield f"{encoded(entry.prefix)}{record}"
    yield from contents.footer(";")


def encoded(prefix: Prefix) -> str:
    """Return a prefix as an owner within the zone, in the one form that BIND takes."""
    if prefix.family == 4:
        labels = [str(octet) for octet in prefix.network.to_bytes(4, "big")]
    else:
        words = [f"{prefix.network >> shift & 0xFFFF:x}" for shift in range(112, -1, -16)]
        # `zz` is the longest run of zeros, the first of equal ones, and no single one.
        runs = [(len(list(run)), zero) for zero, run in groupby(word == "0" for word in words)]
        longest = max((length for length, zero in runs if zero), default=0)
        labels = words
        at = 0
        for length, zero in runs if longest > 1 else ():
            if zero and length == longest:
                labels = [*words[:at], "zz", *words[at + length :]]
                break
            at += length
    return ".".join((str(prefix.length), *reversed(labels), "rpz-ip"))


def _records(contents: Contents, rule: Rule, *, alone: bool) -> tuple[str, ...]:
    """Return what follows the owner on each of a rule's lines."""
    if rule.allow:
        return (" CNAME rpz-passthru.",)
    action = contents.action(rule, alone=alone)
    ttl = "" if rule.ttl is None else f" {rule.ttl}"
    if action is Action.RECORDS:
        return tuple(f"{ttl} {record}" for record in rule.records)
    addresses = contents.addresses(rule, action)
    if addresses:
        return tuple(f"{ttl} {'AAAA' if ':' in each else 'A'} {each}" for each in addresses)
    return (f" CNAME {_TARGET.get(action, '*.')}",)
