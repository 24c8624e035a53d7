"""Rows of rules whose lines have moved, beside those of rules whose lines have not."""

from hypothesis import given
from hypothesis import strategies as st

from blockd.policy import layout
from blockd.policy.relined import relined

MOVED = {2: [0, 11, 0, 13], 4: [0, 5, 6, 7]}
_slot = st.sampled_from([1, 2, 4, layout.NONE]).flatmap(
    lambda number: st.tuples(st.just(number), st.just(0) if number == layout.NONE else _line)
)
_line = st.integers(1, 3)
_one = st.tuples(st.sampled_from([1, 2, 4]), _line)


def now(slot):
    number, line = slot
    return number, MOVED[number][line] if number in MOVED else line


@given(st.lists(st.one_of(_one.map(lambda one: [one]), st.lists(_slot, min_size=2, max_size=2))))
def test_each_line_is_that_of_now_under_its_own_rule(rows):
    def packed(change):
        return [
            (layout.ONE if len(slots) == 1 else layout.TWO).pack(
                *(n for s in slots for n in change(s))
            )
            for slots in rows
        ]

    assert list(relined(packed(lambda slot: slot), MOVED)) == packed(now)
