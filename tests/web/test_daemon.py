"""The web daemon as a process: it starts without the others, says how they stand, and ends."""

import re
import signal
import socket
import subprocess

from tests import topology
from tests.cli.program import daemon, until
from tests.web.conftest import shown

README = (topology.repository() / "README.md").read_text("utf-8")


def test_without_any_other_daemon_it_is_alive_and_not_ready(gateway):
    with shown(gateway) as page:
        assert page.get("/healthz")[0] == 200
        status, _, text = page.get("/readyz")
        assert (status, text) == (
            503, "there is no generation with a readable record; run `blockd compile`\n",
        )  # fmt: skip
        assert gateway.run("compile").status == 0
        assert page.get("/readyz")[2] == "resolver: no answer from its control socket\n"
        assert "\nblockd_resolver_up 0\n" in page.get("/metrics")[2]
        with daemon(gateway.argv("resolve"), gateway.place) as resolver:
            resolver.notices.until("READY=1")
            assert page.get("/readyz")[0] == 200
        assert page.get("/readyz")[0] == 503
        assert page.server.end() == 0
        assert "127.0.0.1:" in page.server.log.read_text()


def test_the_readmes_command_says_ok(page):
    (command,) = re.findall(r"<!-- web: ready -->\n```sh\n(.*?)```", README, re.DOTALL)
    command = command.replace("9353", str(page.port))
    done = subprocess.run(["sh", "-c", command], check=False, capture_output=True, text=True)
    assert done.stdout == "ok\n"


def test_a_configuration_that_is_read_again_holds_and_a_bad_one_changes_nothing(gateway):
    with shown(gateway) as page:
        assert "blockd_routes_up" not in page.get("/metrics")[2]
        good = gateway.config.read_text()
        gateway.config.write_text(good.replace("enabled = false", "enabled = true"))
        page.server.process.send_signal(signal.SIGHUP)
        until(lambda: "blockd_routes_up 0" in page.get("/metrics")[2])
        gateway.config.write_text("nonsense = 1\n")
        page.server.process.send_signal(signal.SIGHUP)
        assert "nothing changed: " in page.server.logged("nonsense")
        assert "blockd_routes_up 0" in page.get("/metrics")[2]


def test_an_address_that_is_taken_is_named_with_the_remedy(gateway):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        gateway.configure(f'\n[service]\nmetrics = "127.0.0.1:{port}"\n')
        done = subprocess.run(
            gateway.argv("web"), check=False, capture_output=True, text=True, timeout=30
        )
    assert done.returncode == 2
    assert f"127.0.0.1:{port} cannot be bound: taken by another program" in done.stderr
    assert "[service] metrics" in done.stderr


def test_nothing_is_logged_of_who_asks(page):
    port = 0
    with socket.create_connection(("127.0.0.1", page.port)) as rude:
        port = rude.getsockname()[1]
        rude.sendall(b"\0\xff nonsense\r\n\r\n")
        assert b"400" in rude.recv(65536)
    page.get("/nowhere")
    page.get("/metrics", Host="evil.example")
    log = page.server.log.read_text()
    assert str(port) not in log
    assert log.count("\n") == 1, log
