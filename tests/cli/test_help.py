"""`blockd help`: topics and verbs, on a pipe, by a pager, and as man pages."""

import os

import pytest

from blockd.cli.app import build
from blockd.manual import pages, topics
from tests.cli.glance.terminal import Terminal
from tests.cli.program import run
from tests.manual.reading import complaints


def test_without_a_topic_everything_is_listed_a_line_each():
    done = run("help")
    assert (done.status, done.err) == (0, "")
    first = [line.split()[0] for line in done.out.splitlines() if line.startswith("  ")]
    assert first == [*topics.TOPICS, *build().commands]
    assert all(len(line) <= 80 for line in done.out.splitlines())


@pytest.mark.parametrize("topic", topics.TOPICS)
def test_a_topic_is_explained(topic):
    done = run("help", topic)
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith(f"{topic}: {topics.summary(topic)}\n")


@pytest.mark.parametrize("verb", build().commands)
def test_of_a_verb_it_is_what_the_verb_itself_says(verb):
    assert run("help", verb).out == run(verb, "--help").out


@pytest.mark.parametrize(
    ("topic", "near"), [("gaurd", "`guard`"), ("complie", "`compile`"), ("zzz", "`blockd help`")]
)
def test_an_unknown_topic_names_the_nearest(topic, near):
    done = run("help", topic)
    assert (done.status, done.out) == (2, "")
    assert near in done.err
    assert done.err.startswith(f"blockd: there is no topic and no command '{topic}'; ")


@pytest.mark.parametrize("pager", ["sed s/^/PAGED:/", ""])
def test_on_a_terminal_the_pager_of_whoever_asks_shows_it(monkeypatch, gateway, pager):
    monkeypatch.setitem(os.environ, "PAGER", pager)
    monkeypatch.setitem(os.environ, "TERM", "dumb")  # then without a pager it is just printed
    terminal = Terminal(gateway.argv("help", "exit-status"), 100, 50)
    try:
        before = "PAGED:" if pager else ""
        terminal.until(lambda display: f"{before}exit-status: what" in "\n".join(display.lines()))
        assert terminal.process.wait(20) == 0
    finally:
        terminal.close()


def test_man_pages_are_written_where_man_looks_for_them(tmp_path, monkeypatch):
    monkeypatch.setitem(os.environ, "SOURCE_DATE_EPOCH", "1700000000")
    done = run("help", "--man", str(tmp_path / "man"))
    assert (done.status, done.err) == (0, "")
    written = {path for path in (tmp_path / "man").rglob("*") if path.is_file()}
    assert {str(path) for path in written} == set(done.out.splitlines())
    assert {path.name for path in written} == {
        f"{page.name}.{page.section}" for page in pages.pages(build())
    }
    for path in written:
        assert path.parent.name == f"man{path.suffix[1:]}"
        assert " 2023-11-14 " in path.read_text().splitlines()[0]
    assert complaints(tmp_path / "man" / "man8" / "blockd.8") == []


def test_man_pages_cannot_be_written_everywhere(tmp_path):
    (tmp_path / "man").mkdir()
    (tmp_path / "man" / "man8").write_text("no directory")
    done = run("help", "--man", str(tmp_path / "man"))
    assert done.status == 2
    assert "blockd.8: cannot be written: " in done.err
    assert run("help", "--man", str(tmp_path), "guard").status == 2
