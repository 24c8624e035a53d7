"""Bytes to text: byte order marks, and what refuses a file before it is parsed."""

import codecs
import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd.watchlist.formats import content as contents

GOOD = [
    (b"a.example\n", "a.example\n"),
    (b"\xef\xbb\xbfa.example\n", "a.example\n"),
    (b"a.example\r\n", "a.example\r\n"),
    ("示例.example\n".encode(), "示例.example\n"),
    (b"\n", "\n"),
    (b"# <html> in a comment\n", "# <html> in a comment\n"),
]


@pytest.mark.parametrize(("content", "text"), GOOD)
def test_text_is_taken_as_it_is(content, text):
    assert contents.decode(content) == (text, [])


BAD = [
    (b"", [(0, "is empty")]),
    (gzip.compress(b"a.example\n"), [(0, "compressed with gzip")]),
    (codecs.BOM_UTF16_BE + b"\0a\0\n", [(1, "UTF-16")]),
    (b"a.example", [(1, "is cut off")]),
    (b"a.example\nb", [(2, "is cut off")]),
    (b"a.example\n\0b\n", [(2, "NUL byte")]),
    (b"a\nb\n\xe9\n", [(3, "byte 0xe9 is not UTF-8")]),
    (b"a\n\0\n\xe9", [(2, "NUL byte"), (3, "byte 0xe9"), (3, "is cut off")]),
    (b"\xef\xbb\xbf<!doctype HTML>\n", [(1, "is a web page")]),
    (b"<!-- c -->\n <html>", [(1, "is a web page")]),
    (b"<?xml version='1.0'?>\n", [(1, "is a web page")]),
    (b"<html>\xff\0", [(1, "is a web page")]),
]


@pytest.mark.parametrize(("content", "wanted"), BAD)
def test_what_cannot_be_a_list_is_told_by_line(content, wanted):
    text, problems = contents.decode(content)
    assert text == ""
    assert [line for line, _ in problems] == [line for line, _ in wanted]
    for (_, said), (_, part) in zip(problems, wanted, strict=True):
        assert part in said


@given(st.binary(max_size=100))
def test_any_bytes_are_text_or_have_a_problem_within_the_file(content):
    text, problems = contents.decode(content)
    assert bool(text) != bool(problems)
    for line, _ in problems:
        assert 0 <= line <= content.count(b"\n") + 1


@given(st.text(max_size=50).filter(lambda text: "\0" not in text and text[:1] != "\ufeff"))
def test_every_whole_text_comes_through(text):
    decoded, problems = contents.decode(text.encode() + b"\n")
    if not problems:
        assert decoded == text + "\n"


def test_every_cut_of_a_list_is_noticed_but_at_a_lines_end():
    content = b"a.example\nb.example\n"
    for end in range(len(content) + 1):
        whole = content[:end].endswith(b"\n")
        assert (contents.decode(content[:end])[1] == []) == whole
