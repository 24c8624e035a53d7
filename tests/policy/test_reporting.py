"""A report in three formats, into which no text of a list can write anything."""

import csv
import io
from datetime import UTC, date, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd.policy import reporting
from blockd.policy.record import Acceptance, Record, SourceRecord
from blockd.policy.report import Line, Row
from blockd.policy.reporting import Report
from blockd.terms import Basis
from blockd.watchlist.model import Origin

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
RECORD = Record(
    number=7, committed=NOW, reason="changed", inputs="i", content="c", file_sha256="f",
    sources=(SourceRecord(path="a.toml", sha256="0" * 64, names=1200, prefixes=3, dropped=2),),
    rules=2, names=1200, prefixes=3, added=1, removed=0, changed=0, shortest_v4=16, shortest_v6=32,
    accepted=Acceptance(digest="d1", by="alice", beyond=("lifts 9",)),
)  # fmt: skip
ROW = Row(
    state="blocked", list="L", source="a.toml", platform="p1", name="One", names=1200, prefixes=3,
    authority="A", basis=Basis.ORDER, reference="R", contact="mailto:a@a.example", owner="",
    reason="", listed=date(2018, 8, 23), expires=date(2026, 6, 1), generation=3, since=NOW,
)  # fmt: skip
EXCEPTED = msgspec.structs.replace(ROW, state="excepted", reason="why", owner="desk", expires=None)
SHADOW = msgspec.structs.replace(ROW, state="shadow", platform="s")
REPORT = Report(
    record=RECORD, head="abc", rows=(ROW, EXCEPTED, SHADOW), cuts=("198.18.1.0/28: hole",),
    lost=("a.toml: 2 bad entries were left out",), confirmed=(RECORD,),
)  # fmt: skip
LINES = (
    Line("blocked", "p1", "b.example", "name", Origin("a.toml", 4)),
    Line("blocked", "p1", "198.18.1.0/28", "prefix", Origin("a.toml", 5)),
)


def test_markdown_says_what_since_when_and_on_whose_word():
    text = "\n".join(reporting.markdown(REPORT, LINES))
    for said in (
        "# What is blocked: generation 7",
        "| p1, One | 1,200 | 3 | A (order) | R | 2018-08-23 | 2026-03-01 12:00 UTC (3) |",
        "| 1,200 | 3 | why | desk | R | 2026-03-01 12:00 UTC (3) |  |",
        "## Counted only, nothing is blocked",
        "## What expires next",
        "- 198.18.1.0/28: hole",
        "- a.toml: 2 bad entries were left out",
        "- generation 7 of 2026-03-01 12:00 UTC, change d1, by alice: lifts 9",
        "| b.example | name | blocked | p1 | a.toml:4 |",
    ):
        assert said in text


def test_csv_is_a_row_a_platform_or_a_row_an_entry():
    rows = list(csv.DictReader(reporting.table(REPORT)))
    assert [(row["state"], row["platform"], row["names"]) for row in rows] == [
        ("blocked", "p1", "1200"),
        ("excepted", "p1", "1200"),
        ("shadow", "s", "1200"),
    ]
    assert rows[0]["since"] == "2026-03-01T12:00:00+00:00"
    entries = list(csv.DictReader(reporting.table(REPORT, LINES)))
    assert [(row["entry"], row["line"]) for row in entries] == [
        ("b.example", "4"),
        ("198.18.1.0/28", "5"),
    ]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_json_is_whole_with_and_without_entries(count):
    found = msgspec.json.decode("\n".join(reporting.json(REPORT, LINES[:count])))
    assert [entry["line"] for entry in found["entries"]] == [4, 5][:count]
    plain = msgspec.json.decode("\n".join(reporting.json(REPORT)))
    assert (plain["head"], plain["rows"][0]["platform"], "entries" in plain) == ("abc", "p1", False)


HOSTILE = st.text(alphabet=st.sampled_from("=+-@|`<[]*#\"',;\n\r\t\x1b a\u2028"), max_size=12)


@given(HOSTILE)
def test_no_text_of_a_list_opens_a_cell_a_formula_or_a_line(text):
    row = msgspec.structs.replace(ROW, reference=text, name=text, authority=text)
    report = msgspec.structs.replace(REPORT, rows=(row,))
    (cells,) = csv.DictReader(io.StringIO("\r\n".join(reporting.table(report))))
    assert None not in cells
    assert not any(cell.startswith(("=", "+", "-", "@", "\t")) for cell in cells.values())
    lines = list(reporting.markdown(report))
    (shown,) = (line for line in lines if line.startswith("| p1") and "(order)" in line)
    assert shown.replace("\\|", "").count("|") == 9
    assert len(lines) == len(list(reporting.markdown(msgspec.structs.replace(REPORT, rows=(ROW,)))))
    assert all(sign.isprintable() for line in lines for sign in line)
