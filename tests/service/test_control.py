"""Control sockets: one connection, one answer; stale ones are replaced, living ones are not."""

import asyncio
import socket
import stat
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime

import msgspec
import pytest

from blockd.errors import StoreError, UnreachableError
from blockd.service import control
from tests.cli.program import DAC_OVERRIDE, answering, ended, without


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run" / "resolver.sock"


def test_each_connection_gets_the_status_of_its_moment(path):
    asked = []

    def status():
        asked.append(len(asked))
        return {"count": len(asked), "since": datetime(2026, 1, 1, tzinfo=UTC)}

    with answering(path, status):
        assert control.ask(path) == {"count": 1, "since": "2026-01-01T00:00:00Z"}
        assert control.ask(path)["count"] == 2


def test_a_large_status_comes_whole(path):
    large = {"issues": [f"rules.toml:{n}: error: ..." for n in range(50_000)]}
    with answering(path, lambda: large):
        assert control.ask(path, timeout=5) == large


def test_many_may_ask_at_once(path):
    with answering(path, lambda: {"generation": 1}):
        answers = []
        threads = [
            threading.Thread(target=lambda: answers.append(control.ask(path, timeout=5)))
            for _ in range(20)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert answers == [{"generation": 1}] * 20


def test_owner_and_group_may_ask_and_nobody_else(path):
    with answering(path, dict):
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        assert not path.parent.stat().st_mode & stat.S_IRWXO


def test_the_socket_of_a_killed_daemon_is_replaced(path):
    script = (
        "import os, socket, sys; s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]);"
        "s.listen(); os.kill(os.getpid(), 9)"
    )
    path.parent.mkdir()
    subprocess.run([sys.executable, "-c", script, str(path)], check=False, timeout=60)
    assert path.is_socket()
    with answering(path, lambda: {"fresh": True}):
        assert control.ask(path) == {"fresh": True}


@pytest.mark.parametrize("busy", [False, True])
def test_the_socket_of_a_living_daemon_is_left_to_it(path, busy):
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as living, socket.socket(socket.AF_UNIX) as waiting:
        living.bind(str(path))
        living.listen(0)
        if busy:
            waiting.connect(str(path))  # the queue is full: nobody takes anything out of it
        with pytest.raises(StoreError, match=f"another daemon answers on {path}: stop it"):
            asyncio.run(control.serve(path, dict))
        assert path.is_socket()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"", "truncated"),
        (b'{"generation":', "truncated"),
        (b"hello\n", "invalid"),
        (b"[1]\n", "Expected `object`"),
    ],
)
def test_what_is_no_whole_answer_counts_as_none(path, answer, reason):
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as strange:
        strange.bind(str(path))
        strange.listen()

        def reply():
            connection, _ = strange.accept()
            with connection:
                connection.sendall(answer)

        thread = threading.Thread(target=reply)
        thread.start()
        with pytest.raises(UnreachableError, match=f"no answer from {path}: .*{reason}"):
            control.ask(path)
        thread.join()


def test_a_daemon_that_hangs_is_not_waited_for(path):
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as hanging:
        hanging.bind(str(path))
        hanging.listen()
        start = time.perf_counter()
        with pytest.raises(UnreachableError, match="timed out"):
            control.ask(path, timeout=0.1)
        assert time.perf_counter() - start < 5


def test_nobody_there_is_unreachable(path):
    with pytest.raises(UnreachableError, match="No such file") as failed:
        control.ask(path)
    assert failed.value.exit_status == 4


def test_one_who_asks_and_leaves_does_no_harm(path):
    with answering(path, lambda: {"filler": "x" * (1 << 20)}):
        for _ in range(3):
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(path))
        assert control.ask(path, timeout=5).keys() == {"filler"}


@pytest.mark.parametrize("name", ["x" * 120, "config/resolver.sock"])
def test_a_place_where_no_socket_can_be_is_named_with_the_remedy(tmp_path, name):
    (tmp_path / "config").write_text("")
    with pytest.raises(StoreError, match=r"no control socket at .*; make the directory writable"):
        asyncio.run(control.serve(tmp_path / name, dict))


def test_a_directory_that_may_not_be_written_is_named(tmp_path):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o555)
    script = (
        "import asyncio, pathlib, sys; from blockd.service import control;"
        "asyncio.run(control.serve(pathlib.Path(sys.argv[1]), dict))"
    )
    done = ended(without(DAC_OVERRIDE, [sys.executable, "-c", script, str(locked / "x.sock")]))
    assert done.returncode == 1
    assert f"no control socket at {locked}/x.sock: Permission denied; make" in done.stderr


def test_the_answer_is_one_line_of_json(path):
    with (
        answering(path, lambda: {"text": "a\nb"}),
        socket.socket(socket.AF_UNIX) as client,
    ):
        client.connect(str(path))
        with client.makefile("rb") as answer:
            lines = answer.readlines()
    assert len(lines) == 1
    assert msgspec.json.decode(lines[0]) == {"text": "a\nb"}
