"""A flood of questions that nobody answers fills the resolver; others are served all the same."""

import contextlib
import socket
import struct
import subprocess
import sys
import threading

import pytest

from blockd.service import control
from tests import topology
from tests.e2e import flood
from tests.e2e.gateway import kill, socket_in, until
from tests.resolver import messages

pytestmark = pytest.mark.root

SERVER, UPSTREAM = "198.18.0.1", "198.18.0.53"
MOST = 2000
LITTLE_ROOM = f"""
import sys
from blockd.__main__ import main
from blockd.resolver import exchange
exchange.MOST_IN_FLIGHT, exchange.CROWDED = {MOST}, {MOST // 4}
sys.exit(main())
"""
"""The program with room for so many questions: to fill it all would keep a processor busy."""
RATE = 800
"""Questions a second: those that end after 4.4 s unanswered are fewer."""
SOURCES = [f"198.18.{site}.{host}" for site in (66, 67) for host in (1, 2, 3)]
CONFIG = f"""
[resolver]
listen = ["{SERVER}:53"]
upstreams = ["{UPSTREAM}"]
allow = ["198.18.0.0/15", "127.0.0.0/8"]
rate_limit = 0
[service]
start_without_list = true
"""


class Upstream(threading.Thread):
    """Answers every question but the flood's."""

    def __init__(self, space):
        super().__init__()
        self.over = False
        self.sock = socket_in(space, socket.AF_INET)
        self.sock.setsockopt(socket.SOL_SOCKET, 33, 4 << 20)  # SO_RCVBUFFORCE, socket(7)
        self.sock.bind((UPSTREAM, 53))
        self.sock.settimeout(0.1)

    def run(self):
        with self.sock:
            while not self.over:
                with contextlib.suppress(TimeoutError):
                    packet, sender = self.sock.recvfrom(4096)
                    if b"\5flood\7example" not in packet:
                        self.sock.sendto(answered(packet), sender)


def answered(packet):
    return messages.reply(packet, f"{messages.read(packet).question[0].name} 60 A 198.19.0.1")


@pytest.fixture(scope="module")
def space():
    with topology.namespace("fairness") as made:
        made.ip("route add local 198.18.0.0/15 dev lo")
        yield made


@pytest.fixture
def ask_status(space, tmp_path):
    """Run resolver and upstream; returns a function that asks for its status."""
    config = tmp_path / "blockd.toml"
    config.write_text(CONFIG)
    argv = [sys.executable, "-c", LITTLE_ROOM, "--config", str(config), "--state", str(tmp_path)]
    upstream = Upstream(space)
    with (tmp_path / "log").open("wb") as log:
        process = space.popen(*argv, "resolve", cwd=topology.repository(), stderr=log, stdout=log)
    upstream.start()
    path = tmp_path / "run" / "resolver" / "control"
    try:
        until(path.exists, "its control socket")
        until(lambda: control.ask(path)["ready"], "a resolver that serves")
        yield lambda: control.ask(path, 5.0)
    finally:
        upstream.over = True
        upstream.join()
        kill([process.pid])


@pytest.fixture
def begin_flood(space):
    """Begin a flood; it ends with the test."""
    begun = []

    def begin(way):
        argv = [sys.executable, "-m", "tests.e2e.flood", way, SERVER, str(RATE), *SOURCES]
        begun.append(space.popen(*argv, cwd=topology.repository(), stdout=subprocess.PIPE))
        assert begun[0].stdout.readline() == b"asking\n"

    yield begin
    kill([each.pid for each in begun])


def asked(space, source, name, way):
    """Return what a client is told."""
    packet = messages.query(name)
    kind = socket.SOCK_STREAM if way == "tcp" else socket.SOCK_DGRAM
    with socket_in(space, socket.AF_INET, kind) as sock:
        sock.settimeout(20)
        sock.bind((source, 0))
        sock.connect((SERVER, 53))
        if way == "tcp":
            sock.sendall(struct.pack("!H", len(packet)) + packet)
            return messages.read(sock.recv(4096)[2:])
        sock.settimeout(2)
        for _ in range(10):  # a flood may fill the socket as well, and stubs ask again
            sock.send(packet)
            with contextlib.suppress(TimeoutError):
                return messages.read(sock.recv(4096))
        raise AssertionError("no answer")


@pytest.mark.parametrize("way", ["udp", "tcp"])
def test_a_prefix_that_fills_the_resolver_keeps_nobody_else_out(
    way, space, ask_status, begin_flood
):
    assert flood.CONNECTIONS * len(SOURCES) * 64 > MOST
    begin_flood(way)
    until(lambda: ask_status()["crowded_out"], ask_status)
    assert ask_status()["in_flight"] == MOST
    clients = ("198.18.5.1", "198.19.5.1", "127.0.0.1")
    for number in range(4):
        for client in clients:
            for own in ("udp", "tcp"):
                told = asked(space, client, f"{number}.{own}.{client}.example", own)
                assert (told.rcode(), len(told.answer)) == (0, 1), messages.errors(told)
    after = ask_status()
    assert after["in_flight"] > MOST * 0.9  # it was full all the time
    assert after["outcomes"]["forwarded"] >= 4 * len(clients) * 2
