"""Where two texts differ: what is found puts the new text together from the old one."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blockd.policy import hunks

_lines = st.lists(st.sampled_from("abcdefgh"), max_size=25)
_edits = st.lists(st.tuples(st.integers(0, 30), st.sampled_from(["", "x", "y", "a"])), max_size=4)


def text(lines):
    return "".join(f"{line}\n" for line in lines)


def edited(lines, edits):
    """The lines with some of them others, some gone and some new."""
    found = list(lines)
    for place, what in edits:
        at = place % (len(found) + 1)
        if what == "x":
            found.insert(at, what)
        else:
            found[at : at + 1] = [what] if what else []
    return found


@settings(max_examples=300)
@given(_lines, _edits)
def test_every_line_that_stayed_is_where_the_places_say_and_all_others_came(lines, edits):
    now = edited(lines, edits)
    found = hunks.hunks(text(lines), text(now))
    places = hunks.places(found, len(lines))
    came = {hunk.new + at: line for hunk in found for at, line in enumerate(hunk.came)}
    gone = {hunk.old + at: line for hunk in found for at, line in enumerate(hunk.gone)}
    stayed = {}
    for number, line in enumerate(lines, 1):
        if number in gone:
            assert (gone[number], places[number]) == (f"{line}\n", 0)
        else:
            stayed[places[number]] = f"{line}\n"
    assert not came.keys() & stayed.keys()
    both = came | stayed
    assert "".join(both[number] for number in sorted(both)) == text(now)
    assert [n for n in places if n] == sorted(stayed), "nobody overtakes"


def test_texts_that_are_alike_have_no_hunk():
    assert hunks.hunks(text("abc"), text("abc")) == []


@pytest.mark.parametrize("place", [0, 1, 4_321, 39_999])
def test_one_other_line_is_all_there_is_of_many(place):
    lines = [f"name-{number}.example" for number in range(40_000)]
    now = [*lines[:place], "other.example", *lines[place + 1 :]]
    assert hunks.hunks(text(lines), text(now)) == [
        hunks.Hunk(place + 1, [f"{lines[place]}\n"], place + 1, ["other.example\n"])
    ]


def test_more_lines_than_the_bound_are_none(monkeypatch):
    lines = [f"name-{number}.example" for number in range(100)]
    monkeypatch.setattr(hunks, "MOST", 20)
    assert len(hunks.hunks(text(lines), text(lines[20:]))[0].gone) == 20
    assert hunks.hunks(text(lines), text(lines[21:])) is None
    assert hunks.hunks(text(lines), text(reversed(lines))) is None


def test_texts_that_never_meet_again_are_none():
    old, new = ([f"{side}{number}" for number in range(3 * hunks.MOST)] for side in "ab")
    assert hunks.hunks(text(old), text(new)) is None


@settings(max_examples=100)
@given(_lines, st.data(), st.sampled_from([1, 2, 3, 7, 100]))
def test_lines_are_picked_by_their_numbers(lines, data, piece):
    numbers = data.draw(st.sets(st.integers(1, len(lines)))) if lines else ()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hunks, "_PIECE", piece)
        found = list(hunks.picked(text(lines), sorted(numbers)))
    assert found == [(number, f"{lines[number - 1]}\n") for number in sorted(numbers)]
