"""The front door: which format it is, and what is refused whole."""

import gzip
import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd.watchlist import formats
from blockd.watchlist.model import Severity

GOOD = [
    (b"a.example\n", "x.txt", "domains"),
    (b"# 0.0.0.0 b.example\na.example\n", "x.txt", "domains"),
    (b"\xef\xbb\xbfa.example\r\n", "x.txt", "domains"),
    (b"*.a.example\n=b.example\n", "x.txt", "domains"),
    (b"0.0.0.0 a.example\n", "x.txt", "hosts"),
    (b"127.0.0.1\ta.example\n::1 b.example\n", "x", "hosts"),
    (b"127.0.0.1 localhost\n0.0.0.0 a.example\n", "x.txt", "hosts"),
    (b'\xef\xbb\xbf[[platform]]\nid = "p"\ndomains = ["a.example"]\n', "x.toml", "native"),
    (b'[[platform]]\nid = "p"\ndomains = ["a.example"]\n', "/a/b.TOML", "native"),
]


@pytest.mark.parametrize(("content", "source", "form"), GOOD)
def test_recognised(content, source, form):
    parsed = formats.parse(content, source)
    assert parsed.issues == []
    assert parsed.format == form
    assert parsed.feed == (form != "native")
    assert parsed.names


REFUSED = [
    (b"", 0, "is empty"),
    (b"a.example\nb.exa", 2, "is cut off"),
    (b"a.example\n\0\n", 2, "NUL byte"),
    (b"a.example\n# caf\xe9\n", 2, "byte 0xe9 is not UTF-8"),
    ("a.example\n".encode("utf-16"), 1, "UTF-16"),
    (gzip.compress(b"a.example\n"), 0, "gzip"),
    (b"<!DOCTYPE html>\n<html></html>\n", 1, "is a web page"),
    (b"\n <html lang=en><title>Log in</title>", 1, "is a web page"),
    (b"# only a comment\n", 0, "holds no entries"),
    (b"127.0.0.1 localhost\n", 0, "holds no entries"),
    (b"! c\n||a.example^\n||b.example^\n", 2, "an AdBlock list"),
    (b"#\naddress=/a.example/0.0.0.0\n", 2, "a dnsmasq configuration"),
    (b'local-zone: "a.example" always_nxdomain\n', 1, "an Unbound configuration"),
    (b"$TTL 30\n@ IN SOA a. b. 1 2 3 4 5\na.example CNAME .\n", 1, "a DNS zone (RPZ)"),
    (b'[[platform]]\nid = "p"\n', 1, "a native list"),
    (b'{\n"a": 1\n}\n', 1, "JSON"),
    (b"198.18.1.1\n198.18.2.0/24\n", 1, "a list of addresses"),
    (b"https://a.example/x\nhttps://b.example/y\n", 1, "a list of web addresses"),
    (b"a.example,1,2\nb.example,2,3\n", 1, "a table of several columns"),
    (b"The server is down today\n", 1, "no format that blockd reads"),
]


@pytest.mark.parametrize(("content", "line", "part"), REFUSED)
def test_refused_whole(content, line, part):
    parsed = formats.parse(content, "x.txt")
    assert parsed.refused
    assert parsed.feed
    assert parsed.names == []
    (issue,) = parsed.issues
    assert issue.severity is Severity.ERROR
    assert issue.origin.line == line
    assert part in issue.message


@pytest.mark.parametrize(("content", "line", "part"), REFUSED[:8])
def test_native_files_are_refused_for_the_same(content, line, part):
    parsed = formats.parse(content, "x.toml")
    assert parsed.refused
    assert not parsed.feed
    assert [(issue.origin.line, part in issue.message) for issue in parsed.issues] == [(line, True)]


def test_all_whole_file_problems_are_named():
    issues = formats.parse(b"a.example\n\0\n\xff.exa", "x.txt").issues
    assert [issue.origin.line for issue in issues] == [2, 3, 3]


def test_single_bad_lines_do_not_hide_the_format():
    content = b"198.18.1.1\nhttp://x.example/\n" + b"".join(b"a%d.example\n" % n for n in range(9))
    parsed = formats.parse(content, "x.txt")
    assert parsed.format == "domains"
    assert [issue.origin.line for issue in parsed.issues] == [1, 2]


@given(st.binary(max_size=200), st.sampled_from(["x.toml", "x.txt", "x.hosts"]))
def test_any_bytes_give_issues_at_most(content, source):
    parsed = formats.parse(content, source)
    assert parsed.issues or parsed.names or parsed.prefixes
    for issue in parsed.issues:
        assert 0 <= issue.origin.line <= content.count(b"\n") + 1


TOML = st.lists(
    st.sampled_from([
        "[[platform]]\n", "[[allow]]\n", "[list]\n", "[", "]", "\n", 'id = "p"\n', "=", ",", '"',
        "'", 'domains = ["a.example"]\n', "domains", "prefixes", " = ", "198.18.1.0/24", "# c",
        "{", "}", "1", "true", "2018-08-23", '"""', "a.b", "expires = 2018-08-23\n",
        "listed", "action",
    ]),
    max_size=25,
).map(lambda parts: "".join(parts) + "\n")  # fmt: skip


@given(TOML)
def test_any_toml_gives_issues_at_most(text):
    parsed = formats.parse(text.encode(), "x.toml")
    assert parsed.issues or parsed.entries
    for issue in parsed.issues:
        assert 0 <= issue.origin.line <= parsed.lines


LONG = [
    b"a" * 10**6,
    b"a." * 10**6,
    "ü".encode() * 10**5,
    b"[" * 10**5,
    b"x=[" * 10**5,
    b"a " * 10**5,
]


@pytest.mark.parametrize("content", LONG, ids=["name", "dots", "idn", "open", "nested", "words"])
@pytest.mark.parametrize("source", ["x.toml", "x.txt"])
def test_a_line_without_end_costs_little(content, source):
    start = time.perf_counter()
    parsed = formats.parse(content + b"\n", source)
    assert time.perf_counter() - start < 5
    assert len(parsed.issues) == 1
    assert len(parsed.issues[0].message) < 300


# Real lists: the files of a directory that is named from outside, for machines that have them.
REAL = os.environ.get("BLOCKD_REAL_LISTS", "")
real = pytest.mark.skipif(not REAL, reason="BLOCKD_REAL_LISTS names no directory of real lists")


@real
def test_every_line_of_real_lists_is_accounted_for():
    accepted = 0
    for path in sorted(Path(REAL).iterdir()):
        content = path.read_bytes()
        start = time.perf_counter()
        parsed = formats.parse(content, str(path))
        seconds = time.perf_counter() - start
        if parsed.refused:
            assert parsed.issues
            print(f"{path.name}: {parsed.issues[0].message}")
            continue
        accepted += 1
        print(f"{path.name}: {parsed.format}, {parsed.lines / seconds:,.0f} lines/s")
        assert parsed.lines == content.count(b"\n")
        assert parsed.entries + parsed.comments + parsed.blanks + len(parsed.issues) == parsed.lines
    assert accepted
