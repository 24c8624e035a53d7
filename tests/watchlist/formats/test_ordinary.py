"""Shapes of ordinary lines: what they vouch for, the careful way reads just so."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd import names
from blockd.errors import NameFormError
from blockd.watchlist.formats.entry import name_entry
from blockd.watchlist.formats.ordinary import COMMENTED, END, NAME, ordinary
from blockd.watchlist.model import Scope

TEXT = st.one_of(
    st.text(st.sampled_from("aZ9-_.xn"), max_size=20),
    st.lists(st.sampled_from(["a", "xn--", "XN--", "-", ".", "9", "example", "_"])).map("".join),
)


@given(TEXT)
def test_what_has_the_form_of_a_plain_name_is_one_or_too_long(text):
    if re.fullmatch(NAME, text) is None:
        return
    wires = names.plain_wires([text])
    try:
        assert name_entry(text) == (wires[0], Scope.SUBTREE)
    except NameFormError:
        assert wires is None


@pytest.mark.parametrize("text", ["a.example", "A-b.c_d.Example", "1.2.x3x", "_sip._tcp.a.example"])
def test_real_names_have_the_form(text):
    assert re.fullmatch(NAME, text)


@pytest.mark.parametrize(
    "text", ["example", "a.example.", "198.18.0.1", "xn--a.example", "a..b", "-a.b", "a.b-", "ä.b"]
)
def test_what_needs_a_closer_look_has_not(text):
    assert re.fullmatch(NAME, text) is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("||a.example^\n||b.example^ \r\n||c.example\n", ["a.example", "b.example"]),
        ("||a.example^ # why\n", []),
    ],
)
def test_a_run_ends_where_the_shape_does(text, found):
    shape = ordinary(r"\|\|", rf"\^{END}")
    run = shape.run.match(text)
    assert shape.one.findall(run[0] if run else "") == found


def test_a_run_is_bounded():
    shape = ordinary("")
    text = "a.example\n" * 5000
    assert shape.run.match(text)[0].count("\n") == 1000


def test_several_names_stand_on_one_line():
    shape = ordinary("0 ", COMMENTED, separator=" ")
    assert shape.one.findall("0 a.example b.example\n0 c.example\n") == ["a.example b.example"]


@pytest.mark.parametrize(
    "line", ["a-" * 50_000, "a." * 50_000, "a.b" + " " * 100_000 + "c", "-" * 99]
)
def test_no_line_is_tried_in_many_ways(line):
    started = time.process_time()
    for shape in (ordinary("", COMMENTED), ordinary("", COMMENTED, separator=" ")):
        shape.run.match(line + "\n")
    assert time.process_time() - started < 1
