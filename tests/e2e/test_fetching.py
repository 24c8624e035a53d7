"""The fetching unit under a real systemd: what it gets is in force, and it can do nothing else."""

import contextlib
import socket
import subprocess
from pathlib import Path

import pytest

from blockd.minisign import signature as signatures
from blockd.minisign.keys import SecretKey
from tests.e2e import gateway as gateways
from tests.e2e import host
from tests.e2e.gateway import until
from tests.resolver.certificates import Authority, require

FETCH = "blockd-fetch.service"
PORT = 8443  # in a namespace of the test's own
KEY = SecretKey.make(b"number__", b"s" * 32)
CONFIG = f"""\
[list]
paths = []
[[list.source]]
url = "https://localhost:{PORT}/blocked.txt"
key = "{KEY.public}"
[fetch]
ca = "/etc/blockd/ca.pem"
[routes]
enabled = false
"""


class Publisher:
    """A web server's directory with a signed list."""

    def __init__(self, directory):
        self.directory = directory

    def publish(self, edition):
        content = f"edition-{edition}.example\n".encode()
        signature = signatures.sign(content, KEY, f"serial:{edition}").file("x")
        (self.directory / "blocked.txt.minisig").write_text(signature)
        (self.directory / "blocked.txt").write_bytes(content)


def listens(space):
    with gateways.socket_in(space, socket.AF_INET, socket.SOCK_STREAM) as client:
        return client.connect_ex(("127.0.0.1", PORT)) == 0


@pytest.fixture(scope="module")
def served(net, tmp_path_factory):
    require("openssl")
    place = tmp_path_factory.mktemp("web")
    authority = Authority(place / "ca")
    leaf = authority.sign("localhost")
    pages = place / "pages"
    pages.mkdir()
    server = net.gateway.popen(
        "openssl", "s_server", "-WWW", "-quiet", "-accept", f"127.0.0.1:{PORT}",
        "-cert", leaf.certificate, "-key", leaf.key,
        cwd=pages, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until(lambda: listens(net.gateway), "the web server")
        yield Publisher(pages), authority.file
    finally:
        server.kill()
        server.wait()


@pytest.fixture(scope="module")
def machine(net, served):
    _, ca = served
    with contextlib.ExitStack() as stack:
        made = stack.enter_context(host.booted(net.gateway))
        made.write("/etc/blockd/blockd.toml", CONFIG)
        made.write("/etc/blockd/ca.pem", Path(ca).read_text())
        yield made


def in_force(machine, edition):
    name = f"edition-{edition}.example"
    done = machine.run("blockd", "explain", "--json", name, check=False)
    return '"on_list": true' in done.stdout


def owners(machine):
    listed = machine.run(
        "find",
        "/var/spool/blockd",
        "-type",
        "f",
        "-not",
        "-name",
        ".lock",
        "-printf",
        "%u:%g %m\\n",
    ).stdout
    return {line for line in listed.splitlines() if "blockd" in line}


@pytest.mark.root
def test_what_the_unit_fetches_is_compiled_and_what_is_no_list_changes_nothing(machine, served):
    publisher, _ = served
    publisher.publish(1)
    machine.systemctl("start", FETCH)
    machine.systemctl("start", "blockd.service")
    assert in_force(machine, 1)
    publisher.publish(2)
    machine.systemctl("start", FETCH)
    until(lambda: in_force(machine, 2), "the next edition in force")
    assert owners(machine) == {"blockd-fetch:blockd 640"}
    (publisher.directory / "blocked.txt").write_text("<html>\n")
    machine.systemctl("start", FETCH, check=False)
    assert machine.show(FETCH, "Result") == "exit-code"
    assert "failed: line 1 is a web page" in machine.journal(FETCH)
    assert in_force(machine, 2)
    publisher.publish(3)
    machine.systemctl("start", FETCH, check=False)
    assert "left alone for a while" in machine.journal(FETCH)
    machine.run("blockd", "fetch")  # root asks at once, and leaves nothing of its own
    assert owners(machine) == {"blockd-fetch:blockd 640"}
    until(lambda: in_force(machine, 3), "the edition that root fetched")


@pytest.mark.root
def test_the_timer_starts_it(machine):
    machine.systemctl("start", "blockd-fetch.timer")
    assert machine.show("blockd-fetch.timer", "Unit") == FETCH
    assert machine.show("blockd-fetch.timer", "NextElapseUSecRealtime")
