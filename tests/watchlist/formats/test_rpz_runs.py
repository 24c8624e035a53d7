"""Runs of like lines: how far one goes, and that its names are those of the careful way."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd import names
from blockd.watchlist.formats import rpz_runs
from blockd.watchlist.formats.rpz_triggers import NameTrigger, trigger
from blockd.watchlist.model import Scope

BEHIND = " CNAME ."
ORDINARY = rpz_runs.pattern(BEHIND)


def lines(*owners, end="\n"):
    return "".join(f"{owner}{BEHIND}{end}" for owner in owners)


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        (lines("a.example", "b.example"), 2),
        (lines("a.example", "*.a.example", "b.example"), 3),
        (lines("*.a.example", "*.b.example"), 2),
        (lines("*.a.example", "a.example"), 1),  # or `x` and `*.x` would be out of step
        (lines("a.example", "b.example", end="\r\n"), 2),
        (lines("a.example") + "b.example CNAME *.\n" + lines("c.example"), 1),
        (lines("a.example") + "b.example CNAME .", 1),  # without an end it is no whole line
        (lines("a.example", "32.1.0.18.198.rpz-ip", "b.example"), 1),
        (lines("32.1.0.18.198.rpz-ip"), 0),
        (lines("a.example", "A.example"), 1),
        (lines("a.example", "xn--fsq.example", "b.example"), 1),
        (lines("a.example", "b.xn--fsq"), 1),
        (lines("198.18.0.1"), 0),
        (lines("a-.example"), 0),
        (lines("*"), 0),
        (lines("a..example"), 0),
        (" CNAME .\n", 0),
        ("", 0),
    ],
)
def test_a_run_ends_where_a_line_needs_a_closer_look(text, taken):
    block = rpz_runs.block(text, 0, ORDINARY)
    assert (block.count("\n"), text.startswith(block)) == (taken, True)


def test_what_is_said_is_text_and_no_pattern():
    assert rpz_runs.block("a.example CNAME x\n", 0, ORDINARY) == ""


@pytest.mark.parametrize("text", ["a-" * 20_000, "a." * 20_000, "a.example CNAME . \n" * 4000])
def test_a_hostile_text_is_given_up_in_little_time(text):
    start = time.perf_counter()
    assert rpz_runs.block(text, 0, ORDINARY) == ""
    assert time.perf_counter() - start < 1


OWNER = st.lists(
    st.sampled_from(["a", "b", "*", "example", "xn--a", "rpz-ip", "32", "1", "", "A", "a-b", "_a"]),
    min_size=1, max_size=5,
).map(".".join)  # fmt: skip


@given(st.lists(OWNER, min_size=1, max_size=8), st.sampled_from(["", "zone.test"]))
def test_every_name_of_a_run_is_what_the_careful_way_reads(owners, below):
    text = lines(*owners)
    block = rpz_runs.block(text, 0, ORDINARY)
    if not block:
        return
    found = rpz_runs.wires(block, BEHIND, names.plain_wire(below) if below else b"")
    assert len(found) == block.count("\n")
    for owner, wire in zip(owners, found, strict=False):
        wanted = trigger(f"{owner}.{below}" if below else owner)
        wild = wire.startswith(b"\1*")
        scope = Scope.BELOW if wild else Scope.EXACT
        assert NameTrigger(scope, wire[2:] if wild else wire) == wanted


LABEL = "a" * 63
LONGEST = ".".join([LABEL, LABEL, LABEL, "a" * 61])
"""RFC 1035 2.3.4: 255 octets, the root's included."""


@pytest.mark.parametrize(
    ("owner", "suffix", "fits"),
    [
        (LONGEST, b"", True),
        (f"{LONGEST}a", b"", False),
        (f"{LABEL}a.example", b"", False),
        (LONGEST[: -len(".test")], b"\4test", True),
        (LONGEST[: -len("test")], b"\4test", False),
    ],
)
def test_a_run_with_a_name_that_is_too_long_is_given_back(owner, suffix, fits):
    assert (rpz_runs.wires(lines("b.example", owner), BEHIND, suffix) is not None) is fits


def test_a_carriage_return_of_the_text_behind_is_not_taken_for_a_lines_end():
    behind = f"{BEHIND}\r"
    text = f"a.example{behind}\n"
    assert rpz_runs.block(text, 0, rpz_runs.pattern(behind)) == text
    assert rpz_runs.wires(text, behind, b"") is None
