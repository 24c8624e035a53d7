"""What a declared type takes, as a person reads it."""

from typing import Annotated

import pytest
from msgspec import Meta

from blockd import config_types
from blockd.config import ResolverSection
from blockd.config_types import WITHOUT, bare, wanted
from blockd.terms import Action, Denied

ALL = "one of nxdomain, nodata, zero, refused, drop, tcp-only, address, records"


@pytest.mark.parametrize(
    ("hint", "said"),
    [
        (bool, "true or false"),
        (str, "a text in quotes"),
        (str | None, "a text in quotes"),
        (int, "a whole number of at least 0"),
        (Annotated[int, Meta(ge=1, le=64)], "a whole number from 1 to 64"),
        (Annotated[int, Meta(ge=1)], "a whole number of at least 1"),
        (Denied, "one of refuse, drop"),
        (Denied | None, "one of refuse, drop"),
        (Action, ALL),
        (
            Annotated[Action, Meta(extra={WITHOUT: (Action.ADDRESS, Action.RECORDS)})],
            ALL.removesuffix(", address, records"),
        ),
        (tuple[str, ...], "an array"),
        (Annotated[tuple[str, ...], Meta(min_length=1)], "an array of at least one"),
        (dict[str, tuple[str, ...]], "a table"),
        (ResolverSection, "a table"),
    ],
)
def test_a_type_is_said_in_words(hint, said):
    assert wanted(*bare(hint)) == said


def test_types_are_told_apart():
    assert [config_types.is_struct(each) for each in (ResolverSection, str, None)] == [
        True,
        False,
        False,
    ]
    assert [config_types.is_words(each) for each in (Action, str, tuple[Action, ...])] == [
        True, False, False,
    ]  # fmt: skip
