"""The names of a whole compile as rows: in order, whole, and the same in any stretch."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blockd.policy import layout, packed, rows
from blockd.policy.packed import Packed
from blockd.policy.writer import numbers_of
from blockd.watchlist.compile import compile_rules
from tests import entries


@pytest.fixture(scope="module", autouse=True)
def _batches_are_short():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packed, "BATCH", 3)
        yield


def wanted(rules):
    """Each row, by the plain words of the layout."""
    number = numbers_of(rules).of
    found = {name: rows.pack(entry, number) for name, entry in rules.names.items()}
    return sorted((found | dict.fromkeys(rules.between, layout.BETWEEN)).items())


def packed_of(rules):
    return Packed(rules.names, rules.between, numbers_of(rules))


@settings(max_examples=60)
@given(entries.lists, st.data())
def test_any_stretch_has_the_rows_that_are_there_in_order(sources, data):
    rules = compile_rules(sources, entries.TODAY)
    table, found = packed_of(rules), wanted(rules)
    assert len(table) == len(found)
    assert [row for batch in table.rest() for row in zip(*batch, strict=True)] == found
    start = data.draw(st.integers(0, len(found)))
    end = data.draw(st.integers(start, len(found)))
    assert list(zip(*table.stretch(start, end), strict=True)) == found[start:end]
    for at, (name, _) in enumerate(found):
        assert table.upto(name) == at + 1
        assert table.upto(name, at) == at + 1
        assert table.upto(name[:-1]) <= at + (name[:-1] == name)


@settings(max_examples=60)
@given(entries.lists, st.data())
def test_numbers_are_told_of_the_same_names_alone(sources, data):
    rules = compile_rules(sources, entries.TODAY)
    table, found = packed_of(rules), wanted(rules)
    start = data.draw(st.integers(0, max(0, len(found) - 1)))
    there = found[start : start + data.draw(st.integers(0, 4))]
    plain = all(len(value) == layout.ONE.size for _, value in there)
    numbers = table.numbers(start, [name for name, _ in there])
    if plain and found:
        assert list(numbers) == [layout.ONE.unpack(value)[0] for _, value in there]
    elif there:
        assert numbers is None
    if there:
        assert table.numbers(start, [name + b"\1x" for name, _ in there]) is None
        first = there[0][0]
        assert table.numbers(start, [first[:1], first[1:]]) is None
