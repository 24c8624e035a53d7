"""The verdicts of `blockd explain` as sentences; the rest of it is seen by `test_explain`."""

import pytest

from blockd import prefixes
from blockd.cli import explained

NAME, ADDRESS = {"resolver": "x"}, {}
LISTED, OTHER = {"on_list": True, "entry": "e"}, {"on_list": False}
EXCEPTED = {"on_list": False, "entry": "e", "exception": True}
BLOCKED, OPEN = {"enforced": True}, {"enforced": False}
UNASKED = {"enforced": None, "unreachable": "it is off", "asked": False}
SILENT = {"enforced": None, "unreachable": "it is off", "asked": True}
PASSES = {"open": "a hole", "passes": True, "open_to": []}


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ([NAME, LISTED, BLOCKED], "is blocked"),
        ([NAME, LISTED, OPEN], "is listed, but the resolver does not block it"),
        ([NAME, LISTED, UNASKED], "is listed, but the resolver does not answer: it is off"),
        ([NAME, LISTED, SILENT], "is listed, but the resolver does not answer: it is off"),
        ([NAME, OTHER, OPEN], "is not blocked: no entry covers it"),
        (
            [NAME, OTHER, UNASKED],
            "is not blocked: no entry covers it (the resolver was not asked)",
        ),
        ([NAME, OTHER, SILENT], "is not blocked: no entry covers it"),
        (
            [NAME, OTHER, BLOCKED, {"hidden": "EDE 15"}],
            "is blocked for what it leads to or contains (EDE 15)",
        ),
        ([NAME, EXCEPTED, OPEN], "is not blocked: it is excepted"),
        ([NAME, EXCEPTED, UNASKED], "is not blocked: it is excepted (the resolver was not asked)"),
        ([ADDRESS, LISTED, BLOCKED], "is blocked"),
        ([ADDRESS, LISTED, SILENT], "is listed, but the kernel does not answer: it is off"),
        ([ADDRESS, LISTED, OPEN, PASSES], "is listed, but packets to it pass: a hole"),
        (
            [ADDRESS, LISTED, OPEN, PASSES, {"passes": False}],
            "is listed, but it is not null-routed: a hole",
        ),
        (
            [ADDRESS, LISTED, OPEN, PASSES, {"open_to": ["from a", "from b"]}],
            "is blocked, but not for packets from a or from b: a hole",
        ),
        ([ADDRESS, OTHER, BLOCKED], "is not listed, yet the kernel blocks it"),
        ([ADDRESS, EXCEPTED, BLOCKED], "is not blocked: it is excepted, yet the kernel blocks it"),
        ([ADDRESS, OTHER, OPEN], "is not blocked: no entry covers it"),
    ],
)
def test_a_verdict_is_about_what_is_enforced(parts, said):
    found = {}
    for part in parts:
        found |= part
    assert explained.verdict(found) == said


@pytest.mark.parametrize(
    "text", ["198.18.1.1", "198.18.1.0/28", "2001:db8::1", "2001:db8::/32", "0.0.0.0/0"]
)
def test_a_prefix_is_written_as_people_write_it(text):
    assert explained.bare(prefixes.parse(text)) == text
