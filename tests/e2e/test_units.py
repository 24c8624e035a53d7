"""The units under a real systemd: what a stop, a restart, a crash and a shutdown do to routes."""

import contextlib
import socket

import pytest

from blockd.routes import messages
from tests.e2e import gateway as gateways
from tests.e2e import host
from tests.e2e.gateway import ADDRESSES, LISTED, OPEN, TABLE, until

ROUTES = "blockd-routes.service"
CONFIG = '[resolver]\nupstreams = ["10.54.0.2"]\n[routes]\n'

LINGERING = "TimeoutStopSec=500ms\nKillSignal=SIGURG"
"""The daemon does not end when it is told to, and is killed after a while."""

_GROUPS = 1 << 6 | 1 << 7 | 1 << 10 | 1 << 18
"""RTNLGRP_*, less one: IPv4 route and rule, IPv6 route and rule; linux/rtnetlink.h."""
_RECEIVE_FORCED = 33  # SO_RCVBUFFORCE


@pytest.fixture(scope="module")
def booted(net):
    with host.booted(net.gateway) as machine:
        for name, text in gateways.shipped().items():
            machine.write(f"/etc/blockd/rules.d/{name}", text)
        # Nothing of this needs a D-Bus daemon, which a small host does not have.
        machine.systemctl("mask", "--now", "dbus.socket", "dbus.service", "dbus-broker.service")
        yield machine
        machine.systemctl("stop", ROUTES)


@pytest.fixture
def machine(booted):
    """A host whose routes are in force, by the defaults."""
    configure(booted)
    change_unit(booted, "")
    booted.systemctl("start", ROUTES)
    return booted


def configure(machine, more=""):
    machine.write("/etc/blockd/blockd.toml", CONFIG + more)


def change_unit(machine, lines):
    """Change the unit until the end of the test; it is restarted soon after a crash besides."""
    text = f"[Service]\nRestartSec=50ms\n{lines}\n"
    path = f"/etc/systemd/system/{ROUTES}.d/test.conf"
    if not machine.path(path).exists() or machine.path(path).read_text() != text:
        machine.write(path, text)
        machine.systemctl("daemon-reload")


def main_process(machine):
    return int(machine.show(ROUTES, "MainPID"))


def signal(machine, name):
    machine.systemctl("kill", f"--signal={name}", "--kill-whom=main", ROUTES)


def explained_as_blocked(machine):
    """Return the listed addresses that `explain` calls blocked, by its exit status."""
    argv = ["blockd", "explain"]
    return {each for each in LISTED if machine.run(*argv, each, check=False).returncode == 0}


def table(space, number=TABLE):
    """Return all that the kernel holds of ours, both families, as text."""
    return [
        space.ip(f"{family} {what}")
        for family in ("-4", "-6")
        for what in (f"route show table {number}", f"rule show table {number}")
    ]


EMPTY = ["", "", "", ""]


@contextlib.contextmanager
def deletions(space):
    """Give a list, filled at the end: every route or rule that the kernel deleted meanwhile."""
    found = []
    with gateways.socket_in(space, socket.AF_NETLINK, socket.SOCK_RAW) as listener:
        listener.setsockopt(socket.SOL_SOCKET, _RECEIVE_FORCED, 8 << 20)
        listener.bind((0, _GROUPS))
        yield found
        listener.settimeout(0)
        with contextlib.suppress(BlockingIOError):
            while True:
                for message, *_ in messages.split(listener.recv(1 << 16)):
                    if message in {messages.DEL_ROUTE, messages.DEL_RULE}:
                        found.append(message)


def test_a_stop_lets_clients_through_and_a_start_blocks_again(machine, client, net):
    held = table(net.gateway)
    assert client.reached(ADDRESSES) == OPEN
    assert explained_as_blocked(machine) == LISTED
    machine.systemctl("stop", ROUTES)
    assert table(net.gateway) == EMPTY
    assert client.reached(ADDRESSES) == ADDRESSES
    assert explained_as_blocked(machine) == set()
    assert "routes withdrawn; no rule of ours is left" in machine.journal(ROUTES)
    machine.systemctl("start", ROUTES)
    assert table(net.gateway) == held
    assert client.reached(ADDRESSES) == OPEN


def crash(name):
    return lambda machine: signal(machine, name)


NO_STOPS = {
    "restart": lambda machine: machine.systemctl("restart", ROUTES),
    "an upgraded systemd": lambda machine: (
        machine.systemctl("daemon-reexec"),
        machine.systemctl("try-restart", ROUTES),
    ),
    "a start before the stop is done": lambda machine: (
        change_unit(machine, LINGERING),
        machine.systemctl("stop", "--no-block", ROUTES),
        machine.systemctl("start", ROUTES),
    ),
    "SIGTERM from somebody else": crash("TERM"),
    "kill -9": crash("KILL"),
}


@pytest.mark.parametrize("happens", NO_STOPS.values(), ids=NO_STOPS.keys())
def test_what_is_no_stop_for_good_never_takes_a_route_away(machine, net, happens):
    before, held = main_process(machine), table(net.gateway)
    with deletions(net.gateway) as deleted:
        happens(machine)
        until(lambda: main_process(machine) not in {0, before}, "another process")
        until(lambda: machine.show(ROUTES, "ActiveState") == "active", "ready again")
    assert deleted == []
    assert table(net.gateway) == held


def test_a_hang_that_the_watchdog_ends_keeps_them(machine, net):
    change_unit(machine, "WatchdogSec=300ms")
    machine.systemctl("restart", ROUTES)
    before, held = main_process(machine), table(net.gateway)
    with deletions(net.gateway) as deleted:
        signal(machine, "STOP")
        until(lambda: "watchdog" in machine.journal(ROUTES), "the watchdog")
        until(lambda: main_process(machine) not in {0, before}, "another process")
    assert deleted == []
    assert table(net.gateway) == held
    machine.systemctl("stop", ROUTES)


def test_what_is_lost_between_a_crash_and_the_restart_is_mended(machine, net):
    held = table(net.gateway)
    change_unit(machine, "RestartSec=300ms")
    signal(machine, "KILL")
    until(lambda: machine.show(ROUTES, "SubState") == "auto-restart", "the crash")
    net.gateway.ip(f"route del blackhole 198.18.1.0/28 table {TABLE}")
    net.gateway.ip(f"-6 rule del table {TABLE}")
    assert table(net.gateway) != held
    until(lambda: table(net.gateway) == held, "mended")


def test_a_daemon_that_has_to_be_killed_to_stop_is_withdrawn_all_the_same(machine, net):
    change_unit(machine, LINGERING)
    machine.systemctl("stop", ROUTES)
    assert machine.show(ROUTES, "Result") == "timeout"
    assert table(net.gateway) == EMPTY


def test_the_configuration_can_have_a_stop_keep_them(machine, net):
    held = table(net.gateway)
    configure(machine, "withdraw_on_stop = false\n")
    with deletions(net.gateway) as deleted:
        machine.systemctl("stop", ROUTES)
    assert deleted == []
    assert table(net.gateway) == held
    assert "routes are kept: by [routes] withdraw_on_stop = false" in machine.journal(ROUTES)


def test_a_stop_with_a_broken_configuration_withdraws(machine, net):
    configure(machine, "tabel = 1\n")
    machine.systemctl("stop", ROUTES)
    assert table(net.gateway) == EMPTY
    assert "withdrawing what the kernel shows as blockd's" in machine.journal(ROUTES)


def test_a_stop_withdraws_from_the_tables_of_before_the_configuration_changed(machine, net):
    configure(machine, "table = 99\npreference = 98\n")
    machine.systemctl("stop", ROUTES)
    assert table(net.gateway) == EMPTY
    assert machine.systemctl("is-failed", ROUTES, check=False) == "inactive\n"


def test_a_stop_between_a_crash_and_the_restart_leaves_them_to_be_withdrawn_by_hand(machine, net):
    change_unit(machine, "RestartSec=60s")
    held = table(net.gateway)
    signal(machine, "KILL")
    until(lambda: machine.show(ROUTES, "SubState") == "auto-restart", "the crash")
    machine.systemctl("stop", ROUTES)
    assert table(net.gateway) == held
    machine.run("blockd", "route", "--withdraw")
    assert table(net.gateway) == EMPTY


def test_a_restart_on_other_tables_moves_there_before_it_leaves_the_old_ones(machine, client, net):
    configure(machine, "table = 99\npreference = 98\n")
    machine.systemctl("restart", ROUTES)
    assert table(net.gateway) == EMPTY
    assert "blackhole 198.18.1.0/28" in table(net.gateway, 99)[0]
    assert "lookup 99" in table(net.gateway, 99)[1]
    assert client.reached(ADDRESSES) == OPEN
    configure(machine)
    machine.systemctl("restart", ROUTES)
    assert table(net.gateway, 99) == EMPTY
    assert "rules withdrawn from tables that" in machine.journal(ROUTES)


def test_a_shutdown_leaves_them_to_the_last(booted, net):
    booted.systemctl("stop", ROUTES)
    with host.booted(net.gateway) as machine:
        configure(machine)
        for name, text in gateways.shipped().items():
            machine.write(f"/etc/blockd/rules.d/{name}", text)
        machine.systemctl("start", ROUTES)
        held = table(net.gateway)
        with deletions(net.gateway) as deleted:
            machine.poweroff()
        assert deleted == []
        assert table(net.gateway) == held != EMPTY
    for family in ("-4", "-6"):
        net.gateway.ip(f"{family} route flush table {TABLE}")
        net.gateway.ip(f"{family} rule del table {TABLE}")
