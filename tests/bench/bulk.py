"""What null routes cost a connection's bulk traffic that is not meant: two gateways take turns.

One thread holds both ends of a TCP connection through the gateway, so that the CPU time of its
calls is that of sending, forwarding and receiving. The kernel forwards such traffic in packets of
up to 64 KB, as gateways with offloads do; `forwarding` has the packet without payload.
"""

import contextlib
import os
import socket
import statistics
import time
from collections.abc import Iterator

from msgspec import Struct

from tests import topology
from tests.bench import prefixes
from tests.e2e.gateway import socket_in

ROUTES = 100_000
_TURNS = 60
_WARM = 5
_OCTETS = 16 << 20  # in a turn
_AT_ONCE = 256 << 10
_DESTINATION = {4: "198.19.255.1", 6: "2001:db8:ffff::1"}  # between the listed prefixes


class Carried(Struct):
    """What a megabyte takes at a gateway with the rule and its routes, against one without."""

    family: int
    routes: int
    none_us: float
    """CPU time of a megabyte from end to end, the median turn's, with neither."""
    routes_us: float
    percent: float
    """How much more that is: median over the turns."""


def measure(routes: int = ROUTES) -> list[Carried]:
    """Return the cost in both families."""
    with contextlib.ExitStack() as stack:
        none, some = (stack.enter_context(topology.gateway()) for _ in range(2))
        for family in (4, 6):
            lines = prefixes.batch(family, routes, "add", "blackhole")
            some.gateway.run("ip", f"-{family}", "-batch", "-", stdin=lines, timeout=300)
            some.gateway.ip(
                f"-{family} rule add preference {prefixes.TABLE} table {prefixes.TABLE}"
            )
        return [_compare(family, none, some, routes) for family in (4, 6)]


def _compare(family: int, none: topology.Topology, some: topology.Topology, routes: int) -> Carried:
    with contextlib.ExitStack() as stack:
        pairs = [stack.enter_context(_connected(net, family)) for net in (none, some)]
        allowed = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {max(allowed)})
        try:
            for pair in pairs * _WARM:
                _carry(*pair)
            times: list[list[float]] = [[], []]
            for turn in range(_TURNS):
                for place in (turn % 2, 1 - turn % 2):
                    times[place].append(_carry(*pairs[place]))
        finally:
            os.sched_setaffinity(0, allowed)
    megabytes = _OCTETS / 1e6
    ratios = [with_routes / without for without, with_routes in zip(*times, strict=True)]
    without, with_routes = (statistics.median(each) / megabytes * 1e6 for each in times)
    return Carried(family, routes, without, with_routes, (statistics.median(ratios) - 1) * 100)


@contextlib.contextmanager
def _connected(
    net: topology.Topology, family: int
) -> Iterator[tuple[socket.socket, socket.socket]]:
    """Give the client's end and the internet's of a connection through the gateway."""
    kind = socket.AF_INET if family == 4 else socket.AF_INET6
    with (
        socket_in(net.internet, kind, socket.SOCK_STREAM) as listening,
        socket_in(net.client, kind, socket.SOCK_STREAM) as client,
    ):
        listening.bind((_DESTINATION[family], 0))
        listening.listen()
        client.settimeout(5)
        client.connect((_DESTINATION[family], listening.getsockname()[1]))
        end, _ = listening.accept()
        with end:
            client.settimeout(0)
            end.settimeout(0)
            yield client, end


def _carry(client: socket.socket, end: socket.socket) -> float:
    """Send and receive; return the CPU seconds it took."""
    message, room = memoryview(bytes(_AT_ONCE)), bytearray(_AT_ONCE)
    sent = received = 0
    started = time.thread_time()
    while received < _OCTETS:
        with contextlib.suppress(BlockingIOError):
            sent += client.send(message[: _OCTETS - sent]) if sent < _OCTETS else 0
        with contextlib.suppress(BlockingIOError):
            while taken := end.recv_into(room):
                received += taken
    return time.thread_time() - started
