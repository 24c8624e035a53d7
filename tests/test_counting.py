"""Numbers of things, as a person writes them."""

import ast
import re
from pathlib import Path

import pytest

import blockd
from blockd.counting import counted


@pytest.mark.parametrize(
    ("number", "one", "many", "said"),
    [
        (0, "entry", "", "0 entries"),
        (1, "entry", "", "1 entry"),
        (2, "entry", "", "2 entries"),
        (1, "prefix", "", "1 prefix"),
        (2, "prefix", "", "2 prefixes"),
        (2, "address", "", "2 addresses"),
        (2, "day", "", "2 days"),
        (1_000_000, "name", "", "1,000,000 names"),
        (1, "entry is bad", "entries are bad", "1 entry is bad"),
        (3, "entry is bad", "entries are bad", "3 entries are bad"),
    ],
)
def test_one_thing_is_told_in_the_singular(number, one, many, said):
    assert counted(number, one, many) == said


NOUNS = (
    "entries|names|prefixes|rules|files|addresses|routes|lines|comments|blanks|issues|records"
    "|checks|answers|octets|hours|days|platforms"
)
ROOMS = ["cli", "doctor", "routes", "compiler", "notice/daemon.py", "resolver/daemon.py"]


@pytest.mark.parametrize("room", ROOMS)
def test_no_sentence_puts_a_number_before_a_plural_by_itself(room):
    place = Path(blockd.__file__).parent / room
    wrong = [
        f"{path}:{node.lineno}: {ast.unparse(node)}"
        for path in ([place] if place.is_file() else sorted(place.rglob("*.py")))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.JoinedStr)
        and re.search(rf"\{{[^{{}}]*\}} (?:{NOUNS})\b(?! (?:a|no)\b)", ast.unparse(node))
    ]
    assert wrong == []
