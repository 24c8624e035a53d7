"""The two languages say the same: the same sentences, with the same fields."""

import ast
import string
from pathlib import Path

import pytest

import blockd.web
from blockd.terms import Basis
from blockd.web.words import CHINESE, Words


def fields(text):
    return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name)


@pytest.mark.parametrize("sentence", CHINESE)
def test_a_translation_has_the_fields_of_its_sentence(sentence):
    assert fields(CHINESE[sentence]) == fields(sentence)
    assert any("一" <= character <= "鿿" for character in CHINESE[sentence])


def test_no_translation_is_left_over():
    texts = set()
    for path in Path(blockd.web.__file__).parent.rglob("*.py"):
        if path.name != "words.py":
            tree = ast.parse(path.read_text("utf-8"))
            texts |= {each.value for each in ast.walk(tree) if isinstance(each, ast.Constant)}
    of_records = {"changed", "expiry", "rollback", "mended", *Basis}
    assert set(CHINESE) - texts == of_records - texts


def test_a_sentence_without_translation_is_an_error_and_a_word_of_a_record_is_not():
    with pytest.raises(KeyError):
        Words("zh")("Not among them")
    assert Words("zh").known("resumed") == "resumed"
    assert Words("en").known("expiry") == "expiry"
    assert Words("zh").known("expiry") == "到期"
