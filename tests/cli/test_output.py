"""How verbs speak: to programs, to pipes and to people."""

import io
import json
from datetime import UTC, datetime

import pytest

from blockd.cli import output
from blockd.config import Endpoint

HEADINGS = ("verb", "route", "note")
ROWS = [("install", "blackhole 198.18.1.0/28", ""), ("keep", "[bold]3[/bold]", None)]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_pipe_gets_aligned_columns_without_trailing_blanks(capsys):
    output.table(HEADINGS, ROWS)
    assert capsys.readouterr().out.splitlines() == [
        "verb     route                    note",
        "install  blackhole 198.18.1.0/28",
        "keep     [bold]3[/bold]",
    ]


def test_a_terminal_gets_a_table_and_brackets_of_a_list_are_no_markup(monkeypatch):
    screen = Terminal()
    monkeypatch.setattr("sys.stdout", screen)
    monkeypatch.setenv("COLUMNS", "80")
    output.table(HEADINGS, ROWS, title="Plan")
    shown = screen.getvalue()
    assert "Plan" in shown
    assert "[bold]3[/bold]" in shown
    assert all(heading in shown for heading in HEADINGS)


def test_a_table_may_be_empty(capsys):
    output.table(HEADINGS, [])
    assert capsys.readouterr().out == "verb  route  note\n"


def test_facts_are_aligned_and_empty_ones_left_out(capsys):
    output.pairs([("a", 1), ("longer", "x"), ("none", None), ("nothing at all", ""), ("zero", 0)])
    assert capsys.readouterr().out == "a       1\nlonger  x\nzero    0\n"
    output.pairs([("none", None)])
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Endpoint("198.18.0.1"), "198.18.0.1:53"),
        (datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01T00:00:00Z"),
        ((None, "ü"), [None, "ü"]),
    ],
)
def test_json_holds_every_kind_of_value(value, text, capsys):
    output.json({"value": value})
    assert json.loads(capsys.readouterr().out) == {"value": text}


def test_notes_stay_out_of_the_result(capsys):
    output.note("beside")
    output.line("result")
    output.line()
    assert capsys.readouterr() == ("result\n\n", "beside\n")
