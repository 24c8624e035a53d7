"""The native format's types: what they take and refuse, and that rules can hold it all."""

import typing

import msgspec
import pytest

from blockd.watchlist.formats.tables import AllowTable, Document, Id, Line, ListTable, PlatformTable
from blockd.watchlist.model import Rule


def takes(kind, value):
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True


@pytest.mark.parametrize("text", ["p001", "a", "A.b-c_d", "1", "x" * 64])
def test_identifiers(text):
    assert takes(Id, text)


@pytest.mark.parametrize("text", ["", "-a", ".a", "_a", "a b", "é", "x" * 65, "a/b", 'a"', "a\tb"])
def test_what_is_no_identifier(text):
    assert not takes(Id, text)


@pytest.mark.parametrize(
    ("text", "good"), [("", True), ("示例, (1)", True), ("a\nb", False), ("\x7f", False)]
)
def test_a_line_has_no_control_characters(text, good):
    assert takes(Line, text) is good


MISTAKES = [
    {"platform": [{}]},
    {"platform": {"id": "p"}},
    {"platform": [{"id": "p", "ttl": 604801}]},
    {"platform": [{"id": "p", "ttl": -1}]},
    {"platform": [{"id": "p", "basis": "rumour"}]},
    {"platform": [{"id": "p", "reason": "x"}]},
    {"allow": [{"id": "p"}]},
    {"list": {"expires": "2030-01-01"}},
    {"lists": {}},
]


@pytest.mark.parametrize("document", MISTAKES)
def test_documents_that_are_refused(document):
    assert not takes(Document, document)


def test_the_least_document_and_a_platform_with_its_id_alone_are_taken():
    assert msgspec.convert({}, Document) == Document()
    assert takes(Document, {"platform": [{"id": "p"}], "allow": [{}]})


def test_whatever_a_table_says_of_its_entries_a_rule_can_hold():
    held = set(typing.get_type_hints(Rule))
    for kind in (PlatformTable, AllowTable):
        assert set(kind.__struct_fields__) - {"domains", "prefixes"} <= held
    assert set(ListTable.__struct_fields__) - {"name"} <= held
    assert "list_name" in held


def test_a_platform_may_say_otherwise_than_the_list_and_is_silent_by_default():
    for key in ("authority", "basis", "reference", "contact"):
        assert key in ListTable.__struct_fields__
        assert getattr(PlatformTable(id="p"), key) is None
