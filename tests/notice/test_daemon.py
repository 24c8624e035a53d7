"""The notice daemon as a process: what it says, counts, and does not."""

import asyncio
import re
import signal
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from blockd.config import Config
from blockd.notice.answer import Answerer
from blockd.notice.daemon import NoticeDaemon
from blockd.notice.request import Request
from blockd.policy.store import Store
from tests.cli.program import until
from tests.notice.conftest import LISTED, rest, served

OTHER = b"GET / HTTP/1.1\r\nHost: www.unlisted.example\r\n\r\n"
EXCEPTED = b"GET / HTTP/1.1\r\nHost: good.listed.example\r\n\r\n"
BARE = b"GET / HTTP/1.0\r\n\r\n"


def status_of(message):
    return int(message.split(b" ", 2)[1])


@pytest.mark.parametrize(
    ("octets", "status"),
    [(LISTED, 451), (LISTED.replace(b"www.l", b"WWW.L"), 451), (OTHER, 421), (EXCEPTED, 421),
     (BARE, 404), (b"\x16\x03\x01\x02\0\1\0\1\xfc", 400)],
)  # fmt: skip
def test_a_listed_name_is_told_and_no_other(service, octets, status):
    assert status_of(service.ask(octets)) == status


def test_answers_are_counted_by_platform_alone(service):
    before = service.status()
    for octets in (LISTED, LISTED, OTHER, b"\0"):
        service.ask(octets)
    found = service.status()
    assert found["answered"]["p001"] - before["answered"].get("p001", 0) == 2
    assert found["others"] - before["others"] == 1
    assert found["malformed"] - before["malformed"] == 1
    assert (found["plane"], found["ready"], found["generation"]) == ("notice", True, 1)
    assert found["listen"] == [f"127.0.0.1:{service.port}"]


def test_nothing_is_logged_or_told_of_who_asks_and_for_what(service):
    """Whatever goes wrong: its log has the two lines of the start."""
    with service.connect(LISTED, "127.0.0.77") as sock:
        port = sock.getsockname()[1]
        rest(sock)
    for octets in (b"\0\xff nonsense", b"GET / HTTP/1.1\r\nHost: secret-%ff.example\r\n\r\n",
                   OTHER, b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n"):  # fmt: skip
        service.ask(octets, "127.0.0.77")
    with service.connect(b"GET / HT") as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # ends by a reset
    log, said = service.running.log.read_text(), str(service.status())
    for trace in ("127.0.0.77", str(port), "secret", "unlisted", "www.listed"):
        assert trace not in log
        assert trace not in said
    assert log.count("\n") == 2, log


def test_a_flood_of_slow_clients_takes_bounded_memory_and_nobody_elses_time(service):
    """A thousand connections that never finish their heads, from forty addresses."""
    before = resident(service)
    slow = [
        service.connect(b"GET / HTTP/1.1\r\nX: " + b"a" * 8000, f"127.0.2.{number % 40 + 1}")
        for number in range(1000)
    ]
    try:
        times = []
        for _ in range(20):
            started = time.monotonic()
            assert status_of(service.ask(LISTED, "127.0.3.1")) == 451
            times.append(time.monotonic() - started)
        grown = resident(service) - before
        print(f"{grown / 2**20:.1f} MB for a thousand, the slowest answer took {max(times):.3f} s")
        assert service.status()["connections"] <= 512
        assert grown < 32 << 20
        assert max(times) < 5
    finally:
        for sock in slow:
            sock.close()


def test_many_clients_are_all_answered(service):
    def asked(number):
        return status_of(service.ask(LISTED, f"127.0.4.{number % 50 + 1}"))

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(asked, range(600))) == {451}


def resident(service):
    text = Path(f"/proc/{service.running.process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) << 10


def test_it_follows_the_list_from_before_the_first(gateway):
    with served(gateway) as service:
        assert status_of(service.ask(LISTED)) == 421
        assert service.status()["generation"] is None
        assert gateway.run("compile").status == 0
        assert status_of(service.ask(LISTED)) == 451
        path = gateway.rules / "rules.toml"
        path.write_text(path.read_text().replace('"listed.example", ', ""))
        assert gateway.run("compile").status == 0
        assert status_of(service.ask(LISTED)) == 421
        until(lambda: service.status()["generation"] == 2)
        assert service.running.end() == 0


def test_a_configuration_that_is_read_again_holds_and_a_bad_one_changes_nothing(gateway):
    assert gateway.run("compile").status == 0
    with served(gateway) as service:
        assert "operator is not set" in service.running.logged("operator")
        assert f"<http://127.0.0.1:{service.port}/>" in service.ask(LISTED).decode()
        good = gateway.config.read_text()
        gateway.config.write_text(good + 'operator = "mailto:noc@isp.example"\n')
        service.running.process.send_signal(signal.SIGHUP)
        until(lambda: b'Link: <mailto:noc@isp.example>; rel="blocked-by"' in service.ask(LISTED))
        gateway.config.write_text(good + 'operator = "nobody"\n')
        service.running.process.send_signal(signal.SIGHUP)
        assert "nothing changed: " in service.running.logged("nobody")
        assert "notice.operator" in service.status()["problem"]
        assert b"<mailto:noc@isp.example>" in service.ask(LISTED)
        gateway.config.write_text(good.replace(f":{service.port}", ":1"))
        service.running.process.send_signal(signal.SIGHUP)
        until(lambda: "restart blockd-notice" in service.status()["problem"])


def test_a_fault_of_its_own_is_logged_without_what_was_asked(gateway, caplog, monkeypatch):
    def fails(_self, asked, *_):
        raise ValueError(asked.host)

    async def run():
        daemon = NoticeDaemon(Config(), Store(gateway.state), Config)
        monkeypatch.setattr(Answerer, "answer", fails)
        answer = await daemon._give(Request("secret.example"), "")
        assert answer.status == 500

    asyncio.run(run())
    assert "secret" not in caplog.text
    assert "ValueError, which is a fault of blockd's" in caplog.text
    assert "in fails" in caplog.text


def test_who_has_asked_is_answered_before_it_ends(gateway):
    assert gateway.run("compile").status == 0
    with served(gateway) as service, service.connect(b"GET / HTTP/1.1\r\n") as slow:
        until(lambda: service.status()["connections"] == 1)
        service.running.process.send_signal(signal.SIGTERM)
        service.running.notices.until("STOPPING=1")
        slow.sendall(b"Host: listed.example\r\n\r\n")
        assert status_of(rest(slow)) == 451
        assert service.running.wait() == 0


def test_status_knows_it_while_it_runs(gateway):
    assert gateway.run("compile").status == 0
    with served(gateway) as service:
        said = re.sub(" +", " ", gateway.run("status").out)
        assert f"notice ready 1 3 names on 127.0.0.1:{service.port}" in said
        assert gateway.run("status", "--json").json["daemons"]["notice"]["ready"] is True
        service.running.end()
        assert "notice" not in gateway.run("status", "--json").json["daemons"]


def test_an_address_that_is_taken_is_named_with_the_remedy(gateway):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        gateway.configure(f'\n[notice]\nlisten = ["127.0.0.1:{port}"]\n')
        done = subprocess.run(
            gateway.argv("notice"), check=False, capture_output=True, text=True, timeout=30
        )
    assert done.returncode == 2
    assert f"127.0.0.1:{port} is taken by another program" in done.stderr
    assert "[notice] listen" in done.stderr
