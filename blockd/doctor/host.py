"""Troubles of the host itself: capabilities, IPv6, its clock, its disk. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from blockd.config import Endpoint
from blockd.counting import counted
from blockd.doctor.finding import Finding

NET_BIND_SERVICE, NET_ADMIN = 10, 12
"""Bits of capability sets: linux/capability.h."""

_AHEAD = timedelta(minutes=2)
"""By how much two clocks may differ without trouble."""
_GENERATIONS = 3
"""For how many more there must be room: one in the making, and one that is still mapped."""
_LEAST = 64 << 20  # octets


class Rights(NamedTuple):
    """What processes here may do at all."""

    bounding: int
    """The capabilities that any process can have here, as bits: CapBnd in proc(5)."""
    daemon: int | None
    """Those in force in the running route daemon; None: it does not run, or is not to be seen."""
    first_port: int
    """The lowest port that takes no capability: net.ipv4.ip_unprivileged_port_start."""


class Disk(NamedTuple):
    """A file system, as statvfs(3) describes it."""

    free: int
    """Octets for others than root."""
    inodes: int | None
    """Free ones; None: it does not count them."""
    read_only: bool


def capabilities(rights: Rights, listen: Sequence[Endpoint], *, routes: bool) -> list[Finding]:
    """Find capabilities that a daemon needs and cannot have.

    Args:
        rights: what is possible here.
        listen: where the resolver is to listen.
        routes: whether null routes are configured.
    """
    found = []
    if routes and not rights.bounding >> NET_ADMIN & 1:
        found.append(
            Finding(
                "no process here can have CAP_NET_ADMIN, without which no route can be changed:"
                " this is a container that was started without it",
                "start it with the capability (`--cap-add NET_ADMIN`, or Capability= of"
                " systemd.nspawn(5)), or set [routes] enabled = false",
            )
        )
    elif routes and rights.daemon is not None and not rights.daemon >> NET_ADMIN & 1:
        found.append(
            Finding(
                "the route daemon runs without CAP_NET_ADMIN, and cannot change routes",
                "remove what takes it away: `systemctl cat blockd-routes` shows drop-ins with"
                " AmbientCapabilities=, CapabilityBoundingSet= or PrivateUsers=",
            )
        )
    low = [each for each in listen if each.port < rights.first_port]
    if low and not rights.bounding >> NET_BIND_SERVICE & 1:
        found.append(
            Finding(
                f"no process here can have CAP_NET_BIND_SERVICE, so {low[0]} cannot be bound",
                "start the container with the capability, or choose a port from"
                f" {rights.first_port} on in [resolver] listen",
            )
        )
    return found


def ipv6(listen: Sequence[Endpoint], prefixes: int, *, off: bool) -> list[Finding]:
    """Find IPv6 switched off where it is needed.

    Args:
        listen: where the resolver is to listen.
        prefixes: how many of IPv6 the list has.
        off: whether the kernel is without IPv6, or has it disabled on all interfaces.
    """
    served = [str(each) for each in listen if ":" in each.address]
    if not off or not (served or prefixes):
        return []
    needs = [f"[resolver] listen has {', '.join(served)}"] if served else []
    needs += [f"the list has {counted(prefixes, 'prefix')} of IPv6"] if prefixes else []
    return [
        Finding(
            f"IPv6 is off on this host, and {' and '.join(needs)}",
            "`sysctl -w net.ipv6.conf.all.disable_ipv6=0` (or boot without ipv6.disable=1); where"
            " it is to stay off, take the IPv6 addresses out of [resolver] listen",
        )
    ]


def clock(now: datetime, committed: datetime | None, *, synchronised: bool) -> list[Finding]:
    """Find a clock that makes entries expire, and signatures hold, at the wrong time.

    Args:
        now: what it shows, UTC.
        committed: when the generation in force was made; None: there is none.
        synchronised: whether the kernel was told the right time.
    """
    remedy = "`timedatectl set-ntp true`, or have chrony or another NTP client run"
    if committed is not None and now + _AHEAD < committed:
        return [
            Finding(
                f"the clock shows {_day(now)}, before the generation in force was made"
                f" ({_day(committed)}): entries expire too late, certificates are not valid yet",
                remedy,
            )
        ]
    if not synchronised:
        return [
            Finding(
                "nothing sets the clock: the kernel calls it unsynchronised, and entries expire by"
                f" it ({_day(now)})",
                remedy,
            )
        ]
    return []


def disk(space: Disk, generation: int, place: str) -> list[Finding]:
    """Find a state directory in which the next generation has no room.

    Args:
        space: its file system.
        generation: octets of the one in force.
        place: the directory.
    """
    needed = max(_LEAST, _GENERATIONS * generation)
    if space.read_only:
        return [
            Finding(
                f"{place} is on a file system that is mounted read-only: the list cannot change",
                "`dmesg` says why; `mount -o remount,rw` it, or set [service] state elsewhere",
            )
        ]
    if space.free < needed or space.inodes == 0:
        what = f"{space.free >> 20} MB free" if space.free < needed else "no inode left"
        return [
            Finding(
                f"{place} has {what}; the next generations take up to {needed >> 20} MB, and"
                " without room the list cannot change",
                "free space there (`du -xh --max-depth=2 / | sort -h | tail`), or set [service]"
                " state to another file system",
            )
        ]
    return []


def _day(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
