"""Tables: rows are entries with their own reference and dates; every line is counted once."""

import csv
import io
import re
from datetime import date
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd import names
from blockd.watchlist.formats import delimited
from tests.watchlist.formats.accounting import accounted, problems, written


def table(*rows, header="domain,reference,listed,expires,reason"):
    return delimited.parse("".join(f"{row}\n" for row in (header, *rows)), "x.csv")


def test_rows_carry_their_own_accountability():
    parsed = table(
        "a.example,Notice 7,2026-01-02,2026-12-31,phishing",
        '*.b.example,"Notice 7, item 2",,,"said ""no"" twice"',
        "=c.example,,,,",
    )
    assert written(parsed) == ["a.example", "*.b.example", "=c.example"]
    rules = [entry.rule for entry in parsed.names]
    assert [(r.reference, r.listed, r.expires, r.reason) for r in rules] == [
        ("Notice 7", date(2026, 1, 2), date(2026, 12, 31), "phishing"),
        ("Notice 7, item 2", None, None, 'said "no" twice'),
        ("", None, None, ""),
    ]
    assert {rule.id for rule in rules} == {"x"}
    assert (parsed.entries, parsed.comments) == (3, 1)
    assert accounted(parsed)


def test_rows_with_the_same_attributes_share_a_rule():
    parsed = table(*(f"n{number}.example,Notice {number % 2},,," for number in range(50)))
    assert len({id(entry.rule) for entry in parsed.names}) == 2
    assert [entry.line for entry in parsed.names] == [*range(2, 52)]


@pytest.mark.parametrize("others", [0, 5])
def test_columns_may_hold_names_addresses_or_either(others):
    rows = ["a.example,198.18.0.1", "b.example,", ",2001:db8::/48"]
    rows += [f"n{number}.example," for number in range(others)]
    parsed = table(*rows, header="host,ip")
    assert parsed.issues == []
    assert len(parsed.names) == 2 + others
    assert [str(entry.prefix) for entry in parsed.prefixes] == ["198.18.0.1/32", "2001:db8::/48"]
    mixed = [f"198.18.0.{number}" for number in range(others)] + ["a.example", "198.18.1.0/24"]
    assert table(*mixed, header="indicator").entries == others + 2
    assert table(*(f"{text},x" for text in mixed), header="ioc,note").entries == others + 2


def test_exceptions_stand_in_the_column_action():
    parsed = table(
        "a.example,allow", "b.example,refused", "c.example,block", header="domain,action"
    )
    assert written(parsed) == ["@@a.example", "b.example refused", "c.example"]


def test_the_header_may_stand_in_a_comment_and_texts_may_have_several_lines():
    text = (
        '# made by x\n# "ip","reason"\n\n"198.18.0.1","one\ntwo, three"\n"198.18.0.2","y"\r\n#end\n'
    )
    parsed = delimited.parse(text, "x.csv")
    assert parsed.issues == []
    assert [(str(e.prefix), e.line, e.rule.reason) for e in parsed.prefixes] == [
        ("198.18.0.1/32", 4, "one two, three"),
        ("198.18.0.2/32", 6, "y"),
    ]
    assert (parsed.entries, parsed.comments, parsed.blanks, parsed.lines) == (2, 4, 1, 7)


BAD = [
    ("b..example,,,,", "empty label"),
    ("198.18.0.1,,,,", "is an address"),
    ("https://b.example/x,,,,", "is a URL"),
    ("b.example,,,", "has 4 fields, and the header 5"),
    (",Notice 7,,,", "the row lists nothing"),
    ("b.example,,soon,,", "is no day"),
    ("b.example,,2026-02-01,2026-01-01,", "lies before"),
    ('b.example,"Notice,,,', "never closed"),
    ("a.example,,,,", "a.example is listed at line 2 already"),
]


@pytest.mark.parametrize(("row", "said"), BAD)
@pytest.mark.parametrize("others", [0, 5])
def test_a_bad_row_is_one_issue_at_its_line(row, said, others):
    more = [f"n{number}.example,,,," for number in range(others)]
    parsed = table("a.example,,,,", *more, row, "z.example,,,,")
    ((number, message),) = problems(parsed)
    assert number == others + 3
    assert said in message
    assert len(parsed.names) == others + 2
    assert accounted(parsed)


def test_a_table_without_a_header_is_refused_whole():
    parsed = delimited.parse("a.example,1\n", "x.csv")
    assert parsed.refused
    assert problems(parsed) == [
        (1, "has no header that names a column `domain` or `prefix`; write one")
    ]


TEXT = st.text(st.sampled_from('ab ,";\n#é|'), max_size=8)
ROWS = st.lists(st.tuples(st.sampled_from(["a", "b", "c", "d", "é", "#"]), TEXT), max_size=12)


@given(ROWS, st.sampled_from(",;\t|"), st.booleans())
def test_whatever_csv_writes_is_read_again(rows, delimiter, quoted):
    out = io.StringIO()
    quoting = csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n", quoting=quoting)
    writer.writerow(["domain", "reason"])
    writer.writerows((f"{name}.example", text) for name, text in rows)
    parsed = delimited.parse(out.getvalue(), "x.csv")
    assert accounted(parsed)
    first: dict[str, str] = {}
    for name, text in rows:
        if name != "#":  # begins a comment where it stands without quotes, and is no name
            first.setdefault(f"{name}.example", " ".join(text.split()))
    found = {names.to_unicode(e.name): e.rule.reason for e in parsed.names}
    assert found == first or "#" in {name for name, _ in rows}


LINE = st.lists(
    st.sampled_from(["a.example", "b", ",", '"', "#", "\r", " ", "198.18.0.1", "é"])
).map("".join)


@given(st.lists(LINE, max_size=25), st.sampled_from(["domain,reason", "ip", "ioc,x,y"]))
def test_every_line_is_counted_once(lines, header):
    parsed = table(*lines, header=header)
    if not parsed.refused:
        assert parsed.lines == len(lines) + 1
        assert accounted(parsed)


@pytest.mark.parametrize("others", [0, 5])
def test_rows_without_any_text_list_nothing(others):
    parsed = table(*(f"n{number}.example,,,," for number in range(others)), ",,,,", '"",,,,')
    assert (parsed.entries, parsed.comments, parsed.issues) == (others, 3, [])


PAIR = st.tuples(
    st.sampled_from(["a.example", "b.example", "C.example", "b..example", "*.d.example", ""]),
    st.sampled_from(
        ["198.18.0.1", "198.18.0.0/31", "2001:db8::1", "198.18.0.300", "x.example", ""]
    ),
    st.sampled_from(["", "r", "s"]),
)
NEW = st.integers(0, 30).map(lambda n: (f"n{n}.example", f"198.18.1.{n}", "r"))


@given(st.lists(PAIR | NEW | NEW | NEW, max_size=30), st.booleans())
def test_rows_of_a_name_and_an_address_mean_the_same_at_once_and_one_by_one(rows, swapped):
    order = (1, 0, 2) if swapped else (0, 1, 2)
    header = ",".join(("domain", "ip", "reference")[place] for place in order)
    lines = [",".join(row[place] for place in order) for row in rows]
    found = table(*lines, header=header)
    with mock.patch.object(delimited._Table, "_at_once", return_value=False):
        singly = table(*lines, header=header)
    assert accounted(found)
    assert (written(found), found.issues, found.entries) == (
        written(singly), singly.issues, singly.entries,
    )  # fmt: skip
    assert [(e.line, e.rule.reference) for e in (*found.names, *found.prefixes)] == [
        (e.line, e.rule.reference) for e in (*singly.names, *singly.prefixes)
    ]


def test_new_rows_of_a_name_and_an_address_are_taken_at_once():
    lines = [f"n{number}.example,2001:db8::{number:x},r" for number in range(2500)]
    with mock.patch.object(delimited._Table, "_found", side_effect=AssertionError):
        parsed = table(*lines, header="domain,ip,reference")
    assert (parsed.entries, len(parsed.names), len(parsed.prefixes)) == (2500, 2500, 2500)
    assert accounted(parsed)


ODD = st.sampled_from(['"a.example"', "#", "\r", " ", "b" * 131_073])
CELL = st.sampled_from(["a.example", "b.example", "198.18.0.1", "::1", "allow", "", "x", "1.2"])


@given(
    st.lists(st.lists(NEW.map(lambda new: new[0]) | CELL | ODD, min_size=1, max_size=3)),
    st.sampled_from(["domain", "domain,reason", "ip,action", "ioc,listed,id", "host,ip,reason"]),
    st.sampled_from(",;\t|"),
)
def test_rows_without_quotes_are_read_as_csv_reads_them(rows, header, delimiter):
    lines = [delimiter.join(row) for row in rows]
    written_as = header.replace(",", delimiter)
    found = table(*lines, header=written_as)
    with mock.patch.object(delimited, "_unquoted", return_value=re.compile("(?!)")):
        assert found == table(*lines, header=written_as)
    assert accounted(found)
