"""A gateway that runs, with the page beside it."""

import contextlib
import http.client
from dataclasses import dataclass

import pytest

from tests.cli.program import Gateway, daemon
from tests.ports import free_port


@dataclass
class Page:
    """Where the page is, and what it belongs to."""

    gateway: Gateway
    port: int
    server: object

    def get(self, path="/", method="GET", **headers):
        """Return status, headers and text; header names with `_` for `-`."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        with contextlib.closing(connection):
            wire = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, headers=wire)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode()


@contextlib.contextmanager
def shown(gateway, *verbs, space=None):
    """Run daemons, and the page beside them."""
    port = free_port()
    gateway.configure(f'\n[service]\nmetrics = "127.0.0.1:{port}"\n')
    with contextlib.ExitStack() as stack:
        for verb in (*verbs, "web"):
            running = stack.enter_context(daemon(gateway.argv(verb), gateway.place, space=space))
            running.notices.until("READY=1")
        yield Page(gateway, port, running)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A gateway without routes, on which all is well."""
    gateway = Gateway(tmp_path_factory.mktemp("page"), free_port())
    with shown(gateway, "watch", "resolve") as made:
        yield made


@pytest.fixture
def gateway(tmp_path):
    """A gateway of a test's own, not compiled yet."""
    return Gateway(tmp_path, free_port())
