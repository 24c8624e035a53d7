"""Lines of TOML keys and values against documents laid out in awkward ways."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd.watchlist.formats.positions import Positions

TEXT = '''# [[platform]] in a comment
[list] # x = 1
name = """
two [[platform]] lines
"""

[[platform]]
id = 'p"1#'
domains = [ # comment ]
  "a.example", "b.example",

  "]#.example",
]
listed = 2018-08-23 10:00:00
"quoted key" = { inner = [1,
2], dotted.key = true }

  [[ platform ]]
  id="x\\"y"
  prefixes=[["nested"], []]
[platform.sub]
deep = 1
[[allow]]
a.b.c = 1
'''

PLACES = [
    (("list",), 2),
    (("list", "name"), 3),
    (("platform",), 7),
    (("platform", 0), 7),
    (("platform", 0, "id"), 8),
    (("platform", 0, "domains"), 9),
    (("platform", 0, "domains", 0), 10),
    (("platform", 0, "domains", 1), 10),
    (("platform", 0, "domains", 2), 12),
    (("platform", 0, "listed"), 14),
    (("platform", 0, "quoted key", "inner", 0), 15),
    (("platform", 0, "quoted key", "inner", 1), 16),
    (("platform", 0, "quoted key", "dotted", "key"), 16),
    (("platform", 1), 18),
    (("platform", 1, "id"), 19),
    (("platform", 1, "prefixes", 0, 0), 20),
    (("platform", 1, "sub", "deep"), 22),
    (("allow", 0, "a", "b", "c"), 24),
    (("platform", 1, "missing"), 18),
    (("unheard", "of"), 0),
]


@pytest.mark.parametrize(("path", "line"), PLACES)
def test_places(path, line):
    tomllib.loads(TEXT)  # what is scanned is valid
    assert Positions(TEXT).line(path) == line


VALUE = st.sampled_from([
    "1", "true", "'a'", '"b # ["', "[1, 2]", "[\n1,\n# c\n2]", "{a = 1}", "2018-08-23",
    '"""x\n"""', "'''\n\n'''", '"\\"]"', "[]", "[[1], [2, 3]]", '""',
])  # fmt: skip
LINE = st.one_of(st.just(""), st.just("# [x]"), VALUE)


@given(st.lists(st.lists(LINE, max_size=5), max_size=5))
def test_every_key_is_found_on_its_line(tables):
    text, wanted = "", {}
    for number, lines in enumerate(tables):
        wanted["platform", number] = text.count("\n") + 1
        text += "[[platform]]\n"
        for index, value in enumerate(lines):
            if value and not value.startswith("#"):
                wanted["platform", number, f"k{index}"] = text.count("\n") + 1
                text += f"k{index} = "
            text += value + "\n"
    tomllib.loads(text)
    positions = Positions(text)
    assert {path: positions.line(path) for path in wanted} == wanted


@given(st.text(alphabet="[]{}=,.\"'#\\\n ab1", max_size=60))
def test_any_text_is_scanned_to_its_end(text):
    Positions(text)
