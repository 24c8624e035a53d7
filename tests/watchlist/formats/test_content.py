"""Bytes to text: byte order marks, and what refuses a file before it is parsed."""

import codecs
import gzip
import tracemalloc

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
    (gzip.compress(b"a.example\n", mtime=0), "a.example\n"),
    (gzip.compress(b"a\n", mtime=0) + gzip.compress(b"b\n", mtime=0) + bytes(512), "a\nb\n"),
    (gzip.compress(b"\xef\xbb\xbfa\r\n", mtime=0), "a\r\n"),
    (b"# <html> in a comment\n", "# <html> in a comment\n"),
]


@pytest.mark.parametrize(("content", "text"), GOOD)
def test_text_is_taken_as_it_is(content, text):
    assert contents.decode(content) == (text, [])


BAD = [
    (b"", [(0, "is empty")]),
    (gzip.compress(b"a.example\n", mtime=0)[:-1], [(0, "is cut off: its gzip data has no end")]),
    (gzip.compress(b"a.example\n", mtime=0)[:-8] + bytes(8), [(0, "fails its checksum")]),
    (gzip.compress(b"a.example\n", mtime=0) + b"more", [(0, "is damaged")]),
    (b"\x1f\x8b", [(0, "is cut off")]),
    (gzip.compress(b"", mtime=0), [(0, "is empty")]),
    (gzip.compress(b"a.example", mtime=0), [(1, "is cut off")]),
    (gzip.compress(b"a\n\0", mtime=0), [(2, "NUL byte"), (2, "is cut off")]),
    (codecs.BOM_UTF16_BE + b"\0a\0\n", [(1, "UTF-16")]),
    (b"a.example", [(1, "is cut off")]),
    (b"a.example\nb", [(2, "is cut off")]),
    (b"a.example\n\0b\n", [(2, "NUL byte")]),
    (b"a\nb\n\xe9\n", [(3, "byte 0xe9 is not UTF-8")]),
    (b"\xef\xbb\xbf\xe9\n", [(1, "byte 0xe9 is not UTF-8")]),
    ("é.example\n".encode() * 200_000 + b"\xff\n", [(200_001, "byte 0xff is not UTF-8")]),
    (b"a\n\0\n\xe9", [(2, "NUL byte"), (3, "byte 0xe9"), (3, "is cut off")]),
    (b"\xef\xbb\xbf<!doctype HTML>\n", [(1, "is a web page")]),
    (b"<!-- c -->\n <html>", [(1, "is a web page")]),
    (b"<?xml version='1.0'?>\n", [(1, "is a web page")]),
    (b"<html>\xff\0", [(1, "is a web page")]),
]


@pytest.mark.parametrize(("content", "wanted"), BAD, ids=range(len(BAD)))
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


def test_a_packed_list_unpacks_to_its_limit_and_no_further():
    packed = gzip.compress(b"a.example\n" * 1000)
    assert contents.decode(packed, largest=10_000)[1] == []
    (problem,) = contents.decode(packed, largest=9_999)[1]
    assert problem == (0, "unpacks to more than 9999 octets; no list is that large")


@pytest.mark.parametrize("octet", [b"a", b"\0"])
def test_a_bomb_takes_no_memory(octet):
    packed = gzip.compress(octet * (64 << 20), compresslevel=9)
    tracemalloc.start()
    try:
        assert contents.decode(packed, largest=4 << 20)[1]
        assert tracemalloc.get_traced_memory()[1] < 32 << 20
    finally:
        tracemalloc.stop()


@given(st.binary(max_size=100), st.integers(0, 60), st.integers(1, 255))
def test_a_packed_list_that_was_changed_anywhere_is_none_or_the_same(content, at, flip):
    packed = bytearray(gzip.compress(content + b"\n", mtime=0))
    packed[at % len(packed)] ^= flip
    if packed[:2] == b"\x1f\x8b":
        text, problems = contents.decode(bytes(packed))
        assert problems or text == contents.decode(content + b"\n")[0]
