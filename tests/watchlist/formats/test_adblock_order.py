"""Which rule of an AdBlock list wins: blockd blocks what the list does, by a naive oracle."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd import names
from blockd.watchlist.formats import adblock
from tests.entries import deciding
from tests.watchlist.formats.accounting import accounted, problems, written

LISTS = [
    (["||a.test^", "@@||b.a.test^"], ["a.test", "@@b.a.test"], []),
    (["||b.a.test^", "@@||a.test^"], ["@@a.test"], [(1, "is excepted by the rule at line 2")]),
    (["||a.test^", "@@||a.test^"], ["@@a.test"], [(1, "is excepted")]),
    (["||b.a.test^$important", "@@||a.test^"], ["b.a.test", "@@a.test"], []),
    (
        ["||a.test^$important", "@@||b.a.test^"],
        ["a.test"],
        [(2, "is beaten by the $important rule at line 1")],
    ),
    (
        ["||b.a.test^$important", "@@||a.test^$important"],
        ["@@a.test"],
        [(1, "is excepted by the rule at line 2")],
    ),
    (["||a.test^$important", "@@||a.test^$important"], ["@@a.test"], [(1, "is excepted")]),
    (["||a.test^", "||a.test^$badfilter"], [], [(1, "is switched off by $badfilter at line 2")]),
    (["||a.test^$badfilter", "@@||a.test^"], ["@@a.test"], []),
    (["||a.test^", "||a.test^$important,badfilter"], ["a.test"], []),
    (["@@||a.test^", "@@||a.test^$badfilter", "||a.test^"], ["a.test"], [(1, "is switched off")]),
    (["|a.test^", "@@||*.a.test^"], ["=a.test", "@@*.a.test"], []),
    (["||a.test^", "@@|a.test^"], ["a.test", "@@=a.test"], []),
]


@pytest.mark.parametrize(("lines", "left", "said"), LISTS)
def test_what_is_left_of_a_list(lines, left, said):
    parsed = adblock.parse("".join(f"{line}\n" for line in lines), "x.txt")
    assert sorted(written(parsed)) == sorted(left)
    assert len(problems(parsed)) == len(said)
    for (line, message), (at, part) in zip(problems(parsed), said, strict=True):
        assert line == at
        assert part in message
    assert accounted(parsed)


NAMES = ("a.test", "b.a.test", "c.b.a.test", "d.test")
RULES = st.tuples(
    st.sampled_from(["||", "|", "||*."]), st.sampled_from(NAMES), st.booleans(), st.booleans(),
).map(lambda found: f"{'@@' * found[2]}{found[0]}{found[1]}^{'$important' * found[3]}")  # fmt: skip


def blocks(lines, name):
    """Whether AdBlock would block a name: an important rule first, then an exception."""

    def said(*, is_allowed, is_important):
        for line in lines:
            body = line.removeprefix("@@").removesuffix("$important").removesuffix("^")
            if line.startswith("@@") != is_allowed or line.endswith("important") != is_important:
                continue
            host = body.lstrip("|").removeprefix("*.")
            below = name.endswith(f".{host}")
            itself = name == host and "*." not in body
            if itself or (below and body.startswith("||")):
                return True
        return False

    if said(is_allowed=True, is_important=True):
        return False
    if said(is_allowed=False, is_important=True):
        return True
    excepted = said(is_allowed=True, is_important=False)
    return said(is_allowed=False, is_important=False) and not excepted


@given(st.lists(RULES, max_size=7, unique_by=lambda line: line.removesuffix("$important")))
def test_no_name_is_blocked_that_the_list_does_not_block(lines):
    parsed = adblock.parse("".join(f"{line}\n" for line in lines), "x.txt")
    assert accounted(parsed)
    for name in (*NAMES, *(f"z.{name}" for name in NAMES)):
        entry = deciding(names.parse(name), [parsed])
        if entry is not None and not entry.rule.allow:
            assert blocks(lines, name)
