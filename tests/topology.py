"""Network namespaces for tests: a client, a gateway and an "internet", joined by veth pairs.

Nothing here, and no test that uses it, may touch routes or rules of PID 1's namespace:
`assert_isolated` is called first in every process that speaks netlink.
"""

import contextlib
import itertools
import os
import shutil
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

CLIENT_V4, GATEWAY_V4 = "10.53.0.2", "10.53.0.1"
CLIENT_V6, GATEWAY_V6 = "fd53::2", "fd53::1"
UPLINK_V4, UPLINK_V6 = "10.54.0.1", "fd54::1"
INTERNET_V4, INTERNET_V6 = "10.54.0.2", "fd54::2"
INTERNET = ("198.18.0.0/15", "2001:db8::/32")
"""What the internet's side answers for, every address of it."""

PREFIX = "blockd-test-"

_numbers = itertools.count()


def unavailable() -> str | None:
    """Return why namespaces cannot be made here; in CI that is an error, never a skip."""
    reason = None
    if os.geteuid() != 0:
        reason = "needs root for network namespaces"
    elif shutil.which("ip") is None:
        reason = "needs iproute2"
    if reason and os.environ.get("CI") == "true":
        pytest.fail(f"{reason}, and CI must not skip it", pytrace=False)
    return reason


def require() -> None:
    """Skip the calling test, with the reason, where namespaces cannot be made."""
    reason = unavailable()
    if reason:
        pytest.skip(reason)


def assert_isolated() -> None:
    """Fail unless this process is in a network namespace that a test made, and so not in PID 1's.

    That it differs from PID 1's is compared as well where /proc/1 may be read. On machines whose
    PID 1 has more capabilities than root's shell it may not, so the proof is the positive one:
    `ip netns add` never returns an existing namespace, and ours are known by their names.
    """
    own = _identity(Path("/proc/self/ns/net"))
    made = set()
    for path in Path("/run/netns").glob(f"{PREFIX}*"):
        with contextlib.suppress(FileNotFoundError):  # another process of the tests removed its own
            made.add(_identity(path))
    assert own in made, "this process is not in a namespace that a test made"
    with contextlib.suppress(PermissionError):
        assert own != _identity(Path("/proc/1/ns/net")), "this is PID 1's network namespace"


def _identity(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino


@dataclass
class Namespace:
    """A network namespace of our own, by its name under /run/netns."""

    name: str
    started: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    def argv(self, *argv: str) -> list[str]:
        return ["ip", "netns", "exec", self.name, *argv]

    def run(
        self, *argv: str, check: bool = True, stdin: str | None = None, timeout: float = 60
    ) -> "subprocess.CompletedProcess[str]":
        """Run a program to its end; its output is captured as text."""
        done = subprocess.run(
            self.argv(*argv),
            check=False,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        if check and done.returncode:
            said = f"{done.stdout}{done.stderr}"
            raise AssertionError(f"{self.name}: {argv}: {done.returncode}\n{said}")
        return done

    def ip(self, *words: str, check: bool = True) -> str:
        """Run `ip` with the words of each argument; return what it prints."""
        argv = [word for text in words for word in text.split()]
        done = subprocess.run(
            ["ip", "-n", self.name, *argv], check=False, capture_output=True, text=True, timeout=30
        )
        if check and done.returncode:
            raise AssertionError(f"ip -n {self.name} {' '.join(argv)}: {done.stderr}")
        return done.stdout

    def popen(self, *argv: str, **options: object) -> "subprocess.Popen[bytes]":
        """Start a program, which is killed with the namespace."""
        process = subprocess.Popen(self.argv(*argv), **options)
        self.started.append(process)
        return process

    def sysctl(self, *settings: str) -> None:
        """Set `key=value` settings."""
        self.run("sysctl", "-q", "-w", *settings)

    def call(self, inside: Callable[[], object]) -> None:
        """Call a function in a forked child inside the namespace; its failure is the caller's."""
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(read)
            status = 1
            with os.fdopen(write, "w") as report:
                try:
                    enter(self.name)
                    inside()
                    status = 0
                except BaseException:  # noqa: BLE001 - all of it belongs to the parent
                    traceback.print_exc(file=report)
            sys.stdout.flush()
            os._exit(status)
        os.close(write)
        with os.fdopen(read) as report:
            text = report.read()
        _, status = os.waitpid(child, 0)
        if status:
            raise AssertionError(f"in {self.name}: status {status}\n{text}")


def enter(name: str) -> None:
    """Move this process into a namespace for good, and make sure of it."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = os.open(f"/run/netns/{name}", os.O_RDONLY | os.O_CLOEXEC)
    if libc.setns(descriptor, 0x40000000):  # CLONE_NEWNET
        raise OSError(ctypes.get_errno(), "setns")
    os.close(descriptor)
    assert_isolated()


@contextlib.contextmanager
def namespace(role: str = "one") -> Iterator[Namespace]:
    """Make a namespace with loopback up; remove it and what was started in it at the end."""
    require()
    name = f"{PREFIX}{os.getpid()}-{next(_numbers)}-{role}"
    subprocess.run(["ip", "netns", "add", name], check=True, timeout=30)
    made = Namespace(name)
    try:
        made.ip("link set lo up")
        yield made
    finally:
        for process in made.started:
            if process.poll() is None:
                process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe:
                    pipe.close()
        subprocess.run(["ip", "netns", "delete", name], check=False, timeout=30)


@dataclass
class Topology:
    """Three namespaces: client - gateway - internet."""

    client: Namespace
    gateway: Namespace
    internet: Namespace


@contextlib.contextmanager
def gateway() -> Iterator[Topology]:
    """Make the three namespaces, with forwarding and both families; about 0.4 s.

    The client is 10.53.0.2 and fd53::2 behind the gateway's 10.53.0.1 and fd53::1; the uplink
    is 10.54.0.1 and fd54::1 towards 10.54.0.2 and fd54::2; the internet owns INTERNET.
    """
    with (
        namespace("client") as client,
        namespace("gateway") as middle,
        namespace("internet") as internet,
    ):
        for each in (client, middle, internet):
            each.sysctl(
                "net.ipv6.conf.all.accept_dad=0",
                "net.ipv6.conf.default.accept_dad=0",
                "net.ipv6.conf.default.accept_ra=0",
            )
        _join(client, (CLIENT_V4, CLIENT_V6), middle, "lan", (GATEWAY_V4, GATEWAY_V6))
        _join(internet, (INTERNET_V4, INTERNET_V6), middle, "wan", (UPLINK_V4, UPLINK_V6))
        middle.sysctl(
            "net.ipv4.ip_forward=1",
            "net.ipv6.conf.all.forwarding=1",
            "net.ipv4.icmp_ratelimit=0",
            "net.ipv6.icmp.ratelimit=0",
            "net.ipv4.icmp_msgs_per_sec=100000",
        )
        internet.sysctl("net.ipv6.ip_nonlocal_bind=1", "net.ipv4.ip_nonlocal_bind=1")
        for prefix in INTERNET:
            internet.ip(f"route add local {prefix} dev lo")
        client.ip(f"route add default via {GATEWAY_V4}")
        client.ip(f"-6 route add default via {GATEWAY_V6}")
        middle.ip(f"route add default via {INTERNET_V4}")
        middle.ip(f"-6 route add default via {INTERNET_V6}")
        internet.ip(f"route add 10.53.0.0/24 via {UPLINK_V4}")
        internet.ip(f"-6 route add fd53::/64 via {UPLINK_V6}")
        yield Topology(client, middle, internet)


def _join(
    leaf: Namespace, own: Sequence[str], middle: Namespace, device: str, theirs: Sequence[str]
) -> None:
    middle.ip(f"link add {device} type veth peer name eth0 netns {leaf.name}")
    for place, interface, (v4, v6) in ((leaf, "eth0", own), (middle, device, theirs)):
        place.ip(f"addr add {v4}/24 dev {interface}")
        place.ip(f"addr add {v6}/64 dev {interface} nodad")
        place.ip(f"link set {interface} up")


def repository() -> Path:
    """Return the directory that the tests and the package live in."""
    return Path(__file__).resolve().parent.parent
