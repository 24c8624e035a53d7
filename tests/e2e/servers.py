"""Other DNS servers on loopback, each started on files of a test's own, and one asker for all.

The upstream of all of them answers every name with an address: with the one that the name's
first label spells, as in `198-18-1-5.a.test`, else with OPEN. So a block is what is not that.
"""

import contextlib
import os
import select
import shutil
import socket
import struct
import subprocess
import threading
import time
from typing import NamedTuple

import dns.message
import dns.rdatatype
import pytest

from tests.ports import free_port

OPEN = "198.18.255.1"
WITHIN = 15
_WINDOW = 50


class Answer(NamedTuple):
    """What a server said to one question; what it is silent about has no rcode."""

    rcode: int | None
    cut: bool = False
    addresses: tuple[str, ...] = ()


SILENCE = Answer(None)


def require(*programs):
    """Skip the calling test where a program is missing; in CI that is a failure."""
    missing = [name for name in programs if shutil.which(name, path=_path()) is None]
    if missing and os.environ.get("CI") == "true":
        pytest.fail(f"needs {', '.join(missing)}, and CI must not skip it", pytrace=False)
    if missing:
        pytest.skip(f"needs {', '.join(missing)}")


def _path():
    return f"{os.environ['PATH']}:/usr/sbin:/sbin"


@contextlib.contextmanager
def upstream():
    """Yield the port of a server that has an address for every name."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=_serve, args=(server,))
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.sendto(b"", server.getsockname())
            thread.join()


def _serve(server):
    while True:
        packet, client = server.recvfrom(4096)
        if not packet:
            return
        end = packet.index(0, 12) + 5
        label = packet[13 : 13 + packet[12]].decode()
        parts = label.split("-")
        address = ".".join(parts) if len(parts) == 4 else OPEN
        is_a = packet[end - 4 : end - 2] == b"\0\1"
        head = packet[:2] + struct.pack("!HHHHH", 0x8580 | packet[2] << 8 & 0x100, 1, is_a, 0, 0)
        record = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + socket.inet_aton(address) if is_a else b""
        server.sendto(head + packet[12:end] + record, client)


@contextlib.contextmanager
def running(argv, port, place):
    """Run a server until the end of the block; it answers before the block begins."""
    log = place / "log"
    with log.open("wb") as written:
        process = subprocess.Popen(
            argv, stdout=written, stderr=written, stdin=subprocess.DEVNULL,
            env={**os.environ, "PATH": _path()},
        )  # fmt: skip
    try:
        deadline = time.monotonic() + WITHIN
        while ask(port, ["ready.test"], patience=0.2)["ready.test"] != Answer(0, addresses=(OPEN,)):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
        yield port
    finally:
        process.terminate()
        process.wait(WITHIN)


@contextlib.contextmanager
def unbound(place, above, more, *, modules="iterator"):
    """Run Unbound with lines of configuration; yields its port."""
    port = free_port()
    place.mkdir()
    (place / "unbound.conf").write_text(f"""\
server:
  port: {port}
  interface: 127.0.0.1
  directory: "{place}"
  chroot: ""
  username: ""
  pidfile: ""
  use-syslog: no
  do-daemonize: no
  do-not-query-localhost: no
  module-config: "{modules}"
  local-zone: "test." nodefault
  edns-buffer-size: 1232
{more}
forward-zone:
  name: "."
  forward-addr: 127.0.0.1@{above}
remote-control:
  control-enable: no
""")
    checked = subprocess.run(
        ["unbound-checkconf", str(place / "unbound.conf")],
        check=False, capture_output=True, text=True, env={**os.environ, "PATH": _path()},
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout + checked.stderr
    with running(["unbound", "-c", str(place / "unbound.conf")], port, place):
        yield port


@contextlib.contextmanager
def bind(place, above, zones):
    """Run BIND with response policy zones, the file of each by its name; yields its port."""
    port = free_port()
    place.mkdir()
    listed = " ".join(f'zone "{name}";' for name in zones)
    files = "".join(
        f'zone "{name}" {{ type primary; file "{file}"; check-names ignore; notify no; }};\n'
        for name, file in zones.items()
    )
    (place / "named.conf").write_text(f"""\
options {{
  directory "{place}"; pid-file none; session-keyfile none;
  listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
  forward only; forwarders port {above} {{ 127.0.0.1; }};
  dnssec-validation no; empty-zones-enable no; recursion yes; allow-query {{ any; }};
  qname-minimization off; minimal-responses yes;
  response-policy {{ {listed} }} break-dnssec yes qname-wait-recurse no;
}};
controls {{ }};
{files}""")
    with running(["named", "-g", "-n", "1", "-c", str(place / "named.conf")], port, place):
        yield port


@contextlib.contextmanager
def dnsmasq(place, above, more):
    """Run dnsmasq with lines of configuration; yields its port."""
    port = free_port()
    place.mkdir()
    (place / "dnsmasq.conf").write_text(f"""\
port={port}
listen-address=127.0.0.1
bind-interfaces
no-resolv
no-hosts
cache-size=0
dns-forward-max=1000
server=127.0.0.1#{above}
{more}""")
    argv = [
        "dnsmasq",
        "-k",
        "-u",
        "root",
        "-C",
        str(place / "dnsmasq.conf"),
        "-x",
        str(place / "pid"),
    ]
    with running(argv, port, place):
        yield port


def ask(port, asked, *, patience=1.0, tries=3):
    """Return what a server says to A questions, many of them at a time, each asked again."""
    found = {}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(("127.0.0.1", port))
        for _ in range(tries):
            waiting = [name for name in asked if name not in found]
            for at in range(0, len(waiting), _WINDOW):
                _ask(client, waiting[at : at + _WINDOW], found, patience)
    return {name: found.get(name, SILENCE) for name in asked}


def _ask(client, asked, found, patience):
    pending = {}
    for number, name in enumerate(asked):
        query = dns.message.make_query(name, "A", use_edns=0, payload=1232, id=number)
        pending[number] = name
        with contextlib.suppress(ConnectionRefusedError):
            client.send(query.to_wire())
    deadline = time.monotonic() + patience
    while pending and (left := deadline - time.monotonic()) > 0:
        if not select.select([client], [], [], left)[0]:
            return
        with contextlib.suppress(ConnectionRefusedError):
            reply = dns.message.from_wire(client.recv(65535), ignore_trailing=True)
            name = pending.get(reply.id)
            if name is not None and reply.question[0].name.to_text() == f"{name}.":
                del pending[reply.id]
                found[name] = answered(reply)


def answered(reply):
    """Return a message as an answer."""
    addresses = tuple(
        sorted(
            record.to_text()
            for rrset in reply.answer
            if rrset.rdtype == dns.rdatatype.A
            for record in rrset
        )
    )
    return Answer(int(reply.rcode()), bool(reply.flags & 0x0200), addresses)
