"""What the resolver says of its own: sinkhole answers and errors, as templates by dnslib.

A template is built once a rule and kind of question; answering stamps the client's ID, flags
and question in front of it. No cache of whole packets and no sockets here.
"""

import struct
from collections.abc import Iterable
from typing import Final, NamedTuple

import dnslib

from blockd import records
from blockd.policy.reader import Verdict
from blockd.resolver import extended, wire
from blockd.resolver.local_data import NONE, LocalData
from blockd.resolver.reply import Answer
from blockd.resolver.splice import splice
from blockd.resolver.wire import Query
from blockd.terms import Action, Basis
from blockd.watchlist.model import Rule

_CODES = {
    Basis.ORDER: extended.CENSORED,
    Basis.POLICY: extended.BLOCKED,
    Basis.REQUEST: extended.FILTERED,
}

_MOST_TEMPLATES: Final = 20_000
_HINFO: Final = 13

MINIMAL_ANY = b"\7RFC8482\0"
"""The data of the HINFO record that answers ANY: RFC 8482 4.2."""

_HEAD = struct.Struct("!HH")
_COOKIE = struct.pack("!HH", wire.COOKIE, 24)


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
        self._local = LocalData()

    def action(self, verdict: Verdict) -> Action:
        """Return what is done with a query that a rule blocks.

        Denying a name denies all below it (RFC 8020), so a verdict that holds for one name
        alone gets NODATA where its subtree would get NXDOMAIN.
        """
        action = verdict.rule.action or self._action
        return Action.NODATA if action is Action.NXDOMAIN and verdict.alone else action

    def garden(self, verdict: Verdict, qtype: int = wire.A) -> bytes | None:
        """Return the name that a rule sends to instead, for a question that follows it there.

        Its answer is to be had upstream and put together by `spliced`.

        Returns:
            The target of the rule's CNAME, in canonical wire form; None: `sinkhole` says all,
            as it does where the CNAME itself was asked for (RFC 1034 3.6.2).
        """
        if qtype in {wire.CNAME, wire.ANY} or self.action(verdict) is not Action.RECORDS:
            return None
        return self._local.target(verdict.rule)

    def sinkhole(
        self, query: Query, verdict: Verdict, limit: int, cookie: bytes = b""
    ) -> bytes | None:
        """Return the answer to a query for a listed name; None where it is to be dropped.

        Args:
            query: the query.
            verdict: the rule that matched it; not an exception.
            limit: the most octets that the transport and the client take.
            cookie: the server cookie, for a query that has one.
        """
        action = self.action(verdict)
        if action is Action.DROP:
            return None
        rule = verdict.rule
        if action is Action.RECORDS:
            kind = self._local.kind(rule, query.qtype)
        else:
            kind = query.qtype if query.qtype in (wire.A, wire.AAAA) else NONE
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
        # RFC 2181 9: TC sends the client to TCP, where the name is answered as any other.
        flags = wire.TC if action is Action.TCP_ONLY else 0
        return assemble(
            query, template.rcode, template.counts, body, template.options, limit, flags, cookie
        )

    def _template(self, rule: Rule, action: Action, kind: int) -> Template:
        ttl = self._ttl if rule.ttl is None else rule.ttl
        options = extended.error(_CODES[rule.basis], _text(rule))
        if action is Action.REFUSED:
            return Template(wire.REFUSED, bytes(4), b"", -1, options)
        if action is Action.TCP_ONLY:
            return Template(wire.NOERROR, bytes(4), b"", -1, options)
        rcode = wire.NXDOMAIN if action is Action.NXDOMAIN else wire.NOERROR
        found = self._found(rule, action, kind)
        if found:
            options = extended.error(extended.FORGED, "") + options
            body = packed(_HINFO if kind == wire.ANY else kind, found, ttl)
            return Template(rcode, struct.pack("!HH", len(found), 0), body, -1, options)
        # RFC 2308 3: without an SOA nobody downstream may cache the denial. Its names
        # share no suffix, so that nothing in it points into the question but its owner.
        soa = dnslib.SOA("localhost.", "nobody.invalid.", (self._serial, 3600, 600, 86400, ttl))
        return Template(rcode, struct.pack("!HH", 0, 1), packed(wire.SOA, [soa], ttl), 0, options)

    def _found(self, rule: Rule, action: Action, kind: int) -> list[dnslib.RD]:
        """Return the data of the records that answer a question."""
        if kind == NONE:
            return []
        if action is Action.RECORDS:
            # RFC 8482 4.2: ANY gets one small record instead of all.
            held = [MINIMAL_ANY] if kind == wire.ANY else self._local.of(rule)[kind]
            return [dnslib.RD(data) for data in held]
        addresses: tuple[str, ...] = ()
        if action is Action.ADDRESS:
            addresses = tuple(a for a in rule.addresses if (":" in a) == (kind == wire.AAAA))
        elif action is Action.ZERO:
            addresses = ("::",) if kind == wire.AAAA else ("0.0.0.0",)  # noqa: S104 - an answer
        return [(dnslib.AAAA if kind == wire.AAAA else dnslib.A)(a) for a in addresses]


def packed(rtype: int, found: Iterable[dnslib.RD], ttl: int) -> bytes:
    """Return records of one type as they follow the question of any name, their owner.

    Names in their data that are `x.` point to that owner too.
    """
    message = dnslib.DNSRecord(q=dnslib.DNSQuestion("x."))
    question = len(message.pack())
    for data in found:
        message.add_answer(dnslib.RR("x.", rtype, ttl=ttl, rdata=data))
    return bytes(message.pack())[question:]


def spliced(
    query: Query,
    rule: Rule,
    target: Answer | None,
    ttl: int,
    limit: int,
    age: int = 0,
    cookie: bytes = b"",
    *,
    withheld: bool = False,
) -> bytes:
    """Return the answer to a query for a name whose rule sends to another name.

    Args:
        query: the query.
        rule: one with a CNAME, as `Answers.garden` says.
        target: the upstream's answer to the same question for the target; None: none was had.
        ttl: the CNAME's where the rule has none of its own, in seconds.
        limit: the most octets that the transport and the client take.
        age: seconds since the upstream's answer came.
        cookie: the server cookie, for a query that has one.
        withheld: there is an answer for the target, and another rule blocks it: the CNAME alone.
    """
    if withheld:
        target = None
    cname = next(
        record.rdata for record in map(records.parse, rule.records) if record.rtype == wire.CNAME
    )
    own_ttl = ttl if rule.ttl is None else rule.ttl
    found = splice(cname, own_ttl, target, len(query.question), age)
    options = extended.error(extended.FORGED, "") + extended.error(_CODES[rule.basis], _text(rule))
    if target is not None:
        options += target.options
    elif not withheld:
        options += extended.error(extended.NO_REACHABLE, "no upstream answered for the target")
    flags = target.flags & wire.TC if target is not None else 0
    return assemble(query, found.rcode, found.counts, found.body, options, limit, flags, cookie)


def assemble(
    query: Query,
    rcode: int,
    counts: bytes,
    body: bytes,
    options: bytes,
    limit: int,
    flags: int = 0,
    cookie: bytes = b"",
) -> bytes:
    """Put a reply together: header, the client's question, records, and OPT when it was asked.

    Args:
        query: whose ID, flags, question and EDNS are echoed.
        rcode: the full code; what exceeds four bits goes into OPT (RFC 6891 6.1.3).
        counts: answer and authority counts in wire form, or with the additional count too.
        body: the records.
        options: OPT's options: extended errors alone, which are cut short, or left out, when
            space is (RFC 8914 3).
        limit: the most octets allowed.
        flags: further header flags, such as AD.
        cookie: the server cookie, sent back behind the client's where the query has one
            (RFC 7873 5.2); always the last option.
    """
    flags |= wire.QR | wire.RA | query.flags & (wire.RD | wire.CD) | rcode & 0xF
    additional = int.from_bytes(counts[4:6], "big")
    edns = query.edns
    last = b""
    size = 12 + len(query.question) + len(body)
    if edns is not None:
        if edns.cookie and cookie:
            last = _COOKIE + edns.cookie[:8] + cookie
        size += 11 + len(last)
    if size > limit:
        # RFC 2181 9: an emptied message with TC says that TCP has the whole one.
        flags |= wire.TC
        size -= len(body)
        counts, body, additional = bytes(4), b"", 0
    opt = b""
    if edns is not None:
        additional += 1
        if size + len(options) > limit:
            options = extended.shortened(options, limit - size)
        options += last
        ttl = (rcode >> 4) << 24 | edns.flags
        opt = b"\0" + wire.RECORD.pack(wire.OPT, wire.OWN_UDP, ttl, len(options)) + options
    return b"".join(
        (query.id, _HEAD.pack(flags, 1), counts[:4], additional.to_bytes(2, "big"),
         query.question, body, opt)
    )  # fmt: skip


def error(query: Query, rcode: int, limit: int, options: bytes = b"", cookie: bytes = b"") -> bytes:
    """Return a reply without records."""
    return assemble(query, rcode, bytes(4), b"", options, limit, cookie=cookie)


def _text(rule: Rule) -> str:
    """Name the platform and on whose word it is blocked."""
    word = rule.reference or rule.authority or rule.list_name
    return f"{rule.id}: {word}" if word else rule.id
