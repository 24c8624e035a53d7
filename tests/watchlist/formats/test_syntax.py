"""TOML past its syntax errors: each is found at its line, and the rest is read."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd.watchlist.formats import syntax

GOOD = '[[platform]]\nid = "p"\n'
LAST = '[[platform]]\nid = "q"\n'


def test_sound_text_is_what_tomllib_reads():
    reading = syntax.read(GOOD + LAST)
    assert reading == (tomllib.loads(GOOD + LAST), GOOD + LAST, [])


BROKEN = [
    ("[[platform]]\nid = oops\n", 2, "text stands in quotes"),
    ('[[platform]]\nid = "open\n', 2, "close the text with a quote"),
    ('[[platform]]\na = ["x"\n\n# c\n', 2, "close it with `]`"),
    ('[[platform]]\na = ["x"\nb = 1\n', 2, "close it with `]`"),
    ("[[platform]]\na = 1\na = 2\n", 3, "the key stands twice"),
    ("[[platform]]\njust words\n", 2, "write `key = value`"),
    ("[[platform]]\na = 1 b = 2\n", 2, "one key a line"),
    ("[[platform]]\na = 2018-02-30\n", 2, "there is no such day"),
    ("[[platform\na = 1\n", 1, "not valid TOML"),
    ("[[platform]]\na = " + "[" * 5000 + "\n", 1, "nested too deep"),
]


@pytest.mark.parametrize(("part", "line", "said"), BROKEN)
@pytest.mark.parametrize("before", [0, 3])
def test_a_broken_table_is_told_at_its_line_and_the_others_are_read(part, line, said, before):
    reading = syntax.read(GOOD * before + part + LAST)
    ((found, sentence),) = reading.problems
    assert found == line + GOOD.count("\n") * before
    assert said in sentence
    assert sentence.startswith("not valid TOML: ")
    assert [table["id"] for table in reading.document["platform"]] == ["p"] * before + ["q"]
    assert reading.text.count("\n") == (GOOD * before + part + LAST).count("\n")


def test_every_broken_table_is_told():
    parts = [(part, line) for part, line, _ in BROKEN[:8]]
    text, wanted = "", []
    for part, line in parts:
        wanted.append(text.count("\n") + line)
        text += part
    assert [line for line, _ in syntax.read(text).problems] == wanted


def test_with_texts_of_several_lines_the_first_problem_is_all_that_is_said():
    reading = syntax.read('[[platform]]\nname = """\n[[platform]]\n"""\nid = oops\n' + LAST)
    assert [line for line, _ in reading.problems] == [5]
    assert (reading.document, reading.text) == ({}, "")


def test_tables_that_are_sound_alone_but_not_together_are_told():
    reading = syntax.read("[list]\na = 1\n[list]\nb = oops\n[list]\nc = 1\n")
    assert [line for line, _ in reading.problems] == [4, 5]
    assert reading.document == {}


def test_a_key_without_end_is_refused_at_its_line_at_once():
    reading = syntax.read(GOOD + "a." * 10**5 + "a = 1\n")
    assert [line for line, _ in reading.problems] == [3]
    assert "a thousand characters" in reading.problems[0][1]


PART = st.sampled_from(
    ["[[a]]\n", "[b]\n", "[", "]", "\n", "x = 1\n", "=", ",", '"', "'", '"""', "# c", "{", "}", "y"]
)


@given(st.lists(PART, max_size=20).map(lambda parts: "".join(parts) + "\n"))
def test_any_text_is_read_or_has_a_problem_within_it(text):
    reading = syntax.read(text)
    try:
        assert reading == (tomllib.loads(text), text, [])
    except tomllib.TOMLDecodeError:
        assert reading.problems
    for line, _ in reading.problems:
        assert 1 <= line <= text.count("\n") + 1
