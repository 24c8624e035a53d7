"""The front door: which format it is, and what is refused whole."""

import gzip
import os
import random
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd.watchlist import formats
from blockd.watchlist.model import Severity
from tests.watchlist.formats.accounting import accounted

GOOD = [
    (b"a.example\n", "x.txt", "domains"),
    (b"# 0.0.0.0 b.example\na.example\n", "x.txt", "domains"),
    (b"\xef\xbb\xbfa.example\r\n", "x.txt", "domains"),
    (b"*.a.example\n=b.example\n", "x.txt", "domains"),
    (b"0.0.0.0 a.example\n", "x.txt", "hosts"),
    (gzip.compress(b"a.example\n", mtime=0), "x.txt.gz", "domains"),
    (b"! c\n||a.example^\n@@||b.a.example^\n", "x.txt", "adblock"),
    (b"[Adblock Plus 2.0]\na.example\n", "x.txt", "adblock"),
    (b"#\naddress=/a.example/0.0.0.0\n", "x.conf", "dnsmasq"),
    (b"server=/a.example/\n", "x.txt", "dnsmasq"),
    (b'server:\nlocal-zone: "a.example" always_nxdomain\n', "x.conf", "unbound"),
    (b'local-data: "a.example A 0.0.0.0"\n', "x.conf", "unbound"),
    (b"$TTL 30\n@ IN SOA a. b. 1 2 3 4 5\na.example CNAME .\n", "x.txt", "rpz"),
    (b"; c\n198.18.1.1\n198.18.2.0/24 ; SBL1\n", "x.txt", "addresses"),
    (b"198.18.1.0\t198.18.1.255\t24\t7\n", "x.txt", "addresses"),
    (b"2001:db8::/32\n", "x.netset", "addresses"),
    (b"domain,reference\na.example,Notice 7\n", "x.txt", "csv"),
    (b"domain\na.example\n", "x.csv", "csv"),
    (gzip.compress(b"domain\na.example\n", mtime=0), "x.csv.gz", "csv"),
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
    assert parsed.names or parsed.prefixes


REFUSED = [
    (b"", 0, "is empty"),
    (b"a.example\nb.exa", 2, "is cut off"),
    (b"a.example\n\0\n", 2, "NUL byte"),
    (b"a.example\n# caf\xe9\n", 2, "byte 0xe9 is not UTF-8"),
    ("a.example\n".encode("utf-16"), 1, "UTF-16"),
    (gzip.compress(b"a.example\n", mtime=0)[:-3], 0, "is cut off"),
    (b"<!DOCTYPE html>\n<html></html>\n", 1, "is a web page"),
    (b"\n <html lang=en><title>Log in</title>", 1, "is a web page"),
    (b"# only a comment\n", 0, "holds no entries"),
    (b"127.0.0.1 localhost\n", 0, "holds no entries"),
    (b'[[platform]]\nid = "p"\n', 1, "a native list"),
    (b'{\n"a": 1\n}\n', 1, "JSON"),
    (b"https://a.example/x\nhttps://b.example/y\n", 1, "a list of web addresses"),
    (b"a.example,1,2\nb.example,2,3\n", 1, "a table without a header"),
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


@pytest.mark.parametrize("form", formats.FORMATS)
def test_the_format_may_be_said(form):
    parsed = formats.parse(b"# c\n", "x.txt", form)
    assert parsed.format in {form, ""}
    assert parsed.feed == (form != "native")


def test_a_format_that_is_said_beats_name_and_content():
    assert formats.parse(b"a.example\n", "x.csv", "domains").format == "domains"
    assert formats.parse(b"0.0.0.0 a.example\n", "x.txt", "domains").issues


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
    start = time.process_time()
    parsed = formats.parse(content + b"\n", source)
    assert time.process_time() - start < 5
    assert len(parsed.issues) == 1
    assert len(parsed.issues[0].message) < 300


HEAD = {
    "domains": "# Title: A List\n# Last modified: 01 Jan 2026 00:00 UTC\n# Entries: 40\n#\n\n",
    "hosts": (
        "# Title: A/hosts\n#\n\n127.0.0.1 localhost\n::1 localhost\n255.255.255.255 broadcasthost\n"
        "fe80::1%lo0 localhost\n0.0.0.0 0.0.0.0\n\n# Start of the list\n"
    ),
    "adblock": "[Adblock Plus]\n! Title: A List\n! Expires: 12 hours (update frequency)\n!\n",
    "dnsmasq": "# Title: A List (dnsmasq)\n# Updated: 2026-01-01T00:00:00Z\n",
    "unbound": "# Title: A List (Unbound)\nserver:\n",
    "addresses": "; A DROP List 2026/01/01 - (c) 2026\n; Last-Modified: Thu, 01 Jan 2026\n",
    "csv": '# A List, made 2026-01-01\n#\n# "first_seen_utc","dst_ip","dst_port","malware"\n',
    "rpz": (
        "; Title: A List\n$TTL 30\n@ IN SOA rpz.example. desk.example. 1 86400 3600 604800 30\n"
        " NS localhost.\n\n"
    ),
}
LINES = {
    "domains": "n{0}.example",
    "hosts": "0.0.0.0 n{0}.example # why",
    "adblock": "||n{0}.example^",
    "dnsmasq": "address=/n{0}.example/0.0.0.0",
    "unbound": 'local-zone: "n{0}.example" always_nxdomain',
    "addresses": "198.18.{0}.0/24 ; SBL{0}",
    "csv": '"2026-01-01 00:00:00","198.18.0.{0}","443","x"',
    "rpz": "n{0}.example CNAME .",
}
MISTAKES = {
    "domains": ("n..example", "http://n.example/", "198.18.0.1", "n example", "n.example:80"),
    "hosts": (
        "0.0.0.0", "n.example", "198.18.0.1 n.example", "0.0.0.0 n..example", "0.0.0.0 =n.example",
    ),
    "adblock": (
        "||n..example^", "||-n.example^", "|n..example^", "@@||n..example^", "0.0.0.0 n..example",
    ),
    "dnsmasq": (
        "address=/n..example/", "address=/n.example/x", "n.example", "local=/-n.example/",
        "local=/n.example",
    ),
    "unbound": (
        'local-zone: "n..example" static', 'local-zone: "n.example" x', "n.example",
        'local-data: "n.example A x"', 'local-zone: "n.example static',
    ),
    "addresses": (
        "198.18.0.1/24", "n.example", "198.18.0", "198.18.0.9-198.18.0.1", "198.18.0.0/33",
    ),
    "csv": (
        '"x","198.18.0.1","1","x"', '"","n.example","1","x"', '"","198.18.0.1"',
        '"2026-02-30","198.18.0.1","1","x"', '"","198.18.0.1/8","1","x"',
    ),
    "rpz": (
        "n..example CNAME .", "n.example CNAME", "n.example FOO .", "33.0.0.18.198.rpz-ip CNAME .",
        "32.0.0.999.198.rpz-ip CNAME .",
    ),
}  # fmt: skip


@pytest.mark.parametrize("form", LINES)
@pytest.mark.parametrize("end", ["\n", "\r\n", "  \n"], ids=["lf", "crlf", "blanks"])
def test_lists_in_the_style_of_real_ones_have_no_issues(form, end):
    text = HEAD[form] + "".join(f"{LINES[form].format(number)}\n" for number in range(40))
    parsed = formats.parse(b"\xef\xbb\xbf" + text.replace("\n", end).encode(), "x.txt")
    assert (parsed.format, parsed.issues) == (form, [])
    assert parsed.entries == 40
    assert accounted(parsed)


@pytest.mark.parametrize("form", LINES)
@pytest.mark.parametrize("seed", range(5))
def test_twenty_planted_mistakes_are_found_at_their_lines_and_none_invented(form, seed):
    good = [LINES[form].format(number) for number in range(200)]
    rng = random.Random(seed)
    for mistake in MISTAKES[form] * 4:
        good.insert(rng.choice([0, 100, rng.randrange(len(good))]), mistake)
    planted = [number for number, line in enumerate(good, 1) if line in MISTAKES[form]]
    parsed = formats.parse((HEAD[form] + "\n".join([*good, ""])).encode(), "x.txt", form)
    head = HEAD[form].count("\n")
    assert [issue.origin.line - head for issue in parsed.issues] == planted
    assert {issue.severity for issue in parsed.issues} == {Severity.ERROR}
    assert parsed.entries == 200
    assert accounted(parsed)


CONTENT = st.binary(max_size=120) | st.text(max_size=80).map(str.encode)


@given(CONTENT, st.sampled_from([*formats.FORMATS]))
def test_any_bytes_in_any_format_are_accounted_for(content, form):
    parsed = formats.parse(content + b"\n", "x", form)
    assert parsed.issues or parsed.names or parsed.prefixes
    if parsed.feed and not parsed.refused:
        assert accounted(parsed)


@pytest.mark.parametrize("content", LONG, ids=["name", "dots", "idn", "open", "nested", "words"])
@pytest.mark.parametrize("form", LINES)
def test_no_format_takes_long_over_a_line_without_end(content, form):
    start = time.process_time()
    before = LINES[form].partition("{0}")[0].encode()
    parsed = formats.parse(before + content + b"\n", "x.txt", form)
    assert time.process_time() - start < 2
    assert all(len(issue.message) < 400 for issue in parsed.issues)


# Real lists: the files of a directory that is named from outside, for machines that have them.
REAL = os.environ.get("BLOCKD_REAL_LISTS", "")
real = pytest.mark.skipif(not REAL, reason="BLOCKD_REAL_LISTS names no directory of real lists")


@real
def test_every_line_of_real_lists_is_accounted_for():
    accepted = 0
    for path in sorted(Path(REAL).iterdir()):
        content = path.read_bytes()
        start = time.process_time()
        parsed = formats.parse(content, str(path))
        seconds = time.process_time() - start
        if parsed.refused:
            assert parsed.issues
            print(f"{path.name}: {parsed.issues[0].message}")
            continue
        accepted += 1
        print(f"{path.name}: {parsed.format}, {parsed.lines / seconds:,.0f} lines/s")
        assert parsed.lines == content.count(b"\n")
        assert accounted(parsed)
    assert accepted
