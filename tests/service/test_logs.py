"""Log lines for people and for journald."""

import logging
import re
import sys

import pytest

from blockd.service import logs


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


@pytest.fixture
def log(monkeypatch, capsys):
    """Configure, log, and return what came on standard error."""

    def write(level, *words, journal=None, exc_info=False):
        monkeypatch.delenv("JOURNAL_STREAM", raising=False)
        if journal:
            monkeypatch.setenv("JOURNAL_STREAM", journal)
        logs.configure("resolver")
        logging.getLogger("blockd.test").log(level, *words, exc_info=exc_info)
        out, err = capsys.readouterr()
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
def test_the_journal_gets_priorities_and_no_second_time(log, level, priority):
    assert log(level, "one\ntwo", journal="8:1") == f"<{priority}>one\n<{priority}>two\n"


def test_every_line_of_a_traceback_has_its_priority(log):
    failure = ValueError("one\ntwo")
    lines = log(logging.ERROR, "failed", journal="8:1", exc_info=failure).splitlines()
    assert len(lines) == 3
    assert all(line.startswith("<3>") for line in lines)


def test_details_are_left_out_and_libraries_are_quiet(log):
    assert log(logging.DEBUG, "detail") == ""
    logs.configure("resolver")
    assert not logging.getLogger("pyroute2").isEnabledFor(logging.INFO)
    assert not logging.getLogger("asyncio").isEnabledFor(logging.INFO)


def test_configuring_again_does_not_double_the_lines(log):
    log(logging.INFO, "once")
    assert log(logging.INFO, "again").count("again") == 1
    assert [handler.stream for handler in logging.root.handlers] == [sys.stderr]
