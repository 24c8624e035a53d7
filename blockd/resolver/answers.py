"""What the resolver says of its own: sinkhole answers and errors, as templates by dnslib.

A template is built once a rule and kind of question; answering stamps the client's ID, flags
and question in front of it. No cache of whole packets and no sockets here.
"""

import struct
from typing import NamedTuple

import dnslib

from blockd.policy.reader import Verdict
from blockd.resolver import wire
from blockd.resolver.wire import Query
from blockd.terms import Action, Basis
from blockd.watchlist.model import Rule

EDE_FORGED, EDE_BLOCKED, EDE_CENSORED, EDE_FILTERED, EDE_PROHIBITED = 4, 15, 16, 17, 18
EDE_NOT_READY, EDE_NO_REACHABLE = 14, 22

_CODES = {
    Basis.ORDER: EDE_CENSORED,
    Basis.POLICY: EDE_BLOCKED,
    Basis.REQUEST: EDE_FILTERED,
}

TEXT_OCTETS = 120
"""The longest EDE text: with the longest name and the SOA it still fits 512 octets."""

_MOST_TEMPLATES = 20_000


class Template(NamedTuple):
    """The part of an answer that does not depend on who asks for which name below the entry."""

    rcode: int
    counts: bytes
    """Answer and authority counts, wire form."""
    body: bytes
    """Answer and authority records."""
    soa_owner: int
    """Offset in the body of the pointer to the SOA's owner; -1 without SOA."""
    options: bytes
    """OPT's options: the extended errors."""


class Answers:
    """Makes answers for one generation and one set of defaults."""

    def __init__(self, action: Action, ttl: int, serial: int) -> None:
        """Set what applies where the list says nothing, and the SOA's serial."""
        self._action = action
        self._ttl = ttl
        self._serial = serial & 0xFFFFFFFF
        self._templates: dict[tuple[int, int, bool], tuple[Rule, Template]] = {}

    def action(self, verdict: Verdict) -> Action:
        """Return what is done with a query that a rule blocks.

        Denying a name denies all below it (RFC 8020), so a verdict that holds for one name
        alone gets NODATA where its subtree would get NXDOMAIN.
        """
        action = verdict.rule.action or self._action
        return Action.NODATA if action is Action.NXDOMAIN and verdict.alone else action

    def sinkhole(self, query: Query, verdict: Verdict, limit: int) -> bytes | None:
        """Return the answer to a query for a listed name; None where it is to be dropped.

        Args:
            query: the query.
            verdict: the rule that matched it; not an exception.
            limit: the most octets that the transport and the client take.
        """
        action = self.action(verdict)
        if action is Action.DROP:
            return None
        rule = verdict.rule
        kind = query.qtype if query.qtype in (wire.A, wire.AAAA) else 0
        key = id(rule), kind, verdict.alone
        found = self._templates.get(key)
        if found is None:
            if len(self._templates) >= _MOST_TEMPLATES:
                self._templates.clear()
            # The rule is kept beside its template, so that its identity stays its own.
            found = self._templates[key] = (rule, self._template(rule, action, kind))
        template = found[1]
        body = template.body
        if template.soa_owner >= 0:
            owner = 0xC00C + len(query.name) - len(verdict.matched)
            at = template.soa_owner
            body = body[:at] + owner.to_bytes(2, "big") + body[at + 2 :]
        return assemble(query, template.rcode, template.counts, body, template.options, limit)

    def _template(self, rule: Rule, action: Action, kind: int) -> Template:
        addresses: tuple[str, ...] = ()
        if action is Action.ADDRESS:
            addresses = tuple(a for a in rule.addresses if (":" in a) == (kind == wire.AAAA))
        elif action is Action.ZERO:
            addresses = ("::",) if kind == wire.AAAA else ("0.0.0.0",)  # noqa: S104 - an answer
        if kind == 0:
            addresses = ()
        ttl = self._ttl if rule.ttl is None else rule.ttl
        options = extended_error(_CODES[rule.basis], _text(rule))
        if action is Action.REFUSED:
            return Template(wire.REFUSED, bytes(4), b"", -1, options)
        if addresses:
            options = extended_error(EDE_FORGED, "") + options
        rcode = wire.NXDOMAIN if action is Action.NXDOMAIN else wire.NOERROR
        body, soa_owner = self._records(addresses, kind, ttl)
        counts = struct.pack("!HH", len(addresses), 0 if addresses else 1)
        return Template(rcode, counts, body, soa_owner, options)

    def _records(self, addresses: tuple[str, ...], kind: int, ttl: int) -> tuple[bytes, int]:
        """Return packed records as they follow the question of any name, and the SOA's place."""
        message = dnslib.DNSRecord(q=dnslib.DNSQuestion("x.", kind or wire.A))
        question = len(message.pack())
        for address in addresses:
            data = dnslib.AAAA(address) if kind == wire.AAAA else dnslib.A(address)
            message.add_answer(dnslib.RR("x.", kind, ttl=ttl, rdata=data))
        if not addresses:
            # RFC 2308 3: without an SOA nobody downstream may cache the denial. Its names
            # share no suffix, so that nothing in it points into the question but its owner.
            data = dnslib.SOA(
                "localhost.", "nobody.invalid.", (self._serial, 3600, 600, 86400, ttl)
            )
            message.add_auth(dnslib.RR("x.", wire.SOA, ttl=ttl, rdata=data))
        return message.pack()[question:], -1 if addresses else 0


def assemble(
    query: Query, rcode: int, counts: bytes, body: bytes, options: bytes, limit: int, flags: int = 0
) -> bytes:
    """Put a reply together: header, the client's question, records, and OPT when it was asked.

    Args:
        query: whose ID, flags, question and EDNS are echoed.
        rcode: the full code; what exceeds four bits goes into OPT (RFC 6891 6.1.3).
        counts: answer and authority counts in wire form, or with the additional count too.
        body: the records.
        options: OPT's options, given up first when space is short (RFC 8914 3).
        limit: the most octets allowed.
        flags: further header flags, such as AD.
    """
    flags |= wire.QR | wire.RA | query.flags & (wire.RD | wire.CD) | rcode & 0xF
    additional = int.from_bytes(counts[4:6], "big")
    opt = b""
    edns = query.edns
    if edns is not None:
        additional += 1
        head = 12 + len(query.question) + len(body) + 11
        if head + len(options) > limit:
            options = b""
        ttl = (rcode >> 4) << 24 | edns.flags
        opt = b"\0" + wire.RECORD.pack(wire.OPT, wire.OWN_UDP, ttl, len(options)) + options
    size = 12 + len(query.question) + len(body) + len(opt)
    if size > limit:
        # RFC 2181 9: an emptied message with TC says that TCP has the whole one.
        flags |= wire.TC
        counts, body, additional = bytes(4), b"", 1 if opt else 0
    return b"".join(
        (query.id, struct.pack("!HH", flags, 1), counts[:4], struct.pack("!H", additional),
         query.question, body, opt)
    )  # fmt: skip


def error(query: Query, rcode: int, limit: int, options: bytes = b"") -> bytes:
    """Return a reply without records."""
    return assemble(query, rcode, bytes(4), b"", options, limit)


def extended_error(code: int, text: str) -> bytes:
    """Return an extended DNS error as an EDNS option (RFC 8914 2), its text cut to fit."""
    octets = text.encode()[:TEXT_OCTETS].decode(errors="ignore").encode()
    return struct.pack("!HHH", wire.EDE, 2 + len(octets), code) + octets


def _text(rule: Rule) -> str:
    """Name the platform and on whose word it is blocked."""
    word = rule.reference or rule.authority or rule.list_name
    return f"{rule.id}: {word}" if word else rule.id
