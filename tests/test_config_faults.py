"""A mistake in the configuration: what was found, what is allowed, and what to write."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd import config as configuration
from blockd import config_faults, config_text
from blockd.config import Config
from blockd.config_faults import Fault
from blockd.errors import ConfigError

ONE = {
    section: "[[list.source]]\n" if section == config_text.SOURCE else f"[{section}]\n"
    for section in config_text.SECTIONS
}
KEYS = [key for section in config_text.SECTIONS for key in config_text.keys(section)]
SHOWN = [key for key in KEYS if key.example not in {"", '""', "[]", "{}"}]


@pytest.mark.parametrize("key", SHOWN, ids=lambda key: f"{key.section}.{key.name}")
def test_a_value_of_a_wrong_type_is_told_with_its_line_its_key_and_a_way_to_write_it(key):
    with pytest.raises(ConfigError) as caught:
        configuration.parse(f"{ONE[key.section]}\n{key.name} = 2026-11-25\n", "b.toml")
    where, _, said = str(caught.value).partition(": ")
    assert where == "b.toml:3"
    assert said.startswith(key.section.replace("list.source", "list.source[0]") + f".{key.name}: ")
    assert "2026-11-25" in said or "datetime.date(2026, 11, 25)" in said
    if len(key.example) < 80:
        assert said.endswith(f"; for example `{key.name} = {key.example}`")


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("[resolver]\n\nlisten = [\n  '0.0.0.0',\n  'dns',\n]\n", "b.toml:5: resolver.listen[1]: "),
        ("[[list.source]]\npath = 'a'\n\n[[list.source]]\npath = 'b'\nformat = 'c'\n",
         "b.toml:6: list.source[1].format: "),
        ("[resolver.zones]\n'a' = ['10.0.0.53']\n'b' = ['dns']\n", "b.toml:3: resolver.zones.b[0]"),
        ("[resolver]\nlisten = ['0.0.0.0']\nlisten_tls = ['0.0.0.0:53']\n",
         "b.toml:3: resolver.listen_tls: "),
        ("[list]\n[[list.source]]\npath = 'a'\naction = 'x'\n", "b.toml:4: list.source[0].action"),
        ("[resolver]\nlisten = ['x - at `$.y`']\n", "b.toml:2: resolver.listen[0]: 'x - at "),
        ("[resolver]\nttl = 60\naction = drop\n", "b.toml:3: not valid TOML, at column 10: "),
        ("[guard]\nnever = [\n'a.example'\n", "b.toml:3: not valid TOML: Unclosed array; a `]`"),
    ],
)  # fmt: skip
def test_a_mistake_is_found_on_its_line(text, where):
    with pytest.raises(ConfigError) as caught:
        configuration.parse(text, "b.toml")
    assert str(caught.value).startswith(where)


def test_a_document_of_known_keys_has_no_unknown_one():
    assert (
        config_faults.unknown({"resolver": {"ttl": "x"}, "list": {"source": [{}]}}, Config) is None
    )
    fault = config_faults.unknown({"list": {"source": [{}, {"urll": 1}]}}, Config)
    assert fault == Fault(
        ("list", "source", 1, "urll"),
        "unknown key `list.source[1].urll`; did you mean `url`, as in"
        ' `url = "https://lists.example/blocked.txt"`?',
    )


def test_a_path_is_named_as_toml_would_write_it():
    assert config_faults.dotted(("a", 0, "b.c", "d_e")) == 'a[0]."b.c".d_e'


SCALARS = (
    st.none() | st.booleans() | st.integers(-9, 99_999) | st.floats(0, 9) | st.text(max_size=9)
)
VALUES = st.recursive(
    SCALARS.filter(lambda value: value is not None),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text("ab. ", max_size=3), inner,
                                                                 max_size=2),
    max_leaves=4,
)  # fmt: skip


def written(value):
    """Return a value as TOML, numbers with fractions among them."""
    if isinstance(value, float):
        return f"{value:f}"
    if isinstance(value, list):
        return f"[{', '.join(map(written, value))}]"
    if isinstance(value, dict):
        return (
            "{" + ", ".join(f"{config_text.toml(k)} = {written(v)}" for k, v in value.items()) + "}"
        )
    return config_text.toml(value).replace("\x7f", "")


@given(st.sampled_from(KEYS), VALUES)
def test_whatever_a_key_is_given_is_taken_or_refused_on_its_line(key, value):
    text = f"{ONE[key.section]}{key.name} = {written(value)}\n"
    tomllib.loads(text)
    said = "b.toml:2: "
    try:
        configuration.parse(text, "b.toml")
    except ConfigError as error:
        said = str(error)
    assert said.startswith(("b.toml:2: ", "b.toml:1: list.source[0]: a source has either"))
