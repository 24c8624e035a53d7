"""Run by root in a machine's own namespace, blockd does not cut it off, whatever a list says."""

import contextlib
import errno
import os
from datetime import UTC, datetime

import pytest

from blockd import config as configs
from blockd.policy.publish import publish
from blockd.policy.store import Store
from blockd.watchlist import guard
from tests.e2e import machine as machines
from tests.e2e.gateway import Gateway, until
from tests.e2e.machine import (
    ELSEWHERE,
    LOOPBACK,
    NAME_SERVERS,
    NEIGHBOURS,
    OPEN,
    OWN,
    ROUTERS,
    SECOND_ROUTER,
    said,
)
from tests.topology import Topology

pytestmark = pytest.mark.root

LISTED = ["198.19.66.0/24", "2001:db8:66::/48"]
NETWORKS = ["198.18.10.0/24", "198.18.20.0/24", "198.18.30.0/24", "2001:db8:10::/64"]
ADDRESSES = [
    f"{address}/{128 if ':' in address else 32}"
    for address in (*OWN, *ROUTERS, SECOND_ROUTER, *NAME_SERVERS)
]
SPECIAL = ["127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "255.255.255.255/32", "::/128",
           "::1/128", "fe80::/10", "ff00::/8"]  # fmt: skip
AROUND = ["198.18.0.0/16", "2001:db8::/34"]
HALF = ["128.0.0.0/2", "192.0.0.0/3", "::/1", "fe80::/9"]
MOST = ["0.0.0.0/1", "128.0.0.0/2", "192.0.0.0/3", "::/1", "8000::/2", "c000::/3", "fe80::/9"]
WHOLE = ["0.0.0.0/1", "128.0.0.0/1", "::/1", "8000::/1"]
CASES = {
    "connected networks": NETWORKS,
    "single addresses": ADDRESSES,
    "special ranges": SPECIAL,
    "what is around": AROUND,
    "half of everything": HALF,
    "most of everything": MOST,
    "everything in halves": WHOLE,
    "all of these": NETWORKS + ADDRESSES + SPECIAL + AROUND + HALF,
}


@pytest.fixture(scope="module")
def machine():
    with machines.machine() as made:
        yield made


@contextlib.contextmanager
def preparing(machine, directory):
    """What is to run on the machine: prepared, not started."""
    made = Gateway(Topology(machine.around, machine.space, machine.around), directory)
    try:
        made.prepare({})
        made.config.write_text(
            f'[list]\npaths = ["{made.rules}"]\n[resolver]\nlisten = ["127.0.0.1:5300"]\n'
            "[guard]\nmax_added = 1000\nmax_removed = 1000\n"
        )
        yield made
    finally:
        made.stop()


@pytest.fixture
def blockd(machine, tmp_path):
    with preparing(machine, tmp_path) as made:
        yield made


def listing(prefixes):
    return f'[[platform]]\nid = "p"\nprefixes = {sorted({*prefixes, *LISTED})}\n'


def works(machine):
    """Open connections in both directions to everything that the machine needs; use them all."""
    machine.goes_on()
    needed = (*LOOPBACK, *NEIGHBOURS, *ROUTERS, SECOND_ROUTER, "198.18.20.9", *NAME_SERVERS)
    outward = dict(zip(needed, machine.connect(*needed), strict=True))
    inward = dict(zip(OWN, machine.connect(*OWN, inbound=True), strict=True))
    for target, ends in (*outward.items(), *inward.items()):
        assert not isinstance(ends, int), f"{target}: {os.strerror(ends)}"
        assert said(*ends)
        _close(ends)
    return True


def blocked(machine, *addresses):
    """Return the addresses that connect(2) refuses as it does at a blackhole."""
    found = []
    for address, ends in zip(addresses, machine.connect(*addresses), strict=True):
        if isinstance(ends, int):
            assert ends == errno.EINVAL, f"{address}: {os.strerror(ends)}"
            found.append(address)
        else:
            _close(ends)
    return tuple(found)


def _close(ends):
    for end in ends:
        end.close()


def commit(blockd, prefixes):
    """Make a list current without the guard that would refuse it; return its generation."""
    blockd.put("list.toml", listing(prefixes))
    config = configs.parse(blockd.config.read_text(), str(blockd.config))
    return publish(Store(blockd.state), config, datetime.now(UTC)).number


def others(space):
    """Return the routes of the other tables, and the rules, without those of blockd."""
    shown = [space.ip(f"-{version} route show table all") for version in (4, 6)]
    shown += [space.ip(f"-{version} rule") for version in (4, 6)]
    lines = [line.split(" expires ")[0] for text in shown for line in text.splitlines()]
    return [line for line in lines if "table 535" not in line and "lookup 535" not in line]


def test_a_machine_that_runs_up_goes_on_while_lists_name_its_networks_or_everything(
    machine, blockd
):
    blockd.put("list.toml", listing([*NETWORKS, "198.18.53.0/24", "2001:db8:53::/48"]))
    blockd.start()
    blockd.await_generation(1)
    assert works(machine)
    assert blocked(machine, *ELSEWHERE, *OPEN) == ELSEWHERE
    blockd.put("list.toml", listing(WHOLE + SPECIAL))
    until(lambda: blockd.ask("compiler").get("problem"), blockd.said)
    assert works(machine)
    assert blocked(machine, *ELSEWHERE, *OPEN) == ELSEWHERE


def test_a_lease_is_renewed_and_moved_into_a_listed_network_without_harm(machine, blockd):
    blockd.put("list.toml", listing(AROUND))
    assert blockd.blockd("compile").returncode == 0
    blockd.start("route")
    until(lambda: blockd.ask("routes").get("generation") == 1, blockd.said)
    own, router = OWN[0], "198.18.40.1"
    machine.space.ip(f"address replace {own}/24 dev eth0 noprefixroute {machines.LEASE}")
    assert works(machine)
    assert blocked(machine, router) == (router,)
    machine.space.ip(f"address add 198.18.40.5/24 dev eth0 {machines.LEASE}")
    machine.space.ip(f"route replace default via {router} dev eth0 proto dhcp metric 100")
    try:
        until(lambda: not blocked(machine, router), blockd.said, 1)
        machine.goes_on()
        assert blocked(machine, *ELSEWHERE, *OPEN) == ELSEWHERE
    finally:
        default = f"default via {ROUTERS[0]} dev eth0 proto dhcp src {own} metric 100"
        machine.space.ip(f"route replace {default}")
        machine.space.ip("address del 198.18.40.5/24 dev eth0")
    assert works(machine)


@pytest.fixture(scope="module")
def running(machine, tmp_path_factory):
    with preparing(machine, tmp_path_factory.mktemp("blockd")) as made:
        made.before = others(machine.space)
        made.put("list.toml", listing([]))
        assert made.blockd("compile").returncode == 0
        assert works(machine)
        assert blocked(machine, *ELSEWHERE, *OPEN) == ()
        made.start("route")
        until(lambda: made.ask("routes").get("generation"), made.said)
        yield made


@pytest.mark.parametrize("case", CASES)
def test_what_the_lists_guard_would_refuse_the_kernels_guard_makes_harmless(
    machine, running, monkeypatch, case
):
    monkeypatch.setattr(guard, "inspect", lambda parsed, *_: parsed)
    monkeypatch.setattr("blockd.policy.publish.require_proof", lambda *_: None)
    number = commit(running, CASES[case])
    until(lambda: in_force(running, number), running.said)
    assert works(machine)
    assert blocked(machine, *ELSEWHERE) == ELSEWHERE
    assert others(machine.space) == running.before


def in_force(running, number):
    """Tell whether a generation is enforced, or was given up with the reason."""
    status = running.ask("routes")
    return status["generation"] == number or bool(status["problems"])
