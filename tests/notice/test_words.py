"""The two languages say the same: the same sentences, with the same fields."""

import pytest

import blockd.notice
from blockd.notice.words import CHINESE
from blockd.terms import Basis
from tests.hypertext.sentences import fields, texts


@pytest.mark.parametrize("sentence", CHINESE)
def test_a_translation_has_the_fields_of_its_sentence(sentence):
    assert fields(CHINESE[sentence]) == fields(sentence)
    assert any("一" <= character <= "鿿" for character in CHINESE[sentence])


def test_no_translation_is_left_over():
    assert set(CHINESE) - texts(blockd.notice) == set(Basis)
