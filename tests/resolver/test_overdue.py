"""When a connection has had its time, whatever it waits for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd.resolver.overdue import Due, Waits

PATIENCE, STALL, LONGEST = 10.0, 5.0, 30.0


def due(now, *, handshake=False, closing=False, in_flight=0, **since):
    waits = Waits(0.0, handshake=handshake)
    for name, value in since.items():
        setattr(waits, name, value)
    return waits.due(now, closing=closing, in_flight=in_flight, patience=PATIENCE, stall=STALL)


@pytest.mark.parametrize(
    ("state", "allowed", "then"),
    [
        ({}, PATIENCE, Due.END),
        ({"in_flight": 1}, LONGEST, Due.END),
        ({"cut": 0.0}, STALL, Due.FINISH),
        ({"cut": 0.0, "in_flight": 1}, STALL, Due.FINISH),
        ({"handshake": True}, STALL, Due.FINISH),
        ({"deaf": 0.0}, STALL, Due.ABORT),
        ({"deaf": 0.0, "cut": 0.0, "in_flight": 1}, STALL, Due.ABORT),
        ({"closing": True}, STALL, Due.ABORT),
        ({"closing": True, "deaf": 0.0, "cut": 0.0}, STALL, Due.ABORT),
    ],
)
def test_each_wait_may_take_its_time_and_no_longer(state, allowed, then):
    assert due(allowed, **state) is Due.NOTHING
    assert due(allowed + 0.01, **state) is then


@given(
    st.floats(0, 100), st.booleans(), st.integers(0, 2),
    st.none() | st.floats(0, 100), st.none() | st.floats(0, 100),
)  # fmt: skip
def test_nothing_waits_for_ever(began, closing, in_flight, cut, deaf):
    state = {"closing": closing, "in_flight": in_flight, "cut": cut, "deaf": deaf}
    late = 100 + LONGEST + 1
    assert due(late, quiet=began, ending=began, **state) is not Due.NOTHING
