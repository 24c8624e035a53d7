"""The source of man pages: what it must not be taken for."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd.manual.blocks import Bullets, Literal, Paragraph, Part, Terms
from blockd.manual.roff import Page, render
from tests.manual.reading import formatted


def page(*blocks):
    return Page("blockd-guard", 7, "limits", (Part("", blocks),), ["blockd(8)"])


def source(*blocks):
    return render(page(*blocks), "1.2", date(2026, 11, 25)).splitlines()


def test_a_page_begins_with_what_it_is_and_ends_with_others():
    lines = source(Paragraph("Text."))
    assert lines[0] == r'.TH "BLOCKD\-GUARD" 7 2026-11-25 "blockd 1.2" "blockd manual"'
    assert lines[1:3] == [".SH NAME", r"blockd\-guard \- limits"]
    assert lines[-2:] == [".SH SEE ALSO", r"\fBblockd\fR(8)."]


@pytest.mark.parametrize(
    ("block", "line"),
    [
        (Paragraph("`--accept`, blockd.toml(5)"), r"\fB\-\-accept\fR, \fBblockd.toml\fR(5)"),
        (Paragraph("word " * 11 + "`blockd diff` x"), r"diff\fR x"),
        (Paragraph(".SH is text"), r"\&.SH is text"),
        (Paragraph("'tis"), r"\(aqtis"),
        (Paragraph("a\\fBb"), r"a\efBb"),
        (Literal((".nf", "'x")), r"\&.nf"),
        (Bullets(("one",)), r".IP \(bu 2"),
        (Terms((("key = -1", "x"),)), r"\fBkey = \-1\fR"),
        (Paragraph("ü"), r"\[u00FC]"),
    ],
)  # fmt: skip
def test_text_is_escaped(block, line):
    assert line in source(block)


SIGNS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)


@given(st.lists(SIGNS, min_size=1, max_size=12))
def test_no_text_is_taken_for_a_request_or_an_escape(words):
    lines = source(Literal(tuple(words)), Paragraph(" ".join(words)))
    body = lines[lines.index(".nf") + 1 : lines.index(".fi")]
    assert len(body) == len(words)
    assert not any(line.startswith((".", "'")) for line in body)
    assert all(line.isascii() for line in lines)


def test_every_printable_character_comes_out_as_it_went_in():
    signs = "".join(map(chr, range(33, 127)))
    literal = [signs[i : i + 20] for i in range(0, len(signs), 20)]
    shown = formatted(render(page(Literal(tuple(literal))), "1.2", date(2026, 11, 25)))
    assert [line.strip() for line in shown.splitlines() if line.strip() in literal] == literal
