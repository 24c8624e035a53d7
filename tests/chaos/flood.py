"""Packets to prefixes that stay listed, while the list changes around them: how many get through.

Every shape of the list blocks every address that is flooded: by its own entry, by one around it,
by halves of it, alone, with other types, beside neighbours that it merges with. A packet that
reaches the internet's side between any two of them is a leak.
"""

import contextlib
import random
import signal
import socket
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

from tests import topology
from tests.chaos.sender import PORT
from tests.chaos.site import ANY_CHANGE
from tests.e2e.gateway import FAMILIES, Gateway, kill, socket_in, until

KINDS = ("blackhole", "unreachable", "prohibit")
NUMBERS = range(2, 34)
KEPT = [f"198.18.{number}.0/25" for number in NUMBERS]
KEPT += [f"2001:db8:{number:x}::/49" for number in NUMBERS]
FLOODED = [f"198.18.{number}.{1 + 3 * (number % 20)}" for number in NUMBERS]
FLOODED += [f"2001:db8:{number:x}::{number:x}" for number in NUMBERS]
"""An address of each kept prefix, in its first half."""
OPEN = ["198.19.0.9", "2001:db8:f000::9"]
"""Never listed: that they arrive shows that the flood flows."""


@dataclass
class Flood:
    """What was counted."""

    seed: int
    packets: int = 0
    """That reached the gateway, to listed addresses."""
    leaked: Counter = field(default_factory=Counter)
    """That reached the internet, by address."""
    passed: int = 0
    """To addresses that are not listed."""
    shapes: Counter = field(default_factory=Counter)
    seconds: float = 0
    slowest: float = 0
    """Seconds from a list's rename to its enforcement, at worst."""

    @property
    def changes(self):
        return self.shapes.total()

    def table(self):
        """Return the report as lines."""
        lines = [f"{count:6}  {name.replace('_', ' ')}" for name, count in self.shapes.items()]
        lines.append(
            f"{self.changes:6}  changes of the list in {self.seconds:.0f} s, seed {self.seed};"
            f" the slowest was in force after {1000 * self.slowest:.0f} ms"
        )
        lines.append(f"{self.passed:,} packets to unlisted addresses arrived")
        lines.append(f"{self.leaked.total():,} of {self.packets:,} packets to listed ones did")
        lines += [f"  {count:,} to {address}" for address, count in self.leaked.most_common(5)]
        return lines


# Shapes: what the list says besides the marks and others; each takes the type of the kept ones.


def own_entries(kind, _rng):
    return [(KEPT, kind)]


def merged_with_neighbours(kind, _rng):
    v4 = [f"198.18.{number}.128/25" for number in NUMBERS]
    return [(KEPT + v4 + [f"2001:db8:{number:x}:8000::/49" for number in NUMBERS], kind)]


def within_a_wide_one(kind, _rng):
    return [(["198.18.0.0/16", "2001:db8::/34", *KEPT], kind)]


def the_wide_one_alone(kind, _rng):
    return [(["198.18.0.0/16", "2001:db8::/34"], kind)]


def within_one_of_another_type(kind, rng):
    return [(["198.18.0.0/16", "2001:db8::/34"], rng.choice(KINDS)), (KEPT, kind)]


def with_narrower_ones_within(kind, rng):
    inner = [f"{address}/{128 if ':' in address else 32}" for address in FLOODED]
    return [(KEPT, kind), (inner, rng.choice(KINDS))]


def by_their_addresses_alone(kind, _rng):
    return [([f"{address}/{128 if ':' in address else 32}" for address in FLOODED], kind)]


def with_exceptions_within(kind, _rng):
    v4 = [f"198.18.{number}.64/26" for number in NUMBERS]
    return [(KEPT, kind), (v4 + [f"2001:db8:{number:x}:4000::/50" for number in NUMBERS], "")]


def in_halves_of_two_types(kind, rng):
    v4 = [[f"198.18.{number}.{half}/26" for number in NUMBERS] for half in (0, 64)]
    v6 = [[f"2001:db8:{number:x}:{half}::/50" for number in NUMBERS] for half in (0, 4000)]
    return [(v4[0] + v6[0], kind), (v4[1] + v6[1], rng.choice(KINDS))]


SHAPES = (
    own_entries, merged_with_neighbours, within_a_wide_one, the_wide_one_alone,
    within_one_of_another_type, with_narrower_ones_within, by_their_addresses_alone,
    with_exceptions_within, in_halves_of_two_types,
)  # fmt: skip


def list_of(parts, others, mark):
    """Return a list's text: prefixes with their types, and others with the configuration's.

    The type of exceptions is empty. The mark makes it differ from every other one.
    """
    text = ""
    parts = [*parts, (others, None), ([f"198.19.255.{mark % 256}/32"], KINDS[mark // 256 % 3])]
    for number, (listed, kind) in enumerate(parts):
        if kind == "":
            text += f'[[allow]]\nreason = "an exception"\nprefixes = {listed}\n'
        else:
            route = f'route = "{kind}"\n' if kind else ""
            text += f'[[platform]]\nid = "p{number}"\n{route}prefixes = {listed}\n'
    return text


def _others(rng):
    """Everything else, which each change may replace as a whole."""
    v4 = [f"198.19.{number}.0/24" for number in rng.sample(range(1, 250), 60)]
    return v4 + [f"2001:db8:{0x8000 + number:x}::/48" for number in rng.sample(range(250), 60)]


class Receiver:
    """The internet's side: every packet that arrives there, by its payload."""

    def __init__(self, space):
        v4, v6 = self.sockets = [socket_in(space, family) for family in FAMILIES.values()]
        v6.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        v4.bind(("0.0.0.0", PORT))
        v6.bind(("::", PORT))
        for sock in self.sockets:
            sock.settimeout(0)
        self.seen = Counter()

    def look(self):
        """Count what came since the last time."""
        for sock in self.sockets:
            with contextlib.suppress(BlockingIOError):
                while True:
                    self.seen[sock.recv(64).decode()] += 1

    def close(self):
        for sock in self.sockets:
            sock.close()


def received(space):
    """Return the packets of both families that came to a namespace, its own answers included."""
    tables = space.run("cat", "/proc/net/snmp", "/proc/net/snmp6").stdout
    v4 = [line.split() for line in tables.splitlines() if line.startswith("Ip: ")]
    v6 = next(line for line in tables.splitlines() if line.startswith("Ip6InReceives"))
    return int(v4[1][v4[0].index("InReceives")]) + int(v6.split()[1])


def flood(net, directory, seed, *, packets, changes, rate):
    """Flood until so many packets met at least so many changes; return what was counted."""
    rng = random.Random(seed)
    counted = Flood(seed)
    gateway = Gateway(net, directory).prepare({}, routes=ANY_CHANGE)
    receiver = Receiver(net.internet)
    argv = (sys.executable, "-m", "tests.chaos.sender", str(rate), *OPEN, *FLOODED)
    sender = net.client.popen(*argv, cwd=topology.repository())
    try:
        # Unlisted, all of them arrive: the receiver sees what it is to see.
        until(lambda: receiver.look() or {*OPEN, *FLOODED} <= {*receiver.seen}, receiver.seen)
        gateway.put("list.toml", list_of(own_entries("blackhole", rng), _others(rng), 0))
        gateway.start("watch")
        daemon = gateway.start("route")
        until(lambda: gateway.ask("routes").get("generation"), gateway.said)
        time.sleep(0.1)  # what was sent before may still be on its way
        receiver.look()
        receiver.seen.clear()
        before, started = received(net.gateway), time.monotonic()
        while counted.packets < packets or counted.changes < changes:
            _change(gateway, daemon, rng, counted)
            receiver.look()
            passed = sum(receiver.seen[address] for address in OPEN)
            counted.packets = received(net.gateway) - before - passed
        counted.seconds = time.monotonic() - started
    finally:
        kill([sender.pid])
        receiver.look()
        receiver.close()
        gateway.stop()
    counted.passed = sum(receiver.seen.pop(address, 0) for address in OPEN)
    counted.leaked = receiver.seen
    return counted


def _change(gateway, daemon, rng, counted):
    shape = rng.choice(SHAPES)
    others = _others(rng)
    mark = counted.changes + 1
    generation = gateway.ask("routes")["generation"]
    if rng.random() < 0.2:
        gateway.configure(routes=f'type = "{rng.choice(KINDS)}"\n{ANY_CHANGE}')
        daemon.send_signal(signal.SIGHUP)
    put = gateway.put("list.toml", list_of(shape(rng.choice(KINDS), rng), others, mark))
    until(lambda: gateway.ask("routes")["generation"] > generation, gateway.said)
    counted.slowest = max(counted.slowest, time.monotonic() - put)
    counted.shapes[shape.__name__] += 1
