"""A gateway with the real daemons in a namespace, and clients on both of its sides.

The daemons are started as an operator does; clients are dig, curl, scapy, and sockets of the
client's namespace that this process holds.
"""

import contextlib
import ipaddress
import itertools
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from blockd import prefixes
from blockd.errors import UnreachableError
from blockd.service import control
from tests import topology
from tests.e2e.internet import DNS, ECHO, NAME_SERVERS
from tests.resolver import messages
from tests.topology import GATEWAY_V4, GATEWAY_V6, INTERNET_V4, INTERNET_V6, Namespace, Topology

PATIENCE = 15.0
"""Seconds until something that takes a fraction of one counts as never."""

FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
PLANES = ("resolver", "routes")
TABLE = 5354

NAME = "www.exchange-001.example"
LISTED = {"198.18.1.1", "2001:db8:1::1"}
OPEN = {"198.18.0.9", "2001:db8::9"}
ADDRESSES = LISTED | OPEN
"""A name and addresses on the shipped list, and some that are not."""
LAST = {INTERNET_V4, INTERNET_V6}
"""The other end of the uplink, in both families: whoever reaches anything reaches it."""

RULES = topology.repository() / "rules"


def program(name):
    """Skip where a client's program is missing; in CI it may not be."""
    if shutil.which(name) is None:
        if os.environ.get("CI") == "true":
            pytest.fail(f"needs {name}, and CI must not skip it", pytrace=False)
        pytest.skip(f"needs {name}")
    return name


def until(condition, what, patience=PATIENCE):
    """Return the condition's value once it is true."""
    deadline = time.monotonic() + patience
    while not (value := condition()):
        assert time.monotonic() < deadline, f"never: {what() if callable(what) else what}"
        time.sleep(0.005)
    return value


@contextlib.contextmanager
def internet():
    """Make the three namespaces, with servers in the internet."""
    with topology.gateway() as net:
        process = net.internet.popen(
            sys.executable, "-m", "tests.e2e.internet",
            stdout=subprocess.PIPE, cwd=topology.repository(),
        )  # fmt: skip
        assert process.stdout.readline() == b"ready\n"
        yield net


@dataclass
class Gateway:
    """One configuration, its lists and state, and whatever of blockd runs on them."""

    net: Topology
    directory: Path
    processes: list = field(default_factory=list)

    def __post_init__(self):
        self.rules = self.directory / "rules"
        self.state = self.directory / "state"
        self.config = self.directory / "blockd.toml"
        self.log = self.directory / "log"

    def prepare(self, lists, **options):
        """Write the configuration and the lists, file name to text."""
        self.rules.mkdir()
        self.log.touch()
        self.configure(**options)
        for name, text in lists.items():
            self.put(name, text)
        return self

    def configure(self, *, resolver="", routes="", paths=None):
        """Write the configuration; the sections' further lines are given."""
        self.config.write_text(
            f"[list]\npaths = {[str(path) for path in paths or [self.rules]]}\n"
            f'[resolver]\nlisten = ["{GATEWAY_V4}:{DNS}", "[{GATEWAY_V6}]:{DNS}"]\n'
            f"upstreams = {list(NAME_SERVERS)}\n{resolver}\n[routes]\n{routes}\n"
        )

    def put(self, name, text):
        """Put a list in place as editors and feeds should, beside and by rename; return when."""
        beside = self.rules / f".{name}.new"
        beside.write_text(text)
        started = time.monotonic()
        beside.replace(self.rules / name)
        return started

    def blockd(self, *words, wrapped=()):
        """Run a verb to its end in the gateway's namespace."""
        argv = [*wrapped, *self._argv(*words)]
        return self.net.gateway.run(*argv, check=False)

    def start(self, verb="up", wrapped=()):
        """Start a daemon in the gateway's namespace; its output goes to the log."""
        with self.log.open("ab") as log:
            process = self.net.gateway.popen(
                *wrapped, *self._argv(verb), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self.processes.append(process)
        return process

    def _argv(self, *words):
        options = ["--config", str(self.config), "--state", str(self.state)]
        return [sys.executable, "-m", "blockd", *options, *words]

    def stop(self):
        """End what was started, and whatever it started, and take all routes and rules away."""
        for process in self.processes:
            kill([process.pid, *children(process.pid).values()])
            process.wait()
        for family in ("-4", "-6"):
            for table in (TABLE, TABLE + 1):
                self.net.gateway.ip(f"{family} route flush table {table}", check=False)
                while f"lookup {table}" in self.net.gateway.ip(f"{family} rule"):
                    self.net.gateway.ip(f"{family} rule del table {table}")

    def ask(self, daemon):
        """Return a daemon's status; empty where it does not run."""
        try:
            return control.ask(self.state / "run" / daemon / "control")
        except UnreachableError:
            return {}

    def enforced(self):
        """Return the generations of the planes; 0 for one that enforces nothing."""
        return [self.ask(plane).get("generation") or 0 for plane in PLANES]

    def await_generation(self, number):
        """Wait until both planes enforce it, or a later one."""

        def what():
            return f"generation {number} on both planes; {self.enforced()}\n{self.said()}"

        until(lambda: min(self.enforced()) >= number, what)

    def await_daemons(self, *daemons):
        """Wait until they answer on their control sockets."""
        until(lambda: all(self.ask(daemon) for daemon in daemons), self.said)

    def generation(self):
        """Return the number of the generation that is current in the store."""
        return int((self.state / "current").readlink().stem)

    def said(self):
        return self.log.read_text()

    def routes(self):
        """Return blockd's routes in the kernel, both families and tables: prefix to type."""
        return {
            str(prefixes.parse(words[1])): words[0]
            for family in ("-4", "-6")
            for line in self.net.gateway.ip(f"{family} route show table all proto 177").splitlines()
            if (words := line.split())
        }

    def ruled(self):
        """Return the families in which a rule looks one of the two tables up."""
        return [
            family
            for family in ("-4", "-6")
            if re.search(f"lookup ({TABLE}|{TABLE + 1}) ", self.net.gateway.ip(f"{family} rule"))
        ]


@contextlib.contextmanager
def running(net, directory, lists, **options):
    """Run `blockd up` until the block ends."""
    made = Gateway(net, directory)
    try:
        made.prepare(lists, **options).start()
        made.await_generation(1)
        yield made
    finally:
        made.stop()


def children(pid):
    """Return the daemons that a process of `blockd up` started: verb to process."""
    try:
        pids = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return {
            Path(f"/proc/{each}/cmdline").read_text().split("\0")[-2]: int(each) for each in pids
        }
    except (OSError, IndexError):
        return {}


def kill(pids):
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    until(lambda: not any(alive(pid) for pid in pids), f"the end of {pids}")


def alive(pid):
    """Tell whether a process has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def socket_in(space: Namespace, family, kind=socket.SOCK_DGRAM):
    """Return a socket of another namespace. It stays there, whoever uses it."""
    ours, theirs = socket.socketpair()

    def inside():
        with socket.socket(family, kind) as made:
            socket.send_fds(theirs, [b"."], [made.fileno()])

    with ours, theirs:
        space.call(inside)
        _, descriptors, _, _ = socket.recv_fds(ours, 1, 1)
        return socket.socket(fileno=descriptors[0])


def exchanged(sock, packet):
    """Send a query on a connected socket; return the reply, which is awaited for seconds."""
    sock.settimeout(PATIENCE)
    if sock.type == socket.SOCK_DGRAM:
        sock.send(packet)
        return messages.read(sock.recv(65535))
    sock.sendall(len(packet).to_bytes(2) + packet)
    octets = b""
    while len(octets) < 2 or len(octets) < 2 + int.from_bytes(octets[:2]):
        more = sock.recv(65535)
        assert more, f"closed after {octets!r}"
        octets += more
    return messages.read(octets[2:])


def _waiting(sock):
    """Yield the datagrams that have come to a socket."""
    sock.settimeout(0)
    with contextlib.suppress(BlockingIOError):
        while True:
            yield sock.recv(4096)


class Client:
    """Sockets of the client's namespace: asks the gateway, and sees which addresses answer."""

    def __init__(self, space: Namespace):
        self.space = space
        self.names = {version: socket_in(space, family) for version, family in FAMILIES.items()}
        self.echoes = {version: socket_in(space, family) for version, family in FAMILIES.items()}
        self.probes = {}
        for version, server in ((4, GATEWAY_V4), (6, GATEWAY_V6)):
            self.names[version].connect((server, DNS))
        self._numbers = itertools.cycle(range(1, 1 << 16))

    def close(self):
        for sock in (*self.names.values(), *self.echoes.values(), *self.probes.values()):
            sock.close()

    def ask(self, name, qtype="A", version=4, patience=2.0):
        """Return the resolver's reply; None where none came."""
        number = next(self._numbers)
        sock = self.names[version]
        sock.send(messages.query(name, qtype, number=number))
        deadline = time.monotonic() + patience
        while (left := deadline - time.monotonic()) > 0:
            sock.settimeout(left)
            try:
                packet = sock.recv(4096)
            except TimeoutError:
                return None
            if int.from_bytes(packet[:2], "big") == number:
                return messages.read(packet)
        return None

    def blocked(self, name, qtype="A", version=4):
        """Tell whether the resolver answers a name of its own, by its extended error."""
        reply = self.ask(name, qtype, version)
        return reply is not None and bool(messages.errors(reply))

    def finds_in_force(self):
        """Tell whether the shipped list is enforced, as far as a client sees."""
        replies = [self.ask(name) for name in (NAME, "www.unlisted.test")]
        blocked = [reply is not None and bool(messages.errors(reply)) for reply in replies]
        reached = self.reached(ADDRESSES)
        if (blocked, reached) == ([True, False], OPEN):
            return True
        print("not in force:", *replies, reached)  # for the report of a test that fails
        return False

    def look(self, name, *addresses, patience=0.05):
        """Yield what a client sees, again and again: when it looked, and what was blocked.

        A look is a query and a datagram to each address, sent at one moment; an address that
        does not answer in time counts as blocked. Looks follow each other without waiting for
        their answers, which come with the next ones.
        """
        sent, answers = {}, {}
        for address in addresses:
            if address not in self.probes:
                self.probes[address] = socket_in(self.space, FAMILIES[6 if ":" in address else 4])
                self.probes[address].connect((address, ECHO))
        while True:
            number = next(self._numbers)
            sent[number] = time.monotonic()
            self.names[4].send(messages.query(name, number=number))
            for address in addresses:
                self.probes[address].send(number.to_bytes(2))
            time.sleep(0.003)
            for packet in _waiting(self.names[4]):
                answers[name, int.from_bytes(packet[:2])] = bool(
                    messages.errors(messages.read(packet))
                )
            for address in addresses:
                for payload in _waiting(self.probes[address]):
                    answers[address, int.from_bytes(payload)] = False
            while sent and time.monotonic() - next(iter(sent.values())) > patience:
                number, at = next(iter(sent.items()))
                del sent[number]
                seen = [answers.pop((name, number), None)]
                seen += [answers.pop((address, number), True) for address in addresses]
                yield at, seen

    def reached(self, addresses):
        """Return the addresses that answer.

        Each is tried twice before it counts as silent. A try is over when the uplink's other
        end, which is on no list and is asked last, has answered: then all before it would have.
        """
        missing = {str(ipaddress.ip_address(address)) for address in addresses}
        for _ in range(2):
            # An echo of an earlier try may come late.
            payload = next(self._numbers).to_bytes(2)
            for address in sorted(missing):
                self._send_echo(address, payload)
            missing -= self._echoed(payload)
        return {
            address for address in addresses if str(ipaddress.ip_address(address)) not in missing
        }

    def _send_echo(self, address, payload):
        self.echoes[6 if ":" in address else 4].sendto(payload, (address, ECHO))

    def _echoed(self, payload):
        """Return who echoes a payload before both ends of the uplink, asked now, have done so."""
        senders, deadline = set(), time.monotonic() + PATIENCE
        ready = []
        while not senders >= LAST:
            assert time.monotonic() < deadline, f"no echo from beyond the gateway, only {senders}"
            if not ready:
                for address in LAST - senders:
                    self._send_echo(address, payload)
            ready = select.select(list(self.echoes.values()), [], [], 0.1)[0]
            for echo, sender in [sock.recvfrom(64) for sock in ready]:
                senders |= {sender[0]} if echo == payload else set()
        return senders


def dig(client, *words):
    """Run dig in a namespace; return what it prints."""
    return client.run(program("dig"), "+timeout=2", "+tries=1", *words, check=False).stdout


def curl(client, target, *words):
    """Fetch a page; return curl's exit status and the page, which says where it came from."""
    url = f"http://[{target}]/" if ":" in target else f"http://{target}/"
    done = client.run(
        program("curl"), "-sS", "--noproxy", "*", "--connect-timeout", "0.4", "-m", "5", *words,
        url, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout


CONNECTED, UNREACHED, TIMED_OUT = 0, 7, 28
"""Exit statuses of curl."""


def shipped():
    """Return the lists that blockd ships."""
    return {path.name: path.read_text() for path in sorted(RULES.glob("*.toml"))}
