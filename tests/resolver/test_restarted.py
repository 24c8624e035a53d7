"""A worker that takes another one's place comes back whatever is broken on disk by then."""

import contextlib
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

import pytest

from blockd.errors import UnreachableError
from blockd.resolver.workers import worker_socket
from blockd.service import control
from tests.ports import free_port
from tests.resolver.certificates import NAME
from tests.resolver.messages import query, read

DEADLINE = 20


def status(path):
    with contextlib.suppress(UnreachableError):
        return control.ask(path)
    return {}


def until(condition):
    end = time.monotonic() + DEADLINE
    while not (found := condition()):
        assert time.monotonic() < end
        time.sleep(0.02)
    return found


def workers(process):
    return set(
        map(int, Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split())
    )


def answered(port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(3)
        sock.connect(("127.0.0.1", port))
        sock.send(query("www.listed.example"))
        return read(sock.recv(4096)).rcode() == 3


@pytest.fixture(scope="module")
def place(tmp_path_factory, leaf, committing):
    """A directory with a committed list and a certificate."""
    directory = tmp_path_factory.mktemp("restarted")
    committing(directory)
    for name, path in (("leaf.pem", leaf.certificate), ("leaf.key", leaf.key)):
        shutil.copy(path, directory / name)
    return directory


@pytest.fixture(scope="module")
def crew(place):
    """Two workers that serve over UDP and TLS; their process, ports and configuration."""
    port, secure, config = free_port(), free_port(), place / "blockd.toml"
    config.write_text(
        f'[resolver]\nworkers = 2\nupstreams = ["127.0.0.2:9"]\nlisten = ["127.0.0.1:{port}"]\n'
        f'listen_tls = ["127.0.0.1:{secure}"]\n'
        f'certificate = "{place}/leaf.pem"\nkey = "{place}/leaf.key"\n'
    )
    argv = ["--config", str(config), "--state", str(place / "state"), "resolve"]
    with (place / "log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "blockd", *argv], stderr=log)
    try:
        until(lambda: status(place / "state/run/resolver/control").get("ready"))
        yield process, port, secure, config
    finally:
        process.terminate()
        process.wait(DEADLINE)


@pytest.mark.parametrize(
    ("file", "text", "named"),
    [
        ("blockd.toml", "[resolver\n", "blockd.toml"),
        ("blockd.toml", "[resolver]\nupstreams = ['127.0.0.1:0']\n", "blockd.toml"),
        ("leaf.pem", "-----BEGIN CERTIFICATE-----\nMIIB", "leaf.pem"),
        ("leaf.pem", None, "leaf.pem"),
    ],
)
def test_a_worker_comes_back_with_what_the_others_have_and_says_what_is_broken(
    place, crew, authority, file, text, named
):
    process, port, secure, _ = crew
    run = place / "state/run/resolver/control"
    log = place / "log"
    whole, said = (place / file).read_text(), log.read_text().count("nothing changed: ")
    if text is None:
        (place / file).unlink()
    else:
        (place / file).write_text(text)
    before = workers(process)
    victim, stays = sorted(before)
    os.kill(victim, signal.SIGKILL)
    until(lambda: len(workers(process)) == 2 and victim not in workers(process))
    shown = until(lambda: (found := status(run)).get("ready") and found)
    assert named in shown["problem"]
    # Stop the one that was never ended: the answers are the other's.
    os.kill(stays, signal.SIGSTOP)
    try:
        assert answered(port)
        context = ssl.create_default_context(cafile=authority.file)
        with (
            socket.create_connection(("127.0.0.1", secure), DEADLINE) as plain,
            context.wrap_socket(plain, server_hostname=NAME) as safe,
        ):
            assert safe.version()
    finally:
        os.kill(stays, signal.SIGCONT)
        (place / file).write_text(whole)
    process.send_signal(signal.SIGHUP)
    until(lambda: (found := status(run)).get("ready") and not found["problem"])
    assert log.read_text().count("nothing changed: ") == said + 1


def test_it_begins_with_the_newest_that_worked_and_with_what_a_restart_alone_changes(place, crew):
    process, port, _, config = crew
    run = place / "state/run/resolver/control"
    whole = config.read_text()
    changed = whole.replace("127.0.0.2:9", "127.0.0.3:9").replace("workers = 2", "workers = 1")

    def upstreams(number):
        return [each["address"] for each in status(worker_socket(run, number)).get("upstreams", ())]

    try:
        config.write_text(changed)
        process.send_signal(signal.SIGHUP)
        until(lambda: upstreams(1) == upstreams(2) == ["127.0.0.3:9"])
        for worker in workers(process):
            # What wakes one that cannot read it is read by the other: they share the sockets yet.
            os.kill(worker, signal.SIGSTOP)
            try:
                assert answered(port)
            finally:
                os.kill(worker, signal.SIGCONT)
        config.write_text("[resolver\n")
        victim = min(workers(process))
        os.kill(victim, signal.SIGKILL)
        until(lambda: len(workers(process)) == 2 and victim not in workers(process))
        found = until(lambda: (found := status(run)).get("ready") and found)
        assert upstreams(1) == upstreams(2) == ["127.0.0.3:9"]
        assert "[resolver] workers changed: restart the resolver" in found["problem"]
    finally:
        config.write_text(whole)
        process.send_signal(signal.SIGHUP)
