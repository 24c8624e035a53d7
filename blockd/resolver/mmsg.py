"""recvmmsg and sendmmsg: datagrams in batches, through cffi's ABI mode (no compiler, no callbacks).

Buffers and headers are laid out once; a batch costs one system call each way and a few slice
copies a datagram. Layouts are those of 64-bit Linux: recvmmsg(2), sendmmsg(2), ip(7), ipv6(7).
What the datagrams mean is the listener's business.
"""

import errno
import socket
import sys
from functools import cache
from typing import Any, Final

import cffi

from blockd.errors import ConfigError

BATCH: Final = 64
"""Datagrams a call; more gains nothing measurable, and delays the first of them."""

RECEIVE: Final = 2048
"""Octets of a received datagram; a longer query is cut and then fails to parse."""

REPLY: Final = 4096
"""Octets of an upstream's datagram; it was told that 1232 are enough."""

SEND: Final = 2048
"""Octets of a reply; the resolver's own limit is 1232."""

NAME: Final = 32  # room for sockaddr_in6 (28) and for in6_pktinfo with its header (40)
CONTROL: Final = 64

_HEADER: Final = 64  # sizeof(struct mmsghdr) on 64-bit Linux
_CDEF = """
int recvmmsg(int sockfd, void *msgvec, unsigned int vlen, int flags, void *timeout);
int sendmmsg(int sockfd, void *msgvec, unsigned int vlen, int flags);
"""
_NAME_LENGTH = {socket.AF_INET: 16, socket.AF_INET6: 28}
_CONTROL_LENGTH = {socket.AF_INET: 32, socket.AF_INET6: 40}
_INTERFACE_AT = {socket.AF_INET: 16, socket.AF_INET6: 32}  # ipi_ifindex, ipi6_ifindex
_ADDRESS_AT: Final = 16  # ipi6_addr, behind struct cmsghdr
_LINK_LOCAL = b"\xfe"  # the first octet of fe80::/10
_DONT_WAIT: Final = 0x40


@cache
def _library() -> tuple[Any, Any]:
    """Return cffi and the C library; parsing the declarations takes a millisecond, once."""
    ffi = cffi.FFI()
    ffi.cdef(_CDEF)
    return ffi, ffi.dlopen(None)


class _Vector:
    """An array of struct mmsghdr over slots of equal size, open to slice assignment."""

    def __init__(self, ffi: Any, slot: int) -> None:
        self.store = ffi.new(f"char[{BATCH * slot}]")
        self.names = ffi.new(f"char[{BATCH * NAME}]")
        self.controls = ffi.new(f"char[{BATCH * CONTROL}]")
        self.parts = ffi.new(f"uint64_t[{BATCH * 2}]")  # struct iovec: base, length
        self.headers = ffi.new(f"uint64_t[{BATCH * _HEADER // 8}]")

        def address(cdata: Any) -> int:
            return int(ffi.cast("uintptr_t", cdata))

        self.names_at, self.controls_at = address(self.names), address(self.controls)
        self.long_words = memoryview(ffi.buffer(self.headers)).cast("B").cast("Q")
        self.words = self.long_words.cast("B").cast("I")
        lengths = memoryview(ffi.buffer(self.parts)).cast("B").cast("Q")
        self.part_lengths = lengths[1::2]
        for number in range(BATCH):
            lengths[2 * number] = address(self.store) + number * slot
            lengths[2 * number + 1] = slot
            at = number * _HEADER // 8
            self.long_words[at] = self.names_at + number * NAME
            self.long_words[at + 2] = address(self.parts) + number * 16
            self.long_words[at + 3] = 1
            self.long_words[at + 4] = self.controls_at + number * CONTROL
        self.name_lengths = self.words[2 :: _HEADER // 4]
        self.control_lengths = self.long_words[5 :: _HEADER // 8]
        self.lengths = self.words[14 :: _HEADER // 4]

    def without_control(self) -> None:
        """Neither take nor give ancillary data."""
        for number in range(BATCH):
            at = number * _HEADER // 8
            self.long_words[at + 4] = self.long_words[at + 5] = 0


_ANYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, not bound to

_PKTINFO = {
    socket.AF_INET: (socket.IPPROTO_IP, 8),  # IP_PKTINFO, linux/in.h
    socket.AF_INET6: (socket.IPPROTO_IPV6, 49),  # IPV6_RECVPKTINFO, linux/in6.h
}


class Datagrams:
    """Batches of datagrams on one bound UDP socket; replies leave from the address asked.

    A socket that is bound to one address has no other to answer from; of one that is bound to
    all, the kernel says with each datagram which it came to, which costs a little.
    """

    def __init__(self, sock: socket.socket) -> None:
        """Lay the buffers out for a non-blocking socket of either family."""
        if sys.maxsize < 2**32 or sys.byteorder != "little":
            raise ConfigError("blockd's resolver needs a 64-bit little-endian Linux")
        ffi, self._libc = _library()
        self._ffi = ffi
        self._file = sock.fileno()
        family = sock.family
        self._received, self._sent, self._late = (
            _Vector(ffi, RECEIVE), _Vector(ffi, SEND), _Vector(ffi, SEND),
        )  # fmt: skip
        names = memoryview(bytes(_NAME_LENGTH[family].to_bytes(4, "little") * BATCH)).cast("I")
        controls = memoryview(_CONTROL_LENGTH[family].to_bytes(8, "little") * BATCH).cast("Q")
        for vector in (self._sent, self._late):
            vector.name_lengths[:] = names
            vector.control_lengths[:] = controls
        self._name_room = memoryview(NAME.to_bytes(4, "little") * BATCH).cast("I")
        self._control_room = memoryview(CONTROL.to_bytes(8, "little") * BATCH).cast("Q")
        self._anywhere = sock.getsockname()[0] in _ANYWHERE
        if self._anywhere:
            sock.setsockopt(*_PKTINFO[family], 1)
        else:
            for vector in (self._received, self._sent, self._late):
                vector.without_control()
        interfaces = memoryview(ffi.buffer(self._received.controls)).cast("B").cast("I")
        self._interfaces = interfaces[_INTERFACE_AT[family] // 4 :: CONTROL // 4]
        self._no_interface = memoryview(bytes(4 * BATCH)).cast("I")
        octets = memoryview(ffi.buffer(self._received.controls)).cast("B")
        self._scopes = octets[_ADDRESS_AT::CONTROL] if family is socket.AF_INET6 else None
        self.packets = ffi.buffer(self._received.store)
        """The received octets: datagram i from i * RECEIVE on."""
        self.names = ffi.buffer(self._received.names)
        """The senders' socket addresses: of datagram i from i * NAME on."""
        self._controls = ffi.buffer(self._received.controls)
        self.out = memoryview(ffi.buffer(self._sent.store)).cast("B")
        """The octets to send: reply number i of this batch from i * SEND on."""
        self.sizes = self._sent.part_lengths
        """The replies' lengths."""
        self._late_out = memoryview(ffi.buffer(self._late.store)).cast("B")
        self._late_names = memoryview(ffi.buffer(self._late.names)).cast("B")
        self._late_controls = memoryview(ffi.buffer(self._late.controls)).cast("B")
        self.origins = list(range(BATCH))
        """Which received datagram's sender each reply goes to; set by `point`."""
        # Replies go out with the name and control of the slot that they answer.
        for number in range(BATCH):
            self.point(number, number)
        self.unsent = 0
        """Replies that the kernel did not take."""

    def receive(self) -> list[int]:
        """Receive what is there; returns the datagrams' lengths, at most BATCH of them."""
        vector = self._received
        vector.name_lengths[:] = self._name_room
        if self._anywhere:
            vector.control_lengths[:] = self._control_room
        count = self._libc.recvmmsg(self._file, vector.headers, BATCH, _DONT_WAIT, self._ffi.NULL)
        if count <= 0:
            return []
        if self._anywhere:
            self._forget_interfaces(count)
        lengths: list[int] = vector.lengths[:count].tolist()
        return lengths

    def _forget_interfaces(self, count: int) -> None:
        """Let the kernel choose the way back; only the source address is kept (ip(7))."""
        if self._scopes is not None and _LINK_LOCAL in (scopes := bytes(self._scopes[:count])):
            # Such an address is one only together with its interface (ipv6(7), RFC 4007 6).
            for place in range(count):
                if scopes[place] != _LINK_LOCAL[0]:
                    self._interfaces[place] = 0
        else:
            self._interfaces[:] = self._no_interface

    def send(self, count: int) -> None:
        """Send the first `count` replies, once `out`, `sizes` and `origins` say them."""
        self._send(self._sent, count)

    def whence(self, origin: int) -> tuple[bytes, bytes]:
        """Return the way back to a datagram's sender, for `send_late`."""
        name, control = origin * NAME, origin * CONTROL
        if not self._anywhere:
            return self.names[name : name + NAME], b""
        return self.names[name : name + NAME], self._controls[control : control + CONTROL]

    def send_late(self, replies: list[tuple[tuple[bytes, bytes], bytes]]) -> None:
        """Send replies to earlier batches: each the way back and the message."""
        for start in range(0, len(replies), BATCH):
            part = replies[start : start + BATCH]
            for place, ((name, control), message) in enumerate(part):
                self._late_names[place * NAME : (place + 1) * NAME] = name
                if control:
                    self._late_controls[place * CONTROL : (place + 1) * CONTROL] = control
                self._late_out[place * SEND : place * SEND + len(message)] = message
                self._late.part_lengths[place] = len(message)
            self._send(self._late, len(part))

    def point(self, place: int, origin: int) -> None:
        """Have reply number `place` go to the sender of received datagram `origin`."""
        at = place * _HEADER // 8
        self._sent.long_words[at] = self._received.names_at + origin * NAME
        if self._anywhere:
            self._sent.long_words[at + 4] = self._received.controls_at + origin * CONTROL
        self.origins[place] = origin

    def _send(self, vector: _Vector, count: int) -> None:
        done = 0
        while done < count:
            headers = vector.headers + done * _HEADER // 8
            sent = self._libc.sendmmsg(self._file, headers, count - done, _DONT_WAIT)
            if sent > 0:
                done += sent
                continue
            if self._ffi.errno == errno.EINTR:
                continue
            # The first one cannot be sent: a spoofed source port of 0, no way back, or a
            # full buffer. It is given up, the others are not.
            self.unsent += 1
            done += 1


class Connected:
    """Batches of datagrams on connected sockets, told apart by descriptor, which share buffers."""

    def __init__(self) -> None:
        """Lay the buffers out."""
        ffi, self._libc = _library()
        self._ffi = ffi
        self._received, self._sent = _Vector(ffi, REPLY), _Vector(ffi, SEND)
        for vector in (self._received, self._sent):
            for number in range(BATCH):
                at = number * _HEADER // 8
                vector.long_words[at] = 0  # no name: they are connected
                vector.words[2 * at + 2] = 0
            vector.without_control()
        self._packets = ffi.buffer(self._received.store)
        self._out = memoryview(ffi.buffer(self._sent.store)).cast("B")

    def receive(self, descriptor: int) -> list[bytes]:
        """Receive what is there, at most BATCH datagrams; raises OSError for an ICMP error."""
        vector = self._received
        count = self._libc.recvmmsg(descriptor, vector.headers, BATCH, _DONT_WAIT, self._ffi.NULL)
        if count <= 0:
            code = self._ffi.errno
            if count == 0 or code in (errno.EAGAIN, errno.EINTR):
                return []
            raise OSError(code, "recvmmsg")
        packets = self._packets
        return [
            packets[place * REPLY : place * REPLY + length]
            for place, length in enumerate(vector.lengths[:count].tolist())
        ]

    def send(self, descriptor: int, messages: list[bytes]) -> None:
        """Send datagrams; one that the kernel does not take counts as lost on the way."""
        out, vector = self._out, self._sent
        for start in range(0, len(messages), BATCH):
            part = messages[start : start + BATCH]
            for place, message in enumerate(part):
                at = place * SEND
                size = len(message)
                out[at : at + size] = message
                vector.part_lengths[place] = size
            done, failed = 0, -1
            while done < len(part):
                headers = vector.headers + done * _HEADER // 8
                sent = self._libc.sendmmsg(descriptor, headers, len(part) - done, _DONT_WAIT)
                if sent > 0:
                    done += sent
                elif failed != done:
                    failed = done  # the error may be of an earlier datagram (ICMP): once more
                else:
                    done += 1
