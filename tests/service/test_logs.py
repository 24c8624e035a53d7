"""Log lines for people and for journald."""

import logging
import os
import re
import socket
import sys

import pytest

from blockd.service import journal, logs


@pytest.fixture(autouse=True)
def as_before(monkeypatch):
    """Leave logging as it was found."""
    monkeypatch.setattr(logging.root, "handlers", [])
    monkeypatch.setattr(logging.root, "level", logging.WARNING)
    loud = {name: logging.getLogger(name) for name in ("pyroute2", "asyncio")}
    levels = {name: each.level for name, each in loud.items()}
    yield
    for name, level in levels.items():
        loud[name].setLevel(level)


def stream():
    """Return what systemd would put in JOURNAL_STREAM if our standard error were the journal's."""
    found = os.fstat(sys.stderr.fileno())
    return f"{found.st_dev}:{found.st_ino}"


@pytest.fixture
def log(monkeypatch, capfd, tmp_path):
    """Configure, log, and return what came on standard error; the journal's socket is not there."""
    monkeypatch.setattr(journal, "SOCKET", tmp_path / "nobody")

    def write(level, *words, to_journal=False, exc_info=False):
        monkeypatch.setenv("JOURNAL_STREAM", stream() if to_journal else "8:1")
        logs.configure("resolver")
        logging.getLogger("blockd.test").log(level, *words, exc_info=exc_info)
        out, err = capfd.readouterr()
        assert out == ""
        return err

    return write


def test_a_person_sees_the_time_and_the_daemon(log):
    line = log(logging.INFO, "generation %d", 7)
    assert re.fullmatch(r"\d\d:\d\d:\d\d resolver: generation 7\n", line)


@pytest.mark.parametrize(
    ("level", "priority"),
    [
        (logging.INFO, 6),
        (logging.WARNING, 4),
        (logging.ERROR, 3),
        (logging.CRITICAL, 2),
        (logging.INFO + 1, 6),
    ],
)
def test_where_the_journal_has_no_socket_its_stream_gets_priorities(log, level, priority):
    assert log(level, "one\ntwo", to_journal=True) == f"<{priority}>one\n<{priority}>two\n"


def test_the_journal_has_the_bare_message_and_the_stream_has_nothing(monkeypatch, capfd, tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "socket"))
        monkeypatch.setattr(journal, "SOCKET", tmp_path / "socket")
        monkeypatch.setenv("JOURNAL_STREAM", stream())
        logs.configure("resolver")
        logging.getLogger("blockd.test").info("generation %d", 7)
        fields = listener.recv(65536).splitlines()
    assert {b"MESSAGE=generation 7", b"PRIORITY=6", b"SYSLOG_IDENTIFIER=blockd"} <= {*fields}
    assert capfd.readouterr() == ("", "")
    logging.root.handlers[0].close()


def test_every_line_of_a_traceback_has_its_priority(log):
    failure = ValueError("one\ntwo")
    lines = log(logging.ERROR, "failed", to_journal=True, exc_info=failure).splitlines()
    assert len(lines) == 3
    assert all(line.startswith("<3>") for line in lines)


def test_details_are_left_out_and_libraries_are_quiet(log):
    assert log(logging.DEBUG, "detail") == ""
    logs.configure("resolver")
    assert not logging.getLogger("pyroute2").isEnabledFor(logging.INFO)
    assert not logging.getLogger("asyncio").isEnabledFor(logging.INFO)


def test_what_is_for_the_one_reader_does_not_reach_the_other(monkeypatch, capfd, tmp_path):
    for to_journal, told in ((False, "person"), (True, "journal")):
        monkeypatch.setattr(journal, "SOCKET", tmp_path / "nobody")
        monkeypatch.setenv("JOURNAL_STREAM", stream() if to_journal else "8:1")
        logs.configure("watch")
        for extra in (logs.PERSON, logs.JOURNAL):
            logging.getLogger("blockd.test").info("for the %s", extra["reader"], extra=extra)
        assert capfd.readouterr().err.endswith(f"for the {told}\n")


def test_configuring_again_does_not_double_the_lines(log):
    log(logging.INFO, "once")
    assert log(logging.INFO, "again").count("again") == 1
    assert [handler.stream for handler in logging.root.handlers] == [sys.stderr]
