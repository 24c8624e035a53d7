"""Which of the kernel's notices are let through to us: a classic BPF program. Pure.

It runs in the kernel, on behalf of whoever changed something, so that a full routing table of
churn never wakes this process. Instructions: linux/bpf_common.h, linux/filter.h, bpf(4).
"""

from collections.abc import Collection, Iterable
from typing import NamedTuple

from blockd.prefixes import WIDTH, Prefix
from blockd.routes import host, messages

LOAD, LOAD_HALF, LOAD_OCTET, LOAD_AT_X = 0x20, 0x28, 0x30, 0x40
SET_A, SET_X, TO_X, AND, JUMP, IF_EQUAL, RETURN = 0x00, 0x01, 0x07, 0x54, 0x05, 0x15, 0x06
FIND_ATTRIBUTE = 0xFFFFF000 + 12  # SKF_AD_OFF + SKF_AD_NLATTR

MOST = {4: 400, 6: 150}
"""Prefixes by family whose gateways can be told apart: a program has at most 4096 instructions."""

_MOST_TABLES = 50  # a jump leads 255 instructions ahead at most

# Offsets in a notice: nlmsghdr, then rtmsg or ifinfomsg.
_TYPE, _PORT = 4, 12
_FAMILY, _LENGTH, _LOW_TABLE, _PROTOCOL, _KIND = 16, 17, 20, 21, 23
_LINK, _LINK_ATTRIBUTES, _ROUTE_ATTRIBUTES = 20, 32, 28
_LOOPBACK = 1  # the interface's index in every network namespace
_LINK_INFO = 18
_ALL = 0xFFFFFFFF
_BY_HAND = (3, 4)  # linux/rtnetlink.h: boot (what `ip` writes), static

Instruction = tuple[int, int, int, int]
"""Code, jump if true, jump if false, operand."""


class _Step(NamedTuple):
    code: int
    operand: int

    to: str = ""
    """Where JUMP goes, and IF_EQUAL if it is; else, and without, to the next step."""


def program(
    tables: Collection[int],
    own_port: int,
    spared: Iterable[Prefix] = (),
    others: Collection[int] | None = None,
) -> list[Instruction]:
    """Return the filter.

    Let through: every change in our tables that is not our own; changes of rules, addresses,
    nexthop objects, loopback and of links that may be tunnels; and of others' routes those that
    may teach something: default routes and connected networks that come or go, new routes by a
    gateway outside of what is protected already, and routes by several gateways, or by one of
    the other family, that no routing daemon made. Those that one made are too many to read, and
    here they cannot be told apart.

    Args:
        tables: the numbers of our tables.
        own_port: the netlink port of the socket by which we change things ourselves.
        spared: prefixes that are protected already, best without those inside of others.
        others: the tables of others that the host goes by; None: all there may be.
    """
    new, gone = _turned(messages.NEW_ROUTE, 2), _turned(messages.DEL_ROUTE, 2)
    link, unlink = _turned(messages.NEW_LINK, 2), _turned(messages.DEL_LINK, 2)
    heeded = others if others is not None and len(others) <= _MOST_TABLES else None
    steps: dict[str, list[_Step]] = {
        "start": [
            _Step(LOAD, _PORT),
            _Step(IF_EQUAL, _turned(own_port, 4), "reject"),
            _Step(LOAD_HALF, _TYPE),
            _Step(IF_EQUAL, new, "route"),
            _Step(IF_EQUAL, gone, "route"),
            _Step(IF_EQUAL, link, "link"),
            _Step(IF_EQUAL, unlink, "link"),
            _Step(RETURN, _ALL),
        ],
        "link": [
            _Step(LOAD, _LINK),
            _Step(IF_EQUAL, _turned(_LOOPBACK, 4), "accept"),
            *_find(_LINK_INFO, _LINK_ATTRIBUTES),
            _Step(IF_EQUAL, 0, "reject"),
            _Step(RETURN, _ALL),
        ],
        "route": [
            *_find(messages.TABLE, _ROUTE_ATTRIBUTES),
            # Without the attribute, the header's octet counts.
            _Step(IF_EQUAL, 0, "low table"),
            _Step(TO_X, 0),
            _Step(LOAD_AT_X, 4),
            *(_Step(IF_EQUAL, _turned(table, 4), "accept") for table in tables),
            *(_Step(IF_EQUAL, _turned(table, 4), "elsewhere") for table in heeded or ()),
            _Step(JUMP, 0, "reject" if heeded is not None else "elsewhere"),
        ],
        "low table": [
            _Step(LOAD_OCTET, _LOW_TABLE),
            *(_Step(IF_EQUAL, table, "accept") for table in tables if table < 256),
            *(_Step(IF_EQUAL, table, "elsewhere") for table in heeded or () if table < 256),
            _Step(JUMP, 0, "reject" if heeded is not None else "elsewhere"),
        ],
        "elsewhere": [
            _Step(LOAD_OCTET, _KIND),
            _Step(IF_EQUAL, messages.UNICAST, "unicast"),
            _Step(RETURN, 0),
        ],
        "unicast": [
            _Step(LOAD_OCTET, _LENGTH),
            _Step(IF_EQUAL, 0, "accept"),
            *_find(messages.GATEWAY, _ROUTE_ATTRIBUTES),
            _Step(IF_EQUAL, 0, "device"),
            _Step(LOAD_HALF, _TYPE),
            _Step(IF_EQUAL, gone, "reject"),
            *_find(messages.GATEWAY, _ROUTE_ATTRIBUTES),
            _Step(JUMP, 0, "gateway"),
        ],
        "device": [
            _Step(LOAD_OCTET, _PROTOCOL),
            *(_Step(IF_EQUAL, protocol, "accept") for protocol in host.CONNECTING),
            *(_Step(IF_EQUAL, protocol, "by hand") for protocol in _BY_HAND),
            _Step(RETURN, 0),
        ],
        "by hand": [
            *_find(messages.MULTIPATH, _ROUTE_ATTRIBUTES),
            _Step(IF_EQUAL, 0, "one way"),
            _Step(RETURN, _ALL),
        ],
        "one way": [
            *_find(messages.VIA, _ROUTE_ATTRIBUTES),
            _Step(IF_EQUAL, 0, "reject"),
            _Step(RETURN, _ALL),
        ],
        "reject": [_Step(RETURN, 0)],
        "accept": [_Step(RETURN, _ALL)],
        "gateway": [_Step(TO_X, 0), _Step(LOAD_OCTET, _FAMILY)],
    }
    known = list(spared)
    four = _gateways([prefix for prefix in known if prefix.family == 4])
    six = _gateways([prefix for prefix in known if prefix.family == 6])
    over = [(IF_EQUAL, 0, 1, messages.ADDRESS_FAMILY[6]), (JUMP, 0, 0, len(four))]
    return [*_assemble(steps), *over, *four, *six]


def _find(attribute: int, at: int) -> list[_Step]:
    return [_Step(SET_A, at), _Step(SET_X, attribute), _Step(LOAD, FIND_ATTRIBUTE)]


def _gateways(spared: list[Prefix]) -> list[Instruction]:
    """Return the part that rejects gateways within prefixes and accepts others.

    Where there are too many to tell apart, or none are known yet, it rejects them all: the
    timer's passes read every table.
    """
    if not spared or len(spared) > MOST[spared[0].family]:
        return [(RETURN, 0, 0, 0)]
    code: list[Instruction] = []
    for prefix in spared:
        words = _words(prefix)
        left = sum(2 + (mask != _ALL) for _, mask in words)
        for at, (value, mask) in enumerate(words):
            code.append((LOAD_AT_X, 0, 0, 4 + 4 * at))
            if mask != _ALL:
                code.append((AND, 0, 0, mask))
            left -= 2 + (mask != _ALL)
            code.append((IF_EQUAL, 0, left + 1, value))
        code.append((RETURN, 0, 0, 0))
    return [*code, (RETURN, 0, 0, _ALL)]


def _words(prefix: Prefix) -> list[tuple[int, int]]:
    """Return a prefix as words of 32 bits with their masks, as far as it is long."""
    width = WIDTH[prefix.family]
    mask = ((1 << width) - 1) >> (width - prefix.length) << (width - prefix.length)
    return [
        (prefix.network >> shift & _ALL, mask >> shift & _ALL)
        for shift in range(width - 32, -1, -32)
        if mask >> shift & _ALL
    ]


def _assemble(steps: dict[str, list[_Step]]) -> list[Instruction]:
    """Turn labels into distances; the sections stand in their order, and all jumps lead forward."""
    places, at = {}, 0
    for label, section in steps.items():
        places[label] = at
        at += len(section)
    code: list[Instruction] = []
    for step in (step for section in steps.values() for step in section):
        following = len(code) + 1
        ahead = places[step.to] - following if step.to else 0
        if step.code == JUMP:
            code.append((JUMP, 0, 0, ahead))
        else:
            code.append((step.code, ahead, 0, step.operand))
    return code


def _turned(number: int, octets: int) -> int:
    """Loads read a notice as big-endian, netlink writes in the machine's order."""
    return int.from_bytes(number.to_bytes(octets, messages.ORDER), "big")
