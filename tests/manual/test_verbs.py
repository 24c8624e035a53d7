"""The pages of verbs say what `--help` says."""

import click
import pytest

from blockd.cli.app import build
from blockd.manual import verbs
from blockd.manual.topics import TOPICS

PROGRAM = build()
CONTEXT = verbs.context_of(PROGRAM)


@pytest.mark.parametrize("command", PROGRAM.commands.values(), ids=PROGRAM.commands)
def test_a_page_has_everything_that_help_says(command):
    page = verbs.page(CONTEXT, command)
    own = click.Context(command, info_name=command.name, parent=CONTEXT, terminal_width=10_000)
    told = " ".join(command.get_help(own).split())
    parts = {part.heading: part.blocks for part in page.parts}
    assert parts["Synopsis"][0].text.strip("`") in told
    assert all(block.text in told for block in parts["Description"])
    (options,) = parts["Options"]
    for option, said in options.items:
        assert option in told
        assert said in told
    named = {name for parameter in command.params for name in parameter.opts
             if isinstance(parameter, click.Option)}  # fmt: skip
    assert {
        name for name in named if not any(name in option for option, _ in options.items)
    } == set()


@pytest.mark.parametrize("command", PROGRAM.commands.values(), ids=PROGRAM.commands)
def test_the_name_section_is_a_line_that_apropos_can_show(command):
    said = verbs.short(command)
    assert 5 < len(said) < 100
    assert not said.endswith(".")


def test_a_topic_that_goes_with_a_verb_exists():
    assert set(verbs._SEE) <= set(PROGRAM.commands)
    assert set(verbs._SEE.values()) <= set(TOPICS)
