"""The sentences about keys stand where the keys are declared, and no others do."""

import typing

import pytest

from blockd.config import Config, SourceSection
from blockd.config_words import SECTIONS, SOURCE, TEXTS

KINDS = typing.get_type_hints(Config) | {SOURCE: SourceSection}


@pytest.mark.parametrize("section", KINDS)
def test_a_section_and_each_key_in_it_have_words(section):
    assert SECTIONS[section].endswith(".")
    assert set(TEXTS[section]) == set(KINDS[section].__struct_fields__)


def test_there_are_no_words_without_a_section():
    assert set(SECTIONS) == set(TEXTS) == set(KINDS)
