"""Lists and directories made to hang or end the compiler: each is an answer, and a quick one."""

import os
import time

import pytest

from blockd.errors import ListError
from blockd.watchlist import formats, sources

QUICK = 2.0
"""Seconds; each of these took minutes, or for ever, before it was thought of."""


@pytest.mark.parametrize(
    "content",
    [
        b"<!---->" * 500 + b"\n",
        b"<!--" * 1000 + b"\n",
        b"a.example" + b" " * 100_000 + b"x\n",
        b"a.example " + b"\t" * 100_000 + b"#\n",
        b"a\n" + b"[" * 50_000 + b"\n",
    ],
    ids=["comments", "open comments", "blanks", "tabs", "brackets"],
)
@pytest.mark.parametrize("name", ["x.txt", "x.toml"])
def test_no_content_takes_long(content, name):
    started = time.monotonic()
    formats.parse(content, name)
    assert time.monotonic() - started < QUICK


@pytest.mark.parametrize("digits", ["1" * 5000, "0x" + "f" * 5000])
def test_a_number_of_thousands_of_digits_is_a_mistake_like_others(digits):
    parsed = formats.parse(
        f'[[platform]]\nid = "p"\ndomains = ["a.example"]\nttl = {digits}\n'.encode(), "x.toml"
    )
    assert any(parsed.errors())


def test_a_list_that_never_expires_may_say_so():
    parsed = formats.parse(
        b'[[platform]]\nid = "p"\ndomains = ["a.example"]\nexpires = 9999-12-31\n', "x.toml"
    )
    assert not any(parsed.errors())


def fifo(path):
    os.mkfifo(path)


def loop(path):
    path.symlink_to(path.name)


def device(path):
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("make", [fifo, loop, device])
def test_what_is_no_regular_file_refuses_the_directory_at_once(tmp_path, make):
    (tmp_path / "good.txt").write_text("a.example\n")
    make(tmp_path / "odd.txt")
    started = time.monotonic()
    with pytest.raises(ListError, match=str(tmp_path)):
        sources.read_all([str(tmp_path)])
    assert time.monotonic() - started < QUICK


def test_a_file_name_that_is_no_text_is_named(tmp_path):
    (tmp_path / os.fsdecode(b"\xff.txt")).write_text("a.example\n")
    with pytest.raises(ListError, match="not UTF-8; rename it"):
        sources.read_all([str(tmp_path)])


def test_a_huge_file_is_refused_unread(tmp_path):
    with (tmp_path / "huge.txt").open("wb") as file:
        file.truncate(sources.LARGEST + 1)
    with pytest.raises(ListError, match="are the most for a list"):
        sources.read_all([str(tmp_path)])
