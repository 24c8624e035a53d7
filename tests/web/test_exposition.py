"""The text format: what Prometheus' own program accepts, and what it reads from it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd.web import exposition
from blockd.web.exposition import Distribution, Kind


def text(value, kind=Kind.GAUGE, label="platform", meaning="What it means"):
    return list(exposition.lines("blockd_example", kind, meaning, label, value))


@pytest.mark.parametrize(
    ("value", "shown"),
    [(True, "1"), (False, "0"), (3, "3"), (3.0, "3"), (0.25, "0.25"), (1e-05, "1e-05"),
     (1795560863.211239, "1795560863.211239")],
)  # fmt: skip
def test_numbers_keep_their_value(value, shown):
    assert text(value)[-1] == f"blockd_example {shown}"


@pytest.mark.parametrize("value", [None, {}])
def test_of_what_is_not_known_nothing_is_said(value):
    assert text(value) == []


def unescaped(found):
    return "\n" if found[1] == "n" else found[1]


@given(st.dictionaries(st.text(), st.integers(0, 2**53), min_size=1))
def test_any_label_can_be_read_back(values):
    read = {}
    for line in text(values)[2:]:
        assert "\n" not in line
        label, number = re.fullmatch(
            r'blockd_example\{platform="((?:[^"\\]|\\.)*)"\} (\d+)', line, re.DOTALL
        ).groups()
        read[re.sub(r"\\(.)", unescaped, label, flags=re.DOTALL)] = int(number)
    assert read == values


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=9))
def test_buckets_are_cumulative_and_the_last_holds_all(counts):
    bounds = [number / 8 for number in range(1, len(counts))]
    lines = text(Distribution(bounds, counts, 1.5), Kind.HISTOGRAM)
    buckets = [re.fullmatch(r'\S+_bucket\{le="(.+)"\} (\d+)', line) for line in lines[2:-2]]
    below = [int(found[2]) for found in buckets]
    assert below == sorted(below)
    assert [found[1] for found in buckets] == [*map(exposition._number, bounds), "+Inf"]
    assert lines[-1] == f"blockd_example_count {below[-1]}"
    assert below[-1] == sum(counts)
    assert lines[-2] == "blockd_example_sum 1.5"


def test_a_meaning_stays_on_its_line():
    assert text(1, meaning="a\nb\\c")[0] == r"# HELP blockd_example a\nb\\c"
