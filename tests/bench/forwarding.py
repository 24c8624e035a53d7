"""What null routes cost the packets that are not meant: gateways side by side.

Two gateways never had a rule or a null route and tell how much of a difference is noise; the
others have the rule, and one to 100,000 routes behind it. A frame is put on the client's veth
by a packet socket, and on the same processor, within that system call, it is forwarded by the
gateway and dropped by a null route of the internet's side. So the CPU time of the call is that
of its frames, and slices of some milliseconds take turns.
"""

import contextlib
import ctypes
import os
import socket
import statistics
import time
from collections.abc import Iterator

from msgspec import Struct

from tests import topology
from tests.bench import prefixes
from tests.e2e.gateway import socket_in
from tests.topology import INTERNET_V4, INTERNET_V6, Namespace, Topology

COUNTS = (0, 0, 1, 1_000, 10_000, 100_000)
"""Null routes of each gateway; 0 is without the rule, too."""
FRAMES = 512
"""In one call; the kernel's backlog holds 1,000 (net.core.netdev_max_backlog)."""
_CALLS = 12  # in a slice
_TURNS = 80
_WARM = 8
_PORTS = 9, 9  # discard
_BYPASS = 263, 20  # SOL_PACKET, PACKET_QDISC_BYPASS


class Forwarded(Struct):
    """What a forwarded packet takes at one gateway, its sending and dropping included."""

    family: int
    routes: int
    packets: int
    nanoseconds: float
    """CPU time of a packet, the median slice's."""
    percent: float
    """What that is more than at the first gateway, which has nothing: median over the turns."""
    routes_percent: float
    """What it is more than at the gateway with the rule and one route."""


def measure() -> list[Forwarded]:
    """Return the cost in both families at each gateway."""
    with contextlib.ExitStack() as stack:
        nets = [stack.enter_context(topology.gateway()) for _ in COUNTS]
        for net, count in zip(nets, COUNTS, strict=True):
            _prepare(net)
            for family in (4, 6) if count else ():
                lines = prefixes.batch(family, count, "add", "blackhole")
                net.gateway.run("ip", f"-{family}", "-batch", "-", stdin=lines, timeout=300)
                net.gateway.ip(
                    f"-{family} rule add preference {prefixes.TABLE} table {prefixes.TABLE}"
                )
        return [found for family in (4, 6) for found in _compare(family, nets)]


def _prepare(net: Topology) -> None:
    """Have the internet's side drop what arrives as early as it can, and keep neighbours."""
    net.internet.ip("-6 route del local 2001:db8::/32 dev lo table local")
    for family in (4, 6):
        net.internet.ip(f"-{family} route add blackhole {prefixes.WHOLE[family]}")
    uplink = _mac(net.internet, "eth0")
    for address in (INTERNET_V4, INTERNET_V6):
        net.gateway.ip(f"neigh replace {address} lladdr {uplink} dev wan nud permanent")


def _mac(space: Namespace, interface: str) -> str:
    return space.ip(f"-br link show {interface}").split()[2]


def _compare(family: int, nets: list[Topology]) -> list[Forwarded]:
    with contextlib.ExitStack() as stack:
        senders = [stack.enter_context(_sender(net, family)) for net in nets]
        allowed = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {max(allowed)})
        try:
            for sender in senders * _WARM:
                sender.slice()
            before = [_received(net) for net in nets]
            slices: list[list[float]] = [[] for _ in nets]
            for turn in range(_TURNS):
                # Each slice warms what the next one finds, so that all begin equally often.
                for place in range(turn, turn + len(nets)):
                    slices[place % len(nets)].append(senders[place % len(nets)].slice())
        finally:
            os.sched_setaffinity(0, allowed)
    packets = _TURNS * _CALLS * FRAMES
    for net, already in zip(nets, before, strict=True):
        came = _received(net) - already
        assert came >= packets, f"{came} of {packets} packets came through"
    none, one = slices[0], slices[COUNTS.index(1)]
    return [
        Forwarded(
            family,
            count,
            packets,
            statistics.median(taken) / _CALLS / FRAMES * 1e9,
            _more(taken, none),
            _more(taken, one),
        )
        for count, taken in zip(COUNTS, slices, strict=True)
    ]


def _more(these: list[float], those: list[float]) -> float:
    """Return how much more time these slices took than those of the same turns, in percent."""
    ratios = [this / that for this, that in zip(these, those, strict=True)]
    return (statistics.median(ratios) - 1) * 100


def _received(net: Topology) -> int:
    """Return how many frames have come to the internet's side."""
    return int(net.internet.run("cat", "/sys/class/net/eth0/statistics/rx_packets").stdout)


class _Buffer(ctypes.Structure):
    _fields_ = (("base", ctypes.c_char_p), ("length", ctypes.c_size_t))  # struct iovec


class _Header(ctypes.Structure):
    _fields_ = (  # struct msghdr
        ("name", ctypes.c_void_p), ("name_length", ctypes.c_uint),
        ("buffers", ctypes.POINTER(_Buffer)), ("count", ctypes.c_size_t),
        ("control", ctypes.c_void_p), ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )  # fmt: skip


class _Message(ctypes.Structure):
    _fields_ = (("header", _Header), ("sent", ctypes.c_uint))  # struct mmsghdr


class _Sender:
    """A packet socket of a client, with frames to addresses between the listed prefixes."""

    def __init__(self, opened: socket.socket, frames: list[bytes]) -> None:
        self._socket = opened
        self._frames = (_Buffer * len(frames))(*((frame, len(frame)) for frame in frames))
        self._messages = (_Message * len(frames))()
        for place, message in enumerate(self._messages):
            message.header.buffers = ctypes.pointer(self._frames[place])
            message.header.count = 1
        self._send = ctypes.CDLL(None, use_errno=True).sendmmsg

    def slice(self) -> float:
        """Send all frames some times; return the CPU seconds it took."""
        started = time.thread_time()
        for _ in range(_CALLS):
            sent = self._send(self._socket.fileno(), self._messages, len(self._messages), 0)
            if sent != len(self._messages):
                raise OSError(ctypes.get_errno(), f"sendmmsg sent {sent} frames")
        return time.thread_time() - started


@contextlib.contextmanager
def _sender(net: Topology, family: int) -> Iterator[_Sender]:
    own, gateway = _mac(net.client, "eth0"), _mac(net.gateway, "lan")
    frames = [
        _frame(own, gateway, family, packed)
        for packed in prefixes.unlisted(family, max(COUNTS), FRAMES)
    ]
    with socket_in(net.client, socket.AF_PACKET, socket.SOCK_RAW) as opened:
        opened.setsockopt(*_BYPASS, 1)
        opened.bind(("eth0", 0))
        yield _Sender(opened, frames)


def _frame(own: str, gateway: str, family: int, destination: bytes) -> bytes:
    """Return an Ethernet frame with an empty UDP datagram."""
    source = socket.inet_pton(*((socket.AF_INET, topology.CLIENT_V4) if family == 4 else
                                (socket.AF_INET6, topology.CLIENT_V6)))  # fmt: skip
    datagram = b"".join(number.to_bytes(2, "big") for number in (*_PORTS, 8, 0))
    if family == 4:
        head = b"\x45\0\0\x1c\0\0\x40\0\x40\x11"
        words = head + source + destination
        total = sum(int.from_bytes(words[at : at + 2], "big") for at in range(0, len(words), 2))
        while total > 0xFFFF:
            total = (total & 0xFFFF) + (total >> 16)
        packet = head + (total ^ 0xFFFF).to_bytes(2, "big") + source + destination
    else:
        packet = b"\x60\0\0\0\0\x08\x11\x40" + source + destination
    ether = bytes.fromhex((gateway + own).replace(":", ""))
    return ether + (b"\x08\0" if family == 4 else b"\x86\xdd") + packet + datagram
