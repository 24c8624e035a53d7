"""Extended errors as options: texts cut between characters, and given up before codes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd.resolver import extended


@given(st.integers(0, 0xFFFF), st.text(max_size=200))
def test_a_long_text_is_cut_between_characters(code, text):
    option = extended.error(code, text)
    assert option[:2] == b"\0\x0f"
    assert int.from_bytes(option[2:4], "big") == len(option) - 4
    assert int.from_bytes(option[4:6], "big") == code
    said = option[6:].decode()
    assert text.startswith(said)
    assert len(option) - 6 <= extended.TEXT_OCTETS
    assert said == text or len(option) - 6 > extended.TEXT_OCTETS - 4


TWO = extended.error(extended.FORGED, "") + extended.error(extended.CENSORED, "p001: Notice 7")
CODES = extended.error(extended.FORGED, "") + extended.error(extended.CENSORED, "")


@pytest.mark.parametrize(
    ("room", "left"),
    [(len(TWO), CODES), (12, CODES), (11, CODES[:6]), (6, CODES[:6]), (5, b""), (0, b"")],
)
def test_texts_go_first_then_all_codes_but_one_then_that_one(room, left):
    assert extended.shortened(TWO, room) == left


def test_nothing_stays_nothing():
    assert extended.shortened(b"", 100) == b""
