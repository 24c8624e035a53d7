"""What a client is to see of each entry, and whether what it saw is that. Pure.

Nothing is asked here; what packets say is read by `reading`, what the kernel says by `routes`.
"""

import errno
from enum import StrEnum
from typing import NamedTuple

from blockd.counting import counted
from blockd.policy.reader import Verdict
from blockd.resolver import wire
from blockd.routes.model import Kind
from blockd.terms import Action, Basis

CODES = {Basis.POLICY: 15, Basis.ORDER: 16, Basis.REQUEST: 17}
"""The extended error of each basis: RFC 8914 4.16 to 4.18."""

_REFUSES = 18
"""Of a client that may not ask: RFC 8914 4.19."""

OWN_ERRNO = {
    Kind.BLACKHOLE: errno.EINVAL,
    Kind.UNREACHABLE: errno.EHOSTUNREACH,
    Kind.PROHIBIT: errno.EACCES,
}
"""What the gateway's own programs get from the kernel for each type of route."""

ICMP = {
    (4, Kind.UNREACHABLE): (3, 1),
    (4, Kind.PROHIBIT): (3, 13),
    (6, Kind.UNREACHABLE): (1, 0),
    (6, Kind.PROHIBIT): (1, 1),
}
"""Type and code that a client is sent (RFC 792, RFC 1812 5.2.7.1, RFC 4443 3.1)."""


class Found(StrEnum):
    """How something stands."""

    RIGHT = "right"
    WRONG = "wrong"
    UNCLEAR = "unclear"
    """It could be asked, and the answer proves nothing."""


class Outcome(NamedTuple):
    """How one thing stands, and in what it differs."""

    found: Found
    why: str = ""


RIGHT = Outcome(Found.RIGHT)


class Said(NamedTuple):
    """What an answer says, as far as it matters here."""

    rcode: int
    truncated: bool
    codes: frozenset[int]
    """Of extended errors."""
    addresses: frozenset[str]
    records: int
    """In the answer section."""
    cookie: bytes
    """The server's, RFC 7873; empty: none."""

    @property
    def blocks(self) -> bool:
        """Tell whether it says that a block is in force."""
        return not self.codes.isdisjoint(CODES.values())


class Expected(NamedTuple):
    """What is to be answered."""

    action: Action | None
    """None: whatever the name has upstream, and no block."""
    code: int = 0
    """The extended error; 0: any of those that say that a block is in force."""
    addresses: frozenset[str] = frozenset()

    @property
    def silent(self) -> bool:
        """Tell whether no answer is the right one."""
        return self.action is Action.DROP


OPEN = Expected(None)


def of_verdict(verdict: Verdict | None, qtype: int, default: Action) -> Expected:
    """Return what a name is to be answered by the rule that decides about it.

    Args:
        verdict: None where nothing does.
        qtype: A or AAAA.
        default: the action where the rule has none.
    """
    if verdict is None or verdict.rule.allow:
        return OPEN
    rule = verdict.rule
    action = rule.action or default
    if action is Action.NXDOMAIN and verdict.alone:
        action = Action.NODATA  # RFC 8020: NXDOMAIN would deny what is below too
    addresses: frozenset[str] = frozenset()
    if action is Action.ADDRESS:
        addresses = frozenset(a for a in rule.addresses if (":" in a) == (qtype == wire.AAAA))
    elif action is Action.ZERO:
        addresses = frozenset({"::" if qtype == wire.AAAA else "0.0.0.0"})  # noqa: S104 - an answer
    return Expected(action, CODES[rule.basis], addresses)


def judge(expected: Expected, said: Said | None) -> Outcome:
    """Tell whether an answer is the expected one.

    Args:
        expected: what is to be answered.
        said: None: nothing came.
    """
    if expected.action is None:
        return _judge_open(said)
    if said is None:
        return RIGHT if expected.silent else Outcome(Found.WRONG, "no answer")
    wrong = _difference(expected, said)
    return Outcome(Found.WRONG, wrong) if wrong else RIGHT


def _judge_open(said: Said | None) -> Outcome:
    if said is None:
        return Outcome(Found.UNCLEAR, "no answer, from the resolver or its upstreams")
    if said.blocks:
        return Outcome(Found.WRONG, f"answered as blocked (EDE {_numbers(said.codes)})")
    if said.rcode == wire.SERVFAIL:
        return Outcome(Found.UNCLEAR, "SERVFAIL: upstreams have no answer")
    if said.rcode == wire.REFUSED:
        return Outcome(Found.WRONG, "REFUSED: may this host ask? see [resolver] allow")
    return RIGHT


def _difference(expected: Expected, said: Said) -> str:
    """Return in what an answer is not the one of a block; empty: it is."""
    action = expected.action
    rcodes = {Action.NXDOMAIN: wire.NXDOMAIN, Action.REFUSED: wire.REFUSED}
    wanted = wire.NOERROR if action is None else rcodes.get(action, wire.NOERROR)
    # Local data may lead to a walled garden, whose answer is passed on as it is.
    local = action is Action.RECORDS
    wrong = ""
    if _REFUSES in said.codes:
        wrong = "refused to this host: see [resolver] allow"
    elif not said.blocks:
        held = counted(said.records, "record")
        wrong = f"answered as if it were not listed (rcode {said.rcode}, {held})"
    elif action is Action.DROP:
        wrong = "an answer, where none is to be given"
    elif expected.code and expected.code not in said.codes:
        wrong = f"EDE {_numbers(said.codes)} instead of {expected.code}"
    elif said.rcode != wanted and not local:
        wrong = f"rcode {said.rcode} instead of {wanted} for `{action}`"
    elif action is Action.TCP_ONLY and not said.truncated:
        wrong = "no TC, which would send the client to TCP"
    elif said.addresses != expected.addresses and not local:
        wrong = f"addresses {_texts(said.addresses)} instead of {_texts(expected.addresses)}"
    return wrong


def judge_own(kind: Kind | None, code: int) -> Outcome:
    """Tell whether a datagram of the gateway's own met what it should.

    Args:
        kind: the null route; None: it is to pass.
        code: the error number of sending it; 0: it was sent.
    """
    if kind is None:
        # ENETUNREACH: no route of anybody leads there, which is not a block.
        blocked = code in OWN_ERRNO.values()
        return Outcome(Found.WRONG, f"cannot be sent: {_error(code)}") if blocked else RIGHT
    if code == OWN_ERRNO[kind]:
        return RIGHT
    return Outcome(
        Found.WRONG, f"a datagram gets {_error(code)} instead of {_error(OWN_ERRNO[kind])}"
    )


class Heard(NamedTuple):
    """What came back to a probe."""

    source: str
    icmp: tuple[int, int] | None
    """Type and code; None: an answer of the destination itself."""

    def __str__(self) -> str:
        """Return it in words."""
        said = "an answer" if self.icmp is None else f"ICMP {self.icmp[0]}/{self.icmp[1]}"
        return f"{said} from {self.source}"


def judge_probe(
    family: int, kind: Kind | None, heard: Heard | None, *, answers: bool = False
) -> Outcome:
    """Tell whether a probe from a client met what it should.

    A gateway bounds how much ICMP it sends (icmp_ratelimit), so that silence is right for each
    type, and nothing else but the type's own ICMP is.

    Args:
        family: 4 or 6.
        kind: the null route; None: it is to pass.
        heard: what came back; None: nothing.
        answers: whether other addresses that are to pass were heard of.
    """
    if kind is None:
        if heard is None:
            found = Found.WRONG if answers else Found.UNCLEAR
            return Outcome(
                found, "nothing came back" + (", though it does from others" if answers else "")
            )
        refused = heard.icmp == ICMP[family, Kind.PROHIBIT]
        return Outcome(Found.WRONG, f"refused: {heard}") if refused else RIGHT
    told = heard is not None and heard.icmp is not None and heard.icmp == ICMP.get((family, kind))
    if heard is None or told:
        return RIGHT
    return Outcome(Found.WRONG, f"a packet got past the {kind} route: {heard}")


def _error(code: int) -> str:
    return errno.errorcode.get(code, str(code)) if code else "sent"


def _numbers(codes: frozenset[int]) -> str:
    return ", ".join(map(str, sorted(codes)))


def _texts(addresses: frozenset[str]) -> str:
    return ", ".join(sorted(addresses)) or "none"
