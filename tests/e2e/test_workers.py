"""Workers that are killed, and a resolver that is told to read its configuration again.

Whatever happens to one of them, the sockets stay open and clients get their answers.
"""

import os
import re
import signal
import socket
import ssl
import threading
import time
from pathlib import Path

import pytest

from tests.e2e import gateway as gateways
from tests.e2e.gateway import GATEWAY_V4, until
from tests.e2e.internet import ADDRESSES, NAME_SERVERS, OTHER_ADDRESSES, OTHER_SERVER
from tests.resolver import messages
from tests.resolver.certificates import Authority

pytestmark = pytest.mark.root

LISTED, UNLISTED = "www.exchange-001.example", "n{}.unlisted.test"
WORKERS = 2
SERVER_NAME = "dns.example"


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path / "authority")


@pytest.fixture
def running(make_gateway, authority):
    leaf = authority.sign(SERVER_NAME)
    settings = f"""\
workers = {WORKERS}
listen_tls = ["{GATEWAY_V4}:853"]
certificate = "{leaf.certificate}"
key = "{leaf.key}"
"""
    made = make_gateway(resolver=settings)
    made.start()
    made.await_generation(1)
    until(lambda: made.ask("resolver")["ready"], made.said)
    return made


def resolver(gateway):
    return gateways.children(gateway.processes[0].pid)["resolve"]


def workers(gateway):
    pid = resolver(gateway)
    return {int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}


def sockets(pid):
    """Return the inodes of a process's Internet sockets that clients are served on."""
    links = " ".join(str(path.readlink()) for path in Path(f"/proc/{pid}/fd").iterdir())
    lines = [
        line.split()
        for kind in ("tcp", "tcp6", "udp", "udp6")
        for line in Path(f"/proc/{pid}/net/{kind}").read_text().splitlines()[1:]
    ]
    # proc_pid_net(5): local and remote address, state (0A listens, 07 is a UDP socket), ..., inode
    serving = {
        words[9]
        for words in lines
        if words[3] in {"0A", "07"} and words[1].endswith((":0035", ":0355"))
    }
    return serving & set(re.findall(r"socket:\[(\d+)\]", links))


class Asking(threading.Thread):
    """Asks for listed and unlisted names until it is ended, each twice at most."""

    def __init__(self, client):
        super().__init__()
        self.client = client
        self.right = 0
        self.wrong = []
        self.ended = threading.Event()

    def run(self):
        for number in range(1 << 16):
            if self.ended.is_set():
                return
            name = UNLISTED.format(number) if number % 2 else LISTED
            # A worker takes what it has read with it: a client asks again, as all do.
            reply = self.client.ask(name, patience=0.5) or self.client.ask(name)
            if reply is not None and bool(messages.errors(reply)) == (name == LISTED):
                self.right += 1
            else:
                self.wrong.append((name, str(reply)))
            time.sleep(0.001)


def test_a_killed_worker_comes_back_and_queries_go_on(running, client):
    before = workers(running)
    assert len(before) == WORKERS
    asking = Asking(client)
    asking.start()
    try:
        for killed in sorted(before):
            until(lambda: asking.right > 20, lambda: asking.wrong)
            os.kill(killed, signal.SIGKILL)
            until(lambda k=killed: k not in workers(running), running.said)
            until(lambda: len(workers(running)) == WORKERS, running.said)
            until(lambda: running.ask("resolver").get("ready"), running.said)
            asking.right = 0
        until(lambda: asking.right > 20, lambda: asking.wrong)
    finally:
        asking.ended.set()
        asking.join()
    assert asking.wrong == []
    assert not workers(running) & before
    assert resolver(running)
    status = running.ask("resolver")
    assert (status["generation"], status["workers"], status["problem"]) == (1, WORKERS, "")
    assert running.said().count("(Killed); it is started again") == WORKERS


def test_a_hangup_changes_upstreams_and_certificate_and_closes_no_socket(
    running, net, client, authority
):
    authority.sign(SERVER_NAME)  # into the same files
    pids = {resolver(running), *workers(running)}
    serving = {pid: sockets(pid) for pid in pids}
    assert [len(found) for found in serving.values()] == [5] * len(pids)
    assert answer(client.ask(UNLISTED.format(1))) == ADDRESSES["A"]
    with stream(net, 53) as plain, secured(net, authority) as secure:
        first = secure.getpeercert()["serialNumber"]
        for sock in (plain, secure):
            assert answer(ask(sock, UNLISTED.format(2))) == ADDRESSES["A"]

        text = running.config.read_text()
        running.config.write_text(text.replace(str(list(NAME_SERVERS)), f'["{OTHER_SERVER}"]'))
        os.kill(running.processes[0].pid, signal.SIGHUP)
        until(lambda: running.said().count("configuration read again") == WORKERS, running.said)

        assert {pid: sockets(pid) for pid in pids} == serving
        assert {resolver(running), *workers(running)} == pids
        for sock in (plain, secure):  # the connections of before go on as well
            # Nothing of another upstream's is kept: it may see another world.
            for number in (1, 2, 3):
                assert answer(ask(sock, UNLISTED.format(number))) == OTHER_ADDRESSES["A"]
            assert messages.errors(ask(sock, LISTED))
    assert answer(client.ask(UNLISTED.format(1))) == OTHER_ADDRESSES["A"]
    assert client.blocked(LISTED)
    with secured(net, authority) as later:
        assert later.getpeercert()["serialNumber"] != first
        assert answer(ask(later, UNLISTED.format(4))) == OTHER_ADDRESSES["A"]


def answer(reply):
    (rrset,) = reply.answer
    return str(rrset[0])


def ask(sock, name):
    return gateways.exchanged(sock, messages.query(name))


def stream(net, port):
    sock = gateways.socket_in(net.client, socket.AF_INET, socket.SOCK_STREAM)
    sock.connect((GATEWAY_V4, port))
    return sock


def secured(net, authority):
    context = ssl.create_default_context(cafile=authority.file)
    return context.wrap_socket(stream(net, 853), server_hostname=SERVER_NAME)
