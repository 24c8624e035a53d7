"""What the kernel tells unasked: that our table, the rules or the host's addresses changed.

A socket of its own, which may overflow without harm to the one that applies plans. A filter in
the kernel keeps from us what is none of our business, so that churn in other tables costs
nothing here; and our own changes, which nobody needs to tell us.
"""

import ctypes
import errno
import socket
import struct
from enum import Flag, auto

from blockd.errors import KernelError
from blockd.routes import messages
from blockd.routes.kernel import open_socket

_SOL_NETLINK, _ADD_MEMBERSHIP = 270, 1
_ATTACH_FILTER = 26  # SO_ATTACH_FILTER
# RTNLGRP_*: link, IPv4 address, route, rule, IPv6 address, route, rule
_GROUPS = (1, 5, 7, 8, 9, 11, 19)
_LOOPBACK = 1  # the interface's index in every network namespace

# linux/bpf_common.h
_LOAD, _LOAD_HALF, _LOAD_OCTET, _LOAD_AT_X = 0x20, 0x28, 0x30, 0x40
_SET_A, _SET_X, _TO_X, _IF_EQUAL, _RETURN = 0x00, 0x01, 0x07, 0x15, 0x06
_FIND_ATTRIBUTE = 0xFFFFF000 + 12  # SKF_AD_OFF + SKF_AD_NLATTR
_TABLE_ATTRIBUTE = 15


class Touched(Flag):
    """What may differ from the last scan."""

    NOTHING = 0
    ROUTES = auto()
    RULES = auto()
    HOST = auto()
    """Addresses, or the loopback interface, which takes IPv6 null routes down with it."""


_MEANING = {
    messages.NEW_ROUTE: Touched.ROUTES,
    messages.DEL_ROUTE: Touched.ROUTES,
    messages.NEW_RULE: Touched.RULES,
    messages.DEL_RULE: Touched.RULES,
}


class Events:
    """A subscription to what concerns one table; dead after a KernelError."""

    def __init__(self, table: int, own_port: int, netns: str | None = None) -> None:
        """Subscribe.

        Args:
            table: the table whose route changes are of interest.
            own_port: the netlink port of the socket by which we change things ourselves.
            netns: a network namespace by name; None: this one.
        """
        self._socket = open_socket(netns, room=4 << 20)
        self._socket.settimeout(0)
        _attach(self._socket, _program(table, own_port))
        self._socket.bind((0, 0))
        for group in _GROUPS:
            self._socket.setsockopt(_SOL_NETLINK, _ADD_MEMBERSHIP, group)

    def fileno(self) -> int:
        """Return the descriptor to wait on."""
        return self._socket.fileno()

    def close(self) -> None:
        """End the subscription."""
        self._socket.close()

    def read(self) -> Touched:
        """Return what was touched since the last call, without waiting.

        Raises:
            KernelError: notices were lost (ENOBUFS) or the socket failed: make a new one and
                scan everything.
        """
        touched = Touched.NOTHING
        while True:
            try:
                data = self._socket.recv(1 << 16)
            except BlockingIOError:
                return touched
            except OSError as error:
                lost = "notices were lost" if error.errno == errno.ENOBUFS else str(error)
                raise KernelError(f"the kernel's notices: {lost}; all is scanned anew") from None
            for message, *_ in messages.split(data):
                touched |= _MEANING.get(message, Touched.HOST)


def _program(table: int, own_port: int) -> list[tuple[int, int, int, int]]:
    """Return the filter: (code, jump if true, jump if false, operand), as in linux/filter.h.

    Loads read the packet as big-endian, netlink writes in the machine's order.
    """
    port, wanted, loopback = _turned(own_port, 4), _turned(table, 4), _turned(_LOOPBACK, 4)
    new, gone = _turned(messages.NEW_ROUTE, 2), _turned(messages.DEL_ROUTE, 2)
    link, unlink = _turned(messages.NEW_LINK, 2), _turned(messages.DEL_LINK, 2)
    return [
        (_LOAD, 0, 0, 12),  # nlmsg_pid
        (_IF_EQUAL, 19, 0, port),  # -> 21 reject
        (_LOAD_HALF, 0, 0, 4),  # nlmsg_type
        (_IF_EQUAL, 6, 0, new),  # -> 10
        (_IF_EQUAL, 5, 0, gone),  # -> 10
        (_IF_EQUAL, 2, 0, link),  # -> 8
        (_IF_EQUAL, 1, 0, unlink),  # -> 8
        (_RETURN, 0, 0, 0xFFFFFFFF),
        (_LOAD, 0, 0, 20),  # ifi_index
        (_IF_EQUAL, 10, 11, loopback),  # -> 20 accept, 21 reject
        (_SET_A, 0, 0, 28),  # the first attribute, after nlmsghdr and rtmsg
        (_SET_X, 0, 0, _TABLE_ATTRIBUTE),
        (_LOAD, 0, 0, _FIND_ATTRIBUTE),
        (_IF_EQUAL, 3, 0, 0),  # -> 17: without the attribute the header's octet counts
        (_TO_X, 0, 0, 0),
        (_LOAD_AT_X, 0, 0, 4),
        (_IF_EQUAL, 3, 4, wanted),  # -> 20 accept, 21 reject
        (_LOAD_OCTET, 0, 0, 20),  # rtm_table
        (_IF_EQUAL, 1, 2, table),  # -> 20 accept, 21 reject
        (_RETURN, 0, 0, 0),
        (_RETURN, 0, 0, 0xFFFFFFFF),
        (_RETURN, 0, 0, 0),
    ]


def _turned(number: int, octets: int) -> int:
    return int.from_bytes(number.to_bytes(octets, messages.ORDER), "big")


def _attach(listener: socket.socket, program: list[tuple[int, int, int, int]]) -> None:
    code = b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
    kept = ctypes.create_string_buffer(code)
    listener.setsockopt(
        socket.SOL_SOCKET, _ATTACH_FILTER, struct.pack("@HP", len(program), ctypes.addressof(kept))
    )
