"""Capabilities, IPv6, clock and disk: tables of what was read."""

from datetime import UTC, datetime, timedelta

import pytest

from blockd.config import Endpoint
from blockd.doctor import host
from blockd.doctor.host import NET_ADMIN, NET_BIND_SERVICE, Disk, Rights

ALL = (1 << 41) - 1
ADMIN, BIND = 1 << NET_ADMIN, 1 << NET_BIND_SERVICE
DNS = (Endpoint("0.0.0.0"),)
NOW = datetime(2026, 11, 24, tzinfo=UTC)


@pytest.mark.parametrize(
    ("rights", "listen", "routes", "said"),
    [
        (Rights(ALL, None, 1024), DNS, True, []),
        (Rights(ALL, ADMIN, 1024), DNS, True, []),
        (Rights(ALL, 0, 1024), DNS, True, ["route daemon runs without CAP_NET_ADMIN"]),
        (Rights(ALL ^ ADMIN, None, 1024), DNS, True, ["no process here can have CAP_NET_ADMIN"]),
        (Rights(ALL ^ ADMIN, None, 1024), DNS, False, []),
        (Rights(ALL ^ BIND, None, 1024), DNS, True, ["CAP_NET_BIND_SERVICE, so 0.0.0.0:53"]),
        (Rights(ALL ^ BIND, None, 53), DNS, True, []),
        (Rights(ALL ^ BIND, None, 1024), (Endpoint("127.0.0.1", 5300),), True, []),
        (Rights(0, None, 1024), DNS, True, ["NET_ADMIN", "NET_BIND_SERVICE"]),
    ],
)
def test_what_a_daemon_cannot_do_is_found(rights, listen, routes, said):
    found = host.capabilities(rights, listen, routes=routes)
    assert len(found) == len(said)
    assert all(part in each.what for part, each in zip(said, found, strict=True))


@pytest.mark.parametrize(
    ("listen", "prefixes", "off", "said"),
    [
        ((Endpoint("::"),), 0, True, "listen has [::]:53"),
        (DNS, 3, True, "3 prefixes of IPv6"),
        (DNS, 0, True, ""),
        ((Endpoint("::"),), 3, False, ""),
    ],
)
def test_ipv6_is_missed_where_it_is_needed(listen, prefixes, off, said):
    found = host.ipv6(listen, prefixes, off=off)
    assert [said in each.what for each in found] == [True] * bool(said)


@pytest.mark.parametrize(
    ("committed", "synchronised", "said"),
    [
        (None, True, ""),
        (NOW - timedelta(days=3), True, ""),
        (NOW + timedelta(minutes=1), True, ""),
        (NOW + timedelta(days=3), True, "before the generation in force was made (2026-11-27"),
        (NOW - timedelta(days=3), False, "unsynchronised"),
        (None, False, "unsynchronised"),
    ],
)
def test_a_clock_is_wrong_or_may_be(committed, synchronised, said):
    found = host.clock(NOW, committed, synchronised=synchronised)
    assert [said in each.what for each in found] == [True] * bool(said)


@pytest.mark.parametrize(
    ("space", "generation", "said"),
    [
        (Disk(1 << 30, 1000, read_only=False), 1 << 20, ""),
        (Disk(1 << 30, None, read_only=False), 1 << 20, ""),
        (Disk(1 << 20, 1000, read_only=False), 0, "has 1 MB free"),
        (Disk(1 << 28, 1000, read_only=False), 1 << 27, "take up to 384 MB"),
        (Disk(1 << 30, 0, read_only=False), 0, "no inode left"),
        (Disk(1 << 30, 9, read_only=True), 0, "mounted read-only"),
    ],
)
def test_a_disk_without_room_for_the_next_generation_is_found(space, generation, said):
    found = host.disk(space, generation, "/var/lib/blockd")
    assert [said in each.what for each in found] == [True] * bool(said)
    assert all(each.what.startswith("/var/lib/blockd ") for each in found)
