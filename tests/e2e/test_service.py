"""The services under a real systemd: when they are ready, what a reload promises, who waits."""

import contextlib
import itertools
import json
import subprocess
import sys
import threading
import time

import pytest

from tests import readme
from tests.e2e import gateway as gateways
from tests.e2e import host
from tests.e2e.gateway import ADDRESSES, NAME, OPEN, PLANES, until
from tests.e2e.host import put
from tests.e2e.internet import DNS
from tests.resolver import messages
from tests.topology import CLIENT_V4, CLIENT_V6, GATEWAY_V4, GATEWAY_V6

pytestmark = pytest.mark.root

COMPILER, RESOLVER, ROUTES, WEB = SERVICES = (
    "blockd.service", "blockd-resolver.service", "blockd-routes.service", "blockd-web.service",
)  # fmt: skip
SOCKET = "blockd-resolver.socket"
CONFIG = '[resolver]\nupstreams = ["198.18.0.53"]\n'
BAD = '[list]\nname = "Bad"\n\n[[platform]]\nid = "p901"\nprefixes = ["0.0.0.0/0"]\n'
RATE = 300
"""Queries a second while the resolver restarts."""
CLIENTS_PATIENCE = 2.0


def listed(number):
    """Return a list of one platform, and a name and an address of it."""
    text = (
        f'[list]\nname = "Fresh"\n[[platform]]\nid = "p90{number}"\n'
        f'domains = ["fresh-{number}.test"]\nprefixes = ["198.19.{number}.0/28"]\n'
    )
    return text, f"www.fresh-{number}.test", f"198.19.{number}.1"


def configure(machine, more=""):
    machine.write("/etc/blockd/blockd.toml", CONFIG + more)


@pytest.fixture(scope="module")
def booted(net):
    with host.booted(net.gateway) as machine:
        configure(machine)
        yield machine
        machine.systemctl("stop", *SERVICES, SOCKET)


@pytest.fixture
def machine(booted):
    """A host on which all is started and the shipped list alone is in force."""
    rules = booted.path("/etc/blockd/rules.d")
    lists = {path.name: path.read_text() for path in rules.iterdir()}
    configured = booted.path("/etc/blockd/blockd.toml").read_text()
    running = states(booted, *SERVICES) == ["active"] * len(SERVICES)
    if (lists, configured, running) != (gateways.shipped(), CONFIG, True):
        configure(booted)
        for name in lists.keys() - gateways.shipped().keys():
            (rules / name).unlink()
        for name, text in gateways.shipped().items():
            put(booted, name, text)
        operate(booted, "start")
        booted.systemctl("reload", COMPILER)
    return booted


def operate(machine, step):
    """Do as the README says; return what it prints, by its lines."""
    lines = readme.command(f"operate: {step}").splitlines()
    return [machine.run("sh", "-ec", line).stdout for line in lines]


def states(machine, *units):
    return [machine.show(unit, "ActiveState") for unit in units]


def begun(machine, *words):
    """Begin a systemctl, which goes on by itself."""
    return subprocess.Popen(machine.argv("systemctl", *words), stdin=subprocess.DEVNULL)


def test_planes_wait_for_a_first_list_and_are_ready_when_it_is_in_force(booted, client):
    put(booted, "bad.toml", BAD)
    booted.systemctl("start", WEB, COMPILER)
    starting = begun(booted, "start", RESOLVER, ROUTES)
    try:
        until(
            lambda: all(
                "Waiting" in booted.show(unit, "StatusText") for unit in (RESOLVER, ROUTES)
            ),
            "both wait",
        )
        assert states(booted, COMPILER, RESOLVER, ROUTES) == ["active", "activating", "activating"]
        assert client.ask(NAME, patience=0.2) is None
        assert client.reached(ADDRESSES) == ADDRESSES
        for name, text in gateways.shipped().items():
            put(booted, name, text)
        booted.path("/etc/blockd/rules.d/bad.toml").unlink()
        assert starting.wait(gateways.PATIENCE) == 0
        # At once: it is what being ready means.
        assert client.blocked(NAME)
        assert client.reached(ADDRESSES) == OPEN
    finally:
        starting.kill()
        starting.wait()


def test_a_reload_returns_when_both_planes_enforce_the_new_list(machine, client):
    for number in range(1, 4):
        text, name, address = listed(number)
        assert (client.blocked(name), client.reached([address])) == (False, {address})
        put(machine, "fresh.toml", text)
        operate(machine, "reload")
        assert (client.blocked(name), client.reached([address])) == (True, set())
    machine.path("/etc/blockd/rules.d/fresh.toml").unlink()
    machine.systemctl("reload", COMPILER)
    assert (client.blocked(name), client.reached([address])) == (False, {address})


def generation(machine):
    return machine.path("/var/lib/blockd/current").readlink()


def test_a_reload_of_a_bad_list_fails_says_why_and_changes_nothing(machine, client):
    before = generation(machine)
    put(machine, "bad.toml", BAD)
    done = machine.run("systemctl", "reload", COMPILER, check=False)
    assert done.returncode == 1
    status = machine.run("systemctl", "status", "--no-pager", "--full", COMPILER, check=False)
    assert "/etc/blockd/rules.d/bad.toml:6: guard: " in status.stdout
    assert "nothing was changed" in status.stdout
    assert states(machine, *SERVICES) == ["active"] * len(SERVICES)
    assert generation(machine) == before
    assert client.finds_in_force()
    wrong = until(lambda: entries(machine, "PRIORITY=3", "BLOCKD_LINE=6"), "what the watcher says")
    assert {entry["BLOCKD_SOURCE"] for entry in wrong} == {"/etc/blockd/rules.d/bad.toml"}
    said = entries(machine, "--unit", COMPILER, "PRIORITY=3", "_TRANSPORT=stdout")
    assert any(entry["MESSAGE"].startswith("blockd: ") for entry in said)


def test_sighup_takes_on_lists_and_configuration_alike(machine, client):
    text, name, address = listed(4)
    machine.write("/etc/blockd/elsewhere/fresh.toml", text)
    paths = '["/etc/blockd/rules.d", "/etc/blockd/elsewhere"]'
    configure(machine, f"[list]\npaths = {paths}\n")
    assert (client.blocked(name), client.reached([address])) == (False, {address})
    machine.systemctl("kill", "--signal=HUP", COMPILER)
    until(lambda: (client.blocked(name), client.reached([address])) == (True, set()), "in force")


class Asking:
    """A client that asks again and again and repeats nothing: when each was sent and answered."""

    def __init__(self, space):
        self._sock = gateways.socket_in(space, gateways.FAMILIES[4])
        self._sock.connect((GATEWAY_V4, DNS))
        self.sent, self.waited = {}, {}
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=each) for each in (self._send, self._receive)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        """Send no more, and take what comes within a client's patience."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._sock.close()

    def _send(self):
        due = time.monotonic()
        for number in itertools.count(1):
            name = (NAME, "www.kept.test", f"n{number}.test")[number % 3]
            self.sent[number] = time.monotonic()
            self._sock.send(messages.query(name, number=number))
            due += 1 / RATE
            if self._stop.wait(max(due - time.monotonic(), 0)):
                return

    def _receive(self):
        self._sock.settimeout(0.05)
        ended = None
        while ended is None or time.monotonic() < ended:
            if ended is None and self._stop.is_set():
                ended = time.monotonic() + CLIENTS_PATIENCE
            with contextlib.suppress(TimeoutError):
                number = int.from_bytes(self._sock.recv(4096)[:2])
                self.waited[number] = time.monotonic() - self.sent[number]
            if ended is not None and len(self.waited) == len(self.sent):
                return


@pytest.mark.alone
def test_a_restart_of_the_resolver_loses_no_query(machine, net):
    before = host.main_process(machine, RESOLVER)
    with Asking(net.client) as asking:
        until(lambda: len(asking.waited) > RATE // 3, "answers")
        for _ in range(2):
            operate(machine, "restart")
        until(lambda: len(asking.waited) > RATE, "more answers")
    longest = max(asking.waited.values())
    print(f"sent {len(asking.sent)}, answered {len(asking.waited)}, longest wait {longest:.2f} s")
    assert host.main_process(machine, RESOLVER) != before
    assert asking.waited.keys() == asking.sent.keys()
    assert longest < CLIENTS_PATIENCE


def test_only_its_own_user_may_put_a_socket_where_a_daemon_has_its_own(machine):
    users = {"compiler": "blockd", **{name: f"blockd-{name}" for name in (*PLANES, "verify")}}
    script = "for d in . compiler resolver routes verify; do touch $d/x && echo $d; done"
    for name, user in {**users, "web": "blockd-web"}.items():
        argv = ["setpriv", f"--reuid={user}", "--regid=blockd", "--clear-groups"]
        done = machine.run(*argv, "sh", "-c", f"cd /run/blockd; {script}", check=False)
        assert done.stdout.split() == ([name] if name in users else [])
        machine.run(*argv, "sh", "-c", f"rm -f /run/blockd/{name}/x")


def test_who_looks_at_the_daemons_may_ask_them_and_leave_what_it_found(machine):
    machine.systemctl("start", "blockd-verify.service")
    shown = machine.run("curl", "-sS", "http://127.0.0.1:9353/metrics").stdout
    assert "\nblockd_routes_up 1\n" in shown
    assert "\nblockd_enforced 1\n" in shown
    assert "\nblockd_verify_wrong 0\n" in shown
    owner = machine.run("stat", "-c", "%U:%G %a", "/run/blockd/verify/report.json").stdout
    assert owner == "blockd-verify:blockd 640\n"


def entries(machine, *matches):
    """Return messages of the journal, each as its fields."""
    machine.run("journalctl", "--sync")
    lines = machine.run("journalctl", "--no-pager", "--output=json", *matches).stdout
    return [json.loads(line) for line in lines.splitlines()]


def test_the_journal_can_be_searched_by_platform_and_generation(machine):
    (first, *_) = entries(machine, "--unit", COMPILER, "BLOCKD_PLATFORM=p001")
    assert first["MESSAGE"].startswith("generation 1: p001: ")
    assert (first["PRIORITY"], first["SYSLOG_IDENTIFIER"]) == ("6", "blockd")
    found = entries(machine, "SYSLOG_IDENTIFIER=blockd", "BLOCKD_GENERATION=1")
    assert {entry["_SYSTEMD_UNIT"] for entry in found} >= {COMPILER, RESOLVER, ROUTES}
    routes = [entry["MESSAGE"] for entry in found if entry["_SYSTEMD_UNIT"] == ROUTES]
    assert any(text.startswith("installing: blackhole ") for text in routes)
    assert any(text.startswith("enforcing generation 1: ") for text in routes)
    for lines, said in zip(
        operate(machine, "journal"), ("p001: 5 added", "enforcing", "guard: "), strict=True
    ):
        assert said in lines


LARGE = """\
import logging
from blockd.service import logs
logs.configure("large")
logging.getLogger("blockd").error("x" * (1 << 20), extra={"generation": 77})
"""


def test_what_no_datagram_holds_comes_to_the_journal_whole_out_of_a_unit(machine):
    hardening = ("User=blockd", "SystemCallFilter=@system-service", "MemoryDenyWriteExecute=yes")
    options = [f"--property={each}" for each in hardening]
    machine.run("systemd-run", "--wait", *options, "/opt/blockd/bin/python", "-c", LARGE)
    (entry,) = until(lambda: entries(machine, "--all", "BLOCKD_GENERATION=77"), "the message")
    assert (entry["MESSAGE"], entry["PRIORITY"]) == ("x" * (1 << 20), "3")


def test_a_restart_of_the_journal_costs_no_message(machine):
    machine.systemctl("restart", "systemd-journald")
    put(machine, "fresh.toml", listed(5)[0])
    operate(machine, "reload")
    assert until(lambda: entries(machine, "BLOCKD_PLATFORM=p905"), "its line")


def test_the_journal_names_no_client(machine, net, client):
    for version, server in ((4, GATEWAY_V4), (6, GATEWAY_V6)):
        assert client.blocked(NAME, version=version)
        client.ask("www.fails.test", version=version)
        client.names[version].send(b"\0" * 20)
        client.names[version].send(messages.query("a.test")[:-3])
        gateways.dig(net.client, f"@{server}", "+tcp", NAME)
        net.client.run(
            sys.executable, "-c", f"import socket; s = socket.create_connection(({server!r}, 53));"
            r"s.send(b'\0\5hello'); s.close()",
        )  # fmt: skip
    until(lambda: client.ask("www.open.test") is not None, "all of it was read")
    machine.run("journalctl", "--sync")
    whole = machine.run("journalctl", "--no-pager", "--output=export").stdout
    assert "BLOCKD_GENERATION=" in whole
    for address in (CLIENT_V4, CLIENT_V6):
        assert address not in whole


def test_a_stop_of_all_withdraws_the_routes_and_frees_the_port(machine, client, net):
    operate(machine, "stop")
    assert client.reached(ADDRESSES) == ADDRESSES
    assert net.gateway.run("ss", "-Hlntu", "sport = :53").stdout == ""
    assert net.gateway.ip("rule show table 5354") == net.gateway.ip("-6 rule show table 5354") == ""
    assert states(machine, *SERVICES, SOCKET) == ["inactive"] * (len(SERVICES) + 1)


def test_after_a_reboot_the_last_generation_is_in_force_before_lists_are_read(
    booted, client, net, tmp_path
):
    booted.systemctl("stop", *SERVICES, SOCKET)
    kept = {tmp_path: "/var/lib/blockd"}
    with host.booted(net.gateway, kept) as machine:
        configure(machine)
        for name, text in gateways.shipped().items():
            put(machine, name, text)
        machine.systemctl("start", *SERVICES)
        assert client.finds_in_force()
        machine.poweroff()
    for family in ("-4", "-6"):  # as the kernel forgets them
        net.gateway.ip(f"{family} route flush table 5354")
        net.gateway.ip(f"{family} rule del table 5354")
    assert client.reached(ADDRESSES) == ADDRESSES
    with host.booted(net.gateway, kept) as machine:
        configure(machine)
        put(machine, "bad.toml", BAD)
        held = "[Service]\nExecStartPre=/bin/sleep 1000\n"
        machine.write(f"/etc/systemd/system/{COMPILER}.d/test.conf", held)
        machine.systemctl("daemon-reload")
        machine.systemctl("start", "--no-block", *SERVICES)
        machine.systemctl("start", RESOLVER, ROUTES)
        assert states(machine, COMPILER) == ["activating"]
        assert client.finds_in_force()
        machine.systemctl("stop", *SERVICES, SOCKET)
