"""A bar for whoever waits at a terminal, and nothing for anybody else."""

import pytest

from blockd.cli import progress
from blockd.cli.progress import Progress


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(progress, "_PATIENCE", 0.0)
    monkeypatch.setattr(progress, "_BETWEEN", 0.0)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("FORCE_COLOR", "1")  # for rich it is a terminal


def work(shown):
    with Progress(shown=shown) as step:
        for done in range(1, 4):
            step("reading lists", done, 3)
            step("comparing", done, 3)


@pytest.mark.usefixtures("impatient")
def test_a_person_sees_each_kind_of_work(capsys):
    work(shown=True)
    said = capsys.readouterr()
    assert said.out == ""
    assert "reading lists" in said.err
    assert "comparing" in said.err


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("shown", [False, None])
def test_a_pipe_hears_nothing(capsys, shown):
    work(shown)
    assert capsys.readouterr() == ("", "")


def test_what_is_done_at_once_shows_nothing(capsys):
    work(shown=True)
    assert capsys.readouterr() == ("", "")
