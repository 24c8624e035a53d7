"""The two languages say the same: the same sentences, with the same fields."""

import pytest

import blockd.web
from blockd.terms import Basis
from blockd.web.words import CHINESE, Words
from tests.hypertext.sentences import fields, texts


@pytest.mark.parametrize("sentence", CHINESE)
def test_a_translation_has_the_fields_of_its_sentence(sentence):
    assert fields(CHINESE[sentence]) == fields(sentence)
    assert any("一" <= character <= "鿿" for character in CHINESE[sentence])


def test_no_translation_is_left_over():
    known = texts(blockd.web)
    of_records = {"changed", "expiry", "rollback", "mended", *Basis}
    assert set(CHINESE) - known == of_records - known


def test_a_sentence_without_translation_is_an_error_and_a_word_of_a_record_is_not():
    with pytest.raises(KeyError):
        Words("zh")("Not among them")
    assert Words("zh").known("resumed") == "resumed"
    assert Words("en").known("expiry") == "expiry"
    assert Words("zh").known("expiry") == "到期"
