"""On which line a key of a TOML text stands."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd.config_place import line_of, path_of

TEXT = """\
# a comment

top = 1
[list]
paths = [
  "a",   # ]
  "b",
]
long = '''
[resolver]
ttl = 7
'''

[[list.source]]
path = "x"
  [[list.source]]
"path" = "y"
budget.of.it = 3
[list.source.below]
one = 1

[resolver] # served
zones = { "corp.example" = ["10.0.0.53"], a = [] }
"quoted key" = true
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("top",), 3),
        (("list",), 4),
        (("list", "paths"), 5),
        (("list", "paths", 0), 6),
        (("list", "paths", 1), 7),
        (("list", "long"), 9),
        (("list", "source", 0), 14),
        (("list", "source", 0, "path"), 15),
        (("list", "source", 1), 16),
        (("list", "source", 1, "path"), 17),
        (("list", "source", 1, "budget", "of", "it"), 18),
        (("list", "source", 1, "below", "one"), 20),
        (("resolver",), 22),
        (("resolver", "ttl"), 22),  # it would stand there
        (("resolver", "zones", "corp.example", 0), 23),
        (("resolver", "quoted key"), 24),
        (("guard", "never"), 0),
    ],
)
def test_a_value_stands_on_the_line_of_its_key_or_its_own(path, line):
    assert line_of(TEXT, path) == line


def test_a_large_array_is_found_within_at_once():
    inside = "\n".join(f'  "name-{number}.example",' for number in range(3000))
    assert line_of(f"[guard]\nnever = [\n{inside}\n]\n", ("guard", "never", 2000)) == 2003


@pytest.mark.parametrize(
    ("dotted", "path"),
    [("resolver.ttl", ("resolver", "ttl")), ("list.source[1].key", ("list", "source", 1, "key"))],
)
def test_a_dotted_path_is_read(dotted, path):
    assert path_of(dotted) == path


@given(st.lists(st.sampled_from(TEXT.splitlines()), max_size=12).map("\n".join), st.data())
def test_of_any_valid_text_every_value_has_a_line(text, data):
    try:
        value = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    path = ()
    while isinstance(value, dict | list) and value:
        part = data.draw(st.sampled_from(list(value) if isinstance(value, dict) else
                                         list(range(len(value)))))  # fmt: skip
        path, value = (*path, part), value[part]
    assert not path or 1 <= line_of(text, path) <= len(text.split("\n"))
