"""Every key is explained, and what is said of it is what the program does."""

import tomllib
import typing

import msgspec
import pytest

from blockd import config as configuration
from blockd import config_text
from blockd.config import Config, SourceSection
from blockd.terms import Action, Basis, Denied, ListFormat, Override, Required, RouteType, Strategy

DECLARED = [
    *((section, key) for section, kind in typing.get_type_hints(Config).items()
      for key in kind.__struct_fields__),
    *((config_text.SOURCE, key) for key in SourceSection.__struct_fields__),
]  # fmt: skip

EVERY = [key for section in config_text.SECTIONS for key in config_text.keys(section)]


def section_of(key, value):
    table = f"[[{key.section}]]" if key.section == config_text.SOURCE else f"[{key.section}]"
    place = 'path = "/srv/list.txt"\n' if key.section == config_text.SOURCE else ""
    return f"{table}\n{'' if key.name in {'path', 'url'} else place}{key.name} = {value}\n"


def test_every_key_is_explained_in_the_order_in_which_it_is_declared():
    assert [(key.section, key.name) for key in EVERY] == DECLARED


@pytest.mark.parametrize("key", EVERY, ids=lambda key: f"{key.section}.{key.name}")
def test_an_explanation_is_of_whole_sentences(key):
    assert key.text.endswith(".")
    assert key.text[0].isupper() or key.text.split()[0].rstrip(",") in {
        *Action, *Basis, *ListFormat, "order",
    }  # fmt: skip


@pytest.mark.parametrize("key", EVERY, ids=lambda key: f"{key.section}.{key.name}")
def test_an_example_is_a_configuration(key):
    if key.example:
        assert configuration.parse(section_of(key, key.example), "x") != Config() or (
            key.example == key.default
        )


def test_every_default_written_down_is_the_built_in_configuration():
    defaults = {}
    for key in EVERY:
        if key.section != config_text.SOURCE:
            text = section_of(key, key.default)
            assert configuration.parse(text, "x") == Config(), text
            defaults.setdefault(key.section, {}).update(tomllib.loads(text)[key.section])
    assert msgspec.json.decode(msgspec.json.encode(Config(), enc_hook=str)) == defaults


WORDS = {
    ("resolver", "strategy"): Strategy,
    ("resolver", "denied"): Denied,
    ("resolver", "action"): set(Action) - {Action.ADDRESS, Action.RECORDS},
    ("routes", "type"): RouteType,
    ("guard", "require"): Required,
    (config_text.SOURCE, "action"): Override,
    (config_text.SOURCE, "format"): ListFormat,
    (config_text.SOURCE, "basis"): Basis,
}


@pytest.mark.parametrize(("place", "words"), WORDS.items(), ids=[".".join(at) for at in WORDS])
def test_a_key_that_takes_one_of_some_words_names_them_all(place, words):
    (text,) = (key.text for key in EVERY if (key.section, key.name) == place)
    assert [word for word in words if word not in text] == []
