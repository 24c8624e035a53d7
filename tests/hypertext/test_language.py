"""Which language a reader gets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd.hypertext.language import LANGUAGES, chosen


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"), ("*", "en"), ("fr", "en"), ("en", "en"), ("zh", "zh"), ("ZH-hans-CN", "zh"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"), ("en-GB,zh;q=0.9", "en"), ("fr, zh;q=0.2", "zh"),
        ("en;q=0.5, zh;q=0.6", "zh"), ("zh;q=0, en;q=0.1", "en"), ("zh;q=0", "en"),
        ("zh ; q=1", "zh"), ("zh;q=x", "en"), ("zh;level=1", "zh"), (",,;", "en"),
    ],
)  # fmt: skip
def test_the_language_with_the_highest_weight_is_chosen(header, language):
    assert chosen(header) == language


@given(st.text(max_size=60))
def test_whatever_a_browser_sends_there_is_a_language(header):
    assert chosen(header) in LANGUAGES
