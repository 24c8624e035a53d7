"""The manual on a terminal or in a pipe."""

import pytest

from blockd.manual import plain, topics
from blockd.manual.blocks import Bullets, Literal, Paragraph, Part, Terms, Topic


def test_blocks_are_indented_and_wrapped_but_what_is_literal_stands_as_it_is():
    long = "words " * 20
    literal = "$ blockd " + "x" * 90
    topic = Topic(
        "guard",
        "limits",
        (
            Part("", (Paragraph(long), Literal((literal, "", "y")))),
            Part("More", (Bullets((long,)), Terms((("zero", long),)))),
        ),
    )
    lines = plain.render(topic).splitlines()
    assert lines[:2] == ["guard: limits", ""]
    assert f"        {literal}" in lines
    assert all(len(line) <= 79 for line in lines if literal not in line)
    more = lines[lines.index("More") :]
    assert more[1].startswith("    - words")
    assert more[2].startswith("      words")
    assert "    zero" in more
    assert more[-1].startswith("        words")


@pytest.mark.parametrize("name", topics.TOPICS)
def test_every_topic_fits_a_terminal_of_eighty_columns(name):
    for line in plain.render(topics.topic(name)).splitlines():
        assert len(line) <= 79 or "RWQ" in line, line
