"""The manual's tables are the program's own."""

import msgspec
import pytest

from blockd import config_text
from blockd.manual.tables import table
from blockd.watchlist.formats.tables import AllowTable, ListTable, PlatformTable


@pytest.mark.parametrize("section", config_text.SECTIONS)
def test_a_section_has_all_its_keys_with_default_and_example(section):
    shown = dict(table(section).items)
    for key in config_text.keys(section):
        said = shown[f"{key.name} = {key.default}" if key.default else key.name]
        assert said.startswith(key.text)
        assert key.example in said or key.example == key.default


@pytest.mark.parametrize(
    ("name", "kind"), [("list", ListTable), ("platform", PlatformTable), ("allow", AllowTable)]
)
def test_a_table_of_native_lists_has_all_its_keys_each_explained(name, kind):
    shown = table(f"native.{name}").items
    assert [key for key, _ in shown] == [each.encode_name for each in msgspec.structs.fields(kind)]
    assert all(said for _, said in shown)


def test_a_key_that_takes_some_words_names_them():
    shown = dict(table("native.platform").items)
    assert "`unreachable`" in shown["route"]
    assert "`order`" in shown["basis"]
    assert "by default the list's" in shown["basis"]


def test_a_table_that_there_is_not_is_an_error():
    with pytest.raises(KeyError):
        table("guards")
