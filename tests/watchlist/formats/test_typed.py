"""Tables against their types: every mistake of a table is told, and the rest is kept."""

from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd.terms import Action
from blockd.watchlist.formats import typed
from blockd.watchlist.formats.tables import AllowTable, ListTable, PlatformTable

PLACE = ("platform", 3)


def read(table, kind=PlatformTable):
    told = []
    found = typed.fields(table, kind, PLACE, lambda path, said: told.append((path, said)))
    return found, told


def test_what_is_well_typed_is_returned():
    found, told = read({
        "id": "p", "domains": ["a.example", "b.example"], "listed": date(2018, 8, 23),
        "action": "zero", "ttl": 0, "enforce": False,
    })  # fmt: skip
    assert told == []
    assert found == {
        "id": "p", "domains": [(0, "a.example"), (1, "b.example")], "listed": date(2018, 8, 23),
        "action": Action.ZERO, "ttl": 0, "enforce": False,
    }  # fmt: skip


MISTAKES = [
    ("refrence", "x", (), "unknown key `refrence`; did you mean `reference`?"),
    ("Domains", [], (), "did you mean `domains`?"),
    ("qqqq", 1, (), "; known are action, addresses, authority"),
    ("name", 5, (), "`name`: a text in quotes was expected, not 5"),
    ("name", ["x"], (), "not a list"),
    ("name", {"x": 1}, (), "not a table"),
    ("name", "a\nb", (), "holds a line break"),
    ("name", "a\n", (), "holds a line break"),
    ("name", "\x7f", (), "control character"),
    ("domains", "a.example", (), 'a list such as ["...", "..."] was expected, not the text'),
    ("domains", ["a.example", 5], (1,), "a text in quotes was expected, not 5"),
    ("domains", [["a.example"]], (0,), "not a list"),
    ("action", "nxdomian", (), "did you mean 'nxdomain'?"),
    ("action", "NXDOMAIN", (), "did you mean 'nxdomain'?"),
    ("action", "block", (), "'block' is none of nxdomain, nodata"),
    (
        "action",
        True,
        (),
        "one of nxdomain, nodata, zero, refused, drop, tcp-only, address, records in quotes",
    ),
    ("listed", "2018-08-23", (), "a date without quotes was expected"),
    ("listed", "2018-08-23", (), "; write 2018-08-23"),
    ("listed", datetime(2018, 8, 23, 1), (), "; write 2018-08-23"),  # noqa: DTZ001 - as TOML has it
    ("listed", "2018-02-30", (), ", as in 2018-08-23"),
    ("listed", 2018, (), "not 2018, as in 2018-08-23"),
    ("ttl", "60", (), "a whole number was expected, not the text '60'"),
    ("ttl", True, (), "a whole number was expected, not true"),
    ("ttl", 1.5, (), "a whole number was expected, not 1.5"),
    ("ttl", -1, (), "-1 is not between 0 and 604800"),
    ("ttl", 604801, (), "604801 is not between 0 and 604800"),
    ("enforce", 1, (), "true or false was expected, not 1"),
    ("enforce", "false", (), "true or false was expected, not the text 'false'"),
]


@pytest.mark.parametrize(("key", "value", "index", "said"), MISTAKES)
def test_a_mistake_is_told_at_its_place_and_the_rest_is_kept(key, value, index, said):
    found, told = read({"id": "p", key: value, "route": "prohibit"})
    assert [path for path, _ in told] == [(*PLACE, key, *index)]
    assert said in told[0][1]
    assert (found["id"], found["route"]) == ("p", "prohibit")
    good = [(0, "a.example")] if index == (1,) else []
    assert found.get(key, good) == good


def test_what_is_missing_is_told_at_the_table():
    _, told = read({})
    assert [path for path, _ in told] == [PLACE]
    assert "`id` is missing; write id = " in told[0][1]
    assert read({}, AllowTable) == read({}, ListTable) == ({}, [])


def test_an_identifier_of_wrong_type_is_not_called_missing():
    _, told = read({"id": 5})
    assert [path for path, _ in told] == [(*PLACE, "id")]


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates() | st.times(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(PlatformTable.__struct_fields__) | st.text(), ANY))
def test_any_table_gives_fields_or_sentences(table):
    found, told = read(table)
    assert found.keys() <= set(PlatformTable.__struct_fields__)
    for key in table:
        assert key in found or any(path[: len(PLACE) + 1] == (*PLACE, key) for path, _ in told)
    assert all(0 < len(said) < 500 and said.isprintable() for _, said in told)
