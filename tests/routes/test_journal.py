"""The journal: each route has its line, and a storm of them has few."""

import logging

from hypothesis import given
from hypothesis import strategies as st

from blockd.routes.journal import Journal

LINES, PERIOD = 4, 10.0


def kept(**options):
    """Return a journal, its clock, and the list of what it logs: (level, line)."""
    log, lines, now = logging.Logger("test"), [], [0.0]  # noqa: LOG001 - not the root's child
    log.handle = lambda record: lines.append((record.levelno, record.getMessage()))
    return Journal(log, lambda: now[0], **{"lines": LINES, "period": PERIOD, **options}), now, lines


def texts(lines):
    return [text for _, text in lines]


def test_each_route_has_its_line():
    journal, _, lines = kept()
    journal.tell("installing", ["a", "b"])
    journal.tell("foreign", ["c"], logging.WARNING)
    journal.tell("withdrawing", [])
    assert lines == [
        (logging.INFO, "installing: a"),
        (logging.INFO, "installing: b"),
        (logging.WARNING, "foreign: c"),
    ]


def test_each_line_carries_the_generation_on_whose_account_it_is():
    log, found = logging.Logger("test"), []  # noqa: LOG001 - not the root's child
    log.handle = lambda record: found.append(record.generation)
    journal = Journal(log, lambda: 0.0, lines=1)
    journal.tell("foreign", ["a"])
    journal.generation = 7
    journal.tell("installing", ["b", "c"])
    assert found == [None, 7, 7]


def test_of_many_the_rest_is_counted_once():
    journal, _, lines = kept()
    journal.tell("installing", range(3))
    journal.tell("installing", range(3, 100))
    journal.tell("installing", range(100))
    assert texts(lines) == [*(f"installing: {n}" for n in range(4)), "installing: 96 more"]


def test_each_verb_has_its_own_room():
    journal, _, lines = kept()
    journal.tell("installing", range(100))
    journal.tell("withdrawing", ["x"])
    assert texts(lines)[-1] == "withdrawing: x"


def test_a_new_period_has_room_again():
    journal, now, lines = kept()
    journal.tell("installing", range(100))
    now[0] = PERIOD - 0.1
    journal.tell("installing", ["y"])
    assert "installing: y" not in texts(lines)
    now[0] = PERIOD
    journal.tell("installing", ["z"])
    assert texts(lines)[-1] == "installing: z"


@given(
    st.lists(
        st.tuples(
            st.floats(0, PERIOD),
            st.sampled_from(["installing", "restoring"]),
            st.integers(0, 12),
        ),
        max_size=30,
    )
)
def test_no_period_holds_more_than_its_lines_and_one(told):
    journal, now, lines = kept()
    starts, counts = {}, {}
    for wait, verb, number in told:
        now[0] += wait
        before = len(lines)
        journal.tell(verb, range(number))
        if number and now[0] - starts.get(verb, -PERIOD) >= PERIOD:
            starts[verb], counts[verb] = now[0], 0
        counts[verb] = counts.get(verb, 0) + len(lines) - before
        assert counts[verb] <= LINES + 1
        assert counts[verb] or not number  # no period begins in silence
