"""`blockd report`: an auditor's questions, answered without a daemon."""

import csv
import tracemalloc

import pytest

from tests.cli.program import RULES

SHADOW = '[[platform]]\nid = "s1"\ndomains = ["shadow.example"]\nenforce = false\n'


@pytest.fixture
def reported(gateway):
    gateway.write(RULES + SHADOW)
    gateway.run("compile")
    return gateway


def test_it_is_a_document_by_default(reported):
    done = reported.run("report")
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith("# What is blocked: generation 1\n")
    assert "| p001, Example Exchange | 2 | 2 | Example Authority (order) | Notice 7 |" in done.out
    assert "| 1 | 1 | a test |" in done.out
    head = reported.run("history", "--verify").out.split()[-1]
    assert f"`{head}`" in done.out


def test_a_spreadsheet_and_a_program_are_told_the_same(reported):
    rows = list(csv.DictReader(reported.run("report", "--format", "csv").out.splitlines()))
    found = reported.run("report", "--json").json
    assert [row["platform"] for row in rows] == ["p001", "allow", "s1"]
    assert [row["platform"] for row in found["rows"]] == ["p001", "allow", "s1"]
    assert "entries" not in found
    assert reported.run("report", "--format", "json").json == found


def test_entries_are_told_on_request(reported):
    found = reported.run("report", "--json", "--names").json["entries"]
    assert {(entry["entry"], entry["state"]) for entry in found} >= {
        ("listed.example", "blocked"),
        ("good.listed.example", "excepted"),
        ("shadow.example", "shadow"),
        ("198.18.1.0/28", "blocked"),
    }
    assert len(found) == 7


def test_a_file_appears_whole(reported):
    to = reported.place / "report.md"
    assert reported.run("report", "--output", str(to)) == (0, "", "")
    assert to.read_text() == reported.run("report").out


def test_without_a_generation_there_is_nothing_to_report(gateway):
    done = gateway.run("report")
    assert (done.status, done.out) == (2, "")
    assert "run `blockd compile`" in done.err


def test_its_size_follows_the_platforms_and_not_the_names(gateway):
    gateway.write("".join(f"n{number}.example\n" for number in range(50_000)), name="feed.txt")
    gateway.run("compile")
    gateway.run("report")  # what is loaded once
    tracemalloc.start()
    try:
        done = gateway.run("report")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert " | 50,000 | 0 |" in done.out
    assert peak < 4 << 20
