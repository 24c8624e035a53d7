"""A notice service on a gateway of a test's own, and clients that write octets to it."""

import contextlib
import socket
from dataclasses import dataclass

import pytest

from blockd.service import control
from tests.cli.program import WITHIN, Gateway, daemon
from tests.ports import free_port

LISTED = b"GET / HTTP/1.1\r\nHost: www.listed.example\r\n\r\n"


@dataclass
class Service:
    """Where it is, and what it belongs to."""

    gateway: Gateway
    port: int
    running: object

    def connect(self, octets=b"", source="127.0.0.1"):
        """Open a connection and send what there is."""
        sock = socket.create_connection(("127.0.0.1", self.port), WITHIN, (source, 0))
        sock.sendall(octets)
        return sock

    def ask(self, octets, source="127.0.0.1"):
        """Send octets; return all that comes until the other side closes."""
        with self.connect(octets, source) as sock:
            return rest(sock)

    def status(self):
        return control.ask(self.gateway.control("notice"), WITHIN)


def rest(sock):
    """Return what still comes on a connection; a reset is an end as well."""
    found = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := sock.recv(65536):
            found += piece
    return found


@contextlib.contextmanager
def served(gateway, more=""):
    """Run the notice service until the end of the block."""
    port = free_port()
    gateway.configure(f'\n[notice]\nlisten = ["127.0.0.1:{port}"]\n{more}')
    with daemon(gateway.argv("notice"), gateway.place) as running:
        running.notices.until("READY=1")
        yield Service(gateway, port, running)


@pytest.fixture
def gateway(tmp_path):
    """A gateway of a test's own, not compiled yet."""
    return Gateway(tmp_path)


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """A service on which all is well."""
    gateway = Gateway(tmp_path_factory.mktemp("notice"))
    assert gateway.run("compile").status == 0
    with served(gateway, 'operator = "https://isp.example/blocking"\n') as made:
        yield made
