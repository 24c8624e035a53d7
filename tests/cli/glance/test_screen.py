"""`status --watch` on a real terminal: drawn in place, cut to the window, left as it was found."""

import contextlib
import os
import signal

import pytest

from tests.cli.glance.terminal import Terminal
from tests.cli.program import answering, until
from tests.cli.test_status import COMPILER, RESOLVER


@contextlib.contextmanager
def watching(gateway, *options, size=(100, 40)):
    terminal = Terminal(gateway.argv("status", "--watch", "0.1", *options), *size)
    try:
        yield terminal
    finally:
        terminal.close()


@contextlib.contextmanager
def daemons(gateway):
    """Yield the resolver's status, to be changed; both daemons answer meanwhile."""
    status = {**RESOLVER, "outcomes": {"forwarded": 7}}
    with (
        answering(gateway.control("compiler"), lambda: COMPILER),
        answering(gateway.control("resolver"), lambda: status),
    ):
        yield status


def shows(text):
    return lambda display: display.other and any(text in line for line in display.lines())


ENFORCING = "enforcing generation 1 by the resolver"


@pytest.mark.parametrize(
    "end", [lambda t: t.process.terminate(), lambda t: t.type("\x03")], ids=["SIGTERM", "Ctrl-C"]
)
def test_it_is_drawn_in_place_and_leaves_the_last_look_behind(gateway, end):
    gateway.run("compile")
    with daemons(gateway), watching(gateway) as terminal:
        display = terminal.until(shows(ENFORCING))
        assert display.lines()[0].endswith("UTC, every 0.1 s")
        assert display.modes == {25: False, 7: False}
        end(terminal)
        last = "upstream 198.18.0.53:53"
        terminal.until(lambda display: not display.other and last in "\n".join(display.lines()))
        assert terminal.process.wait(20) == 0
        assert display.modes == {25: True, 7: True}
        assert any(line.startswith(ENFORCING) for line in display.lines())


def test_what_has_changed_since_the_last_look_is_marked(gateway):
    gateway.run("compile")
    with daemons(gateway) as status, watching(gateway) as terminal:
        terminal.until(shows("forwarded 7"))
        terminal.until(lambda display: set(display.marked()) <= {*display.lines()[0].split()})
        status["outcomes"] = {"forwarded": 9}
        terminal.until(lambda display: "9" in display.marked())
        assert shows("forwarded 9")(terminal.display)
        assert "forwarded" not in terminal.display.marked()
        terminal.until(lambda display: "9" not in display.marked())


def test_daemons_come_and_go_and_the_status_is_that_of_the_last_look(gateway):
    gateway.run("compile")
    with watching(gateway) as terminal:
        terminal.until(shows("NOT ENFORCING: resolver: no answer"))
        with daemons(gateway):
            terminal.until(shows(ENFORCING))
        terminal.until(shows("NOT ENFORCING: resolver: no answer"))
        terminal.process.send_signal(signal.SIGINT)
        terminal.until(lambda display: not display.other)
        assert terminal.process.wait(20) == 4


@pytest.mark.parametrize(("columns", "rows"), [(40, 40), (20, 3)])
def test_it_follows_the_size_of_the_window(gateway, columns, rows):
    gateway.run("compile")
    with daemons(gateway), watching(gateway) as terminal:
        terminal.until(shows("cache "))
        terminal.resize(columns, rows)
        display = terminal.until(shows(ENFORCING[:columns]))
        if rows < 10:
            terminal.until(lambda display: " more lines"[: columns - 6] in display.lines()[-1])
        terminal.resize(100, 40)
        terminal.until(shows("cache "))
        assert len(display.lines()) == rows


def test_a_stopped_job_gives_the_terminal_back_meanwhile(gateway):
    gateway.run("compile")
    with daemons(gateway), watching(gateway) as terminal:
        terminal.until(shows(ENFORCING))
        terminal.type("\x1a")
        terminal.until(lambda display: not display.other)
        assert terminal.display.modes == {25: True, 7: True}

        def stopped():
            return os.waitpid(terminal.process.pid, os.WUNTRACED | os.WNOHANG)[0] != 0

        until(stopped)
        terminal.process.send_signal(signal.SIGCONT)
        terminal.until(shows(ENFORCING))
