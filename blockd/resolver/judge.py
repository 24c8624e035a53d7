"""Judges an upstream's answer by what it leads to and contains: names behind chains, addresses.

Bytes are peeked at and no message is built, since every answer from an upstream passes here.
The name asked is not judged here, nor decided what a verdict leads to. No time, no sockets.
"""

import struct
from collections.abc import Iterator

from blockd import names
from blockd.errors import FormError
from blockd.policy.reader import Covering, Policy, Verdict
from blockd.policy.shadow import Shadow
from blockd.resolver import wire
from blockd.resolver.reply import Answer
from blockd.resolver.wire import Query
from blockd.terms import Action
from blockd.watchlist.model import Rule

_RECORD = struct.Struct("!I4xH")  # type and class as one number, and the length
_COUNTS = struct.Struct("!HHH")  # answer, authority and additional
_PARAMETER = struct.Struct("!HH")  # key and length: RFC 9460 2.2

_ADDRESS = {wire.A << 16 | wire.IN: 4, wire.AAAA << 16 | wire.IN: 16}
"""Records of addresses, with the octets of one."""
_CNAME, _DNAME = wire.CNAME << 16 | wire.IN, wire.DNAME << 16 | wire.IN
_SERVICE = frozenset((wire.SVCB << 16 | wire.IN, wire.HTTPS << 16 | wire.IN))
_LEADING = _SERVICE | {_CNAME, _DNAME}

_HINTS = {4: 4, 6: 16}
"""The keys ipv4hint and ipv6hint, with the octets of an address (RFC 9460 7.3)."""


def judge(
    answer: Answer,
    query: Query,
    policy: Policy | Shadow,
    *,
    check_cname: bool,
    check_addresses: bool,
    default: Action = Action.NXDOMAIN,
    exceptions: Policy | None = None,
) -> Verdict | None:
    """Return the first verdict that blocks an answer; None where nothing in it is blocked.

    One that only sends the client to TCP gives way to a later one that blocks over TCP as well.
    A name on the way that an exception covers is not judged, nor what it holds and leads to: it
    would all be answered to whoever asks for that name.

    Never raises for any bytes: a malformed name or address matches nothing, and the search
    ends where records cannot be told apart.

    Args:
        answer: the upstream's.
        query: what was asked. Its own name is not judged; where an exception covers it, nothing
            is to be judged at all.
        policy: the policy in force, or what of it is counted only.
        check_cname: whether names that CNAME, DNAME, SVCB and HTTPS records lead to count,
            where the rule that lists them does not say.
        check_addresses: the same for addresses, those of ipv4hint and ipv6hint included.
        default: what is done where a rule names no action.
        exceptions: the policy in force, for its exceptions, where `policy` is the other one.

    Returns:
        A verdict that holds for the query's name alone: what the names below it lead to is
        not known, so they may not be denied (RFC 8020 2).
    """
    body = answer.body
    end = len(body)
    look_up = policy.match_address if policy.has_prefixes else None
    message = b""
    shift = 12 + len(query.question)
    weak: Verdict | None = None
    current = query.name  # how far the chain of aliases has led
    excepted: set[bytes] = set()  # names on the way that an exception covers, with what is behind
    at = 0
    try:
        for _ in range(answer.counts[0] << 8 | answer.counts[1]):
            owner = at
            at = at + 2 if body[at] >= 0xC0 else wire.skip_name(body, at)
            kind, length = _RECORD.unpack_from(body, at)
            start = at + 10
            at = start + length
            if at > end:
                return weak
            free = bool(excepted) and _holds(excepted, message, owner + shift, kind, current)
            addresses: tuple[bytes, ...] | Iterator[bytes] = ()
            size = _ADDRESS.get(kind)
            if size is not None:
                if size == length:
                    addresses = (body[start:at],)
            elif kind in _LEADING:
                if not message:
                    message = bytes(12) + query.question + body
                led_to = _target(message, owner + shift, kind, start + shift, at + shift, current)
                if led_to is None:
                    continue
                name, behind = led_to
                verdict = None if free else policy.match(name)
                if (
                    free
                    or _excepts(verdict)
                    or (exceptions is not None and _excepts(exceptions.match(name)))
                ):
                    excepted.add(name)
                elif verdict is not None and _blocks(
                    verdict.rule, own=verdict.rule.check_cname, configured=check_cname
                ):
                    verdict = verdict._replace(matched=query.name, alone=True)
                    if (verdict.rule.action or default) is not Action.TCP_ONLY:
                        return verdict
                    weak = weak or verdict
                if kind in _SERVICE:
                    addresses = _hints(message, behind, at + shift)
                else:
                    current = name
            if look_up is not None and not free:
                for packed in addresses:
                    found = look_up(packed)
                    if found is not None and _blocks(
                        found.rule, own=found.rule.check_addresses, configured=check_addresses
                    ):
                        if exceptions is not None and _excepts(exceptions.match_address(packed)):
                            continue
                        verdict = Verdict(found.rule, query.name, found.line, alone=True)
                        if (found.rule.action or default) is not Action.TCP_ONLY:
                            return verdict
                        weak = weak or verdict
    except (IndexError, struct.error, FormError):
        return weak
    return weak


def listed_beside(answer: Answer, query: Query, policy: Policy, *, check_addresses: bool) -> int:
    """Return where an answer's additional records begin, if one gives away what is listed.

    That is the address of a listed name, or a listed address. Nobody asked for these records
    (RFC 1034 3.7), so that the answer is as good without them, and is no reason to block it.

    Args:
        answer: the upstream's.
        query: what was asked, and is not blocked.
        policy: the policy in force.
        check_addresses: whether addresses count, where the rule that lists them does not say.

    Returns:
        An offset in the body; -1 where they may stay.
    """
    body = answer.body
    answers, authorities, more = _COUNTS.unpack(answer.counts)
    before = answers + authorities
    message = bytes(12) + query.question + body
    shift = len(message) - len(body)
    at = begin = 0
    try:
        for number in range(before + more):
            if number == before:
                begin = at
            owner = at
            at = wire.skip_name(body, at)
            kind, length = _RECORD.unpack_from(body, at)
            start = at + 10
            at = start + length
            if number < before or _ADDRESS.get(kind) != length:
                continue
            name = _name(message, owner + shift)
            verdict = policy.match(name[0]) if name is not None else None
            if verdict is not None:
                if not verdict.rule.allow:
                    return begin
                continue  # an exception covers what the name leads to
            found = policy.match_address(body[start:at]) if policy.has_prefixes else None
            if found is not None and _blocks(
                found.rule, own=found.rule.check_addresses, configured=check_addresses
            ):
                return begin
    except (IndexError, struct.error, FormError):
        pass
    return -1


def _holds(excepted: set[bytes], message: bytes, owner: int, kind: int, current: bytes) -> bool:
    """Tell whether a record is one of a name that an exception covers, or leads it on.

    By its owner, as nothing else in a message says whose it is.
    """
    read = _name(message, owner)
    if read is None:
        return False
    name = read[0]
    leads_on = kind == _DNAME and current in excepted
    return name in excepted or (leads_on and (not name or name in names.suffixes(current)))


def _excepts(found: Verdict | Covering | None) -> bool:
    """Tell whether an exception decides about a name or an address."""
    return found is not None and found.rule.allow


def _blocks(rule: Rule, *, own: bool | None, configured: bool) -> bool:
    """Tell whether a rule blocks what leads to its entries; `own` is its own word on that."""
    return not rule.allow and (configured if own is None else own)


def _target(
    message: bytes, owner: int, kind: int, start: int, end: int, current: bytes
) -> tuple[bytes, int] | None:
    """Return the name that a record leads to, and where the parameters behind it begin.

    Args:
        message: header, question and body.
        owner: the offset of the record's owner.
        kind: one of `_LEADING`.
        start: the offset of the record's data.
        end: the offset behind it.
        current: the name that the chain has led to so far.

    Returns:
        None where the data is malformed, or leads to no name.
    """
    if kind in _SERVICE:
        read = _name(message, start + 2)
        if read is None or read[1] > end:
            return None
        name, behind = read
        if message[start : start + 2] == b"\0\0":
            behind = end  # RFC 9460 2.4.2: AliasMode's parameters are ignored
        if not name:  # RFC 9460 2.5.2: the root stands for the owner
            read = _name(message, owner)
        return None if read is None else (read[0], behind)
    read = _name(message, start)
    if read is None or read[1] != end:
        return None
    if kind == _DNAME:
        above = _name(message, owner)
        redirected = None if above is None else _redirected(current, above[0], read[0])
        return None if redirected is None else (redirected, end)
    return read


def _redirected(name: bytes, owner: bytes, target: bytes) -> bytes | None:
    """Return where a DNAME leads a name below its owner: RFC 6672 2.2; None: nowhere.

    The target itself is not on the way of such a name. Any other name is not redirected, and
    the record shows its target.
    """
    if name == owner or (owner and owner not in names.suffixes(name)):
        return target
    redirected = name[: len(name) - len(owner)] + target
    return redirected if len(redirected) <= wire.LONGEST_NAME else None


def _name(message: bytes, at: int) -> tuple[bytes, int] | None:
    """Return a name in canonical form, and the offset behind it; None where it is malformed."""
    read = wire.whole_name(message, at)
    return None if read is None else (read[0].lower(), read[1])


def _hints(message: bytes, at: int, end: int) -> Iterator[bytes]:
    """Yield the addresses among the parameters of an SVCB or HTTPS record."""
    while at + 4 <= end:
        key, length = _PARAMETER.unpack_from(message, at)
        at += 4
        behind = at + length
        size = _HINTS.get(key)
        if size is not None and behind <= end and length % size == 0:
            for place in range(at, behind, size):
                yield message[place : place + size]
        at = behind
