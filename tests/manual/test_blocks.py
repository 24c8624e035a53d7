"""A text of the manual, read."""

from hypothesis import given
from hypothesis import strategies as st

from blockd.manual.blocks import (
    Bullets,
    Literal,
    Paragraph,
    Part,
    Terms,
    Topic,
    parse,
)

TEXT = """\
guard: what no list may do

A paragraph goes on
in the next line.

    $ blockd check

    $ blockd diff

- one, which goes on
  here
- two

drop :: Nothing
  at all.
zero :: 0.0.0.0.

# Keys

@keys guard
"""

KEYS = Terms((("budget", "What it may have."),))


def test_each_kind_of_line_is_what_it_looks_like():
    assert parse(TEXT, {"guard": KEYS}.__getitem__) == Topic(
        "guard",
        "what no list may do",
        (
            Part(
                "",
                (
                    Paragraph("A paragraph goes on in the next line."),
                    Literal(("$ blockd check", "", "$ blockd diff")),
                    Bullets(("one, which goes on here", "two")),
                    Terms((("drop", "Nothing at all."), ("zero", "0.0.0.0."))),
                ),
            ),
            Part("Keys", (KEYS,)),
        ),
    )


WORDS = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=12)


@given(st.lists(st.lists(WORDS, min_size=1, max_size=30), max_size=5))
def test_a_word_of_a_paragraph_is_neither_lost_nor_moved(paragraphs):
    text = "\n\n".join("\n".join(words) for words in paragraphs)
    found = parse(f"topic: summary\n\n{text}\n", {}.__getitem__)
    shown = [block.text.split() for part in found.parts for block in part.blocks]
    assert shown == paragraphs
