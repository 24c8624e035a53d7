"""The chart: columns as high as their rates, whatever there is to draw."""

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd.web import chart
from blockd.web.ring import GROUPS, KEPT, Column
from blockd.web.words import Words

FLOOR, CEILING = chart.HEIGHT - 24, 10


def drawn(columns):
    return ET.fromstring(chart.chart(Words("en"), columns, KEPT))


def column(number, *counts):
    return Column(number * 30.0, number * 30.0 + 30.0, dict(zip(GROUPS, counts, strict=True)))


def labels(svg):
    return [each.text for each in svg.iter("text")]


@given(st.lists(st.tuples(*[st.integers(0, 10**7)] * 5), max_size=KEPT))
def test_every_column_lies_within_the_picture_and_stacks_without_gaps(counts):
    svg = drawn([column(number, *each) for number, each in enumerate(counts)])
    stacks = {}
    for rect in svg.iter("rect"):
        top, height = float(rect.get("y")), float(rect.get("height"))
        assert top >= CEILING - 0.2
        assert 0 <= float(rect.get("x")) <= chart.WIDTH
        floor = stacks.get(rect.get("x"), FLOOR)
        assert top + height == pytest.approx(floor, abs=0.11)
        stacks[rect.get("x")] = top


@pytest.mark.parametrize(
    ("a_second", "top"), [(0, "1"), (0.5, "1"), (1, "1"), (1.2, "2"), (3, "5"), (70, "100"),
                          (4000, "5000")]
)  # fmt: skip
def test_the_scale_is_round(a_second, top):
    svg = drawn([column(0, int(a_second * 30), 0, 0, 0, 0)])
    assert labels(svg)[2] == top


def test_a_column_is_as_high_as_its_rate():
    (rect,) = drawn([column(0, 0, 0, 75, 0, 0)]).iter("rect")  # 2.5 a second of 5
    assert float(rect.get("height")) == pytest.approx((FLOOR - CEILING) / 2, abs=0.1)
    assert rect.get("class") == "g2"


def test_it_says_in_words_what_it_shows():
    svg = drawn([])
    assert svg.get("aria-label") == svg.find("title").text
    assert labels(svg) == ["0", "0.5", "1"]
