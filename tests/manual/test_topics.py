"""The topics: all are there, and every command, key, unit and page in them exists."""

import re
import shlex
from pathlib import Path

import click
import pytest

from blockd import config_text
from blockd.cli.app import build
from blockd.config import parse as configuration
from blockd.manual import pages, topics
from blockd.manual.blocks import Literal, Paragraph
from blockd.watchlist import formats
from tests import topology

TEXTS = {
    path.stem: path.read_text("utf-8") for path in (Path(topics.__file__).parent / "text").iterdir()
}
UNITS = {path.name for path in (topology.repository() / "systemd").iterdir()}


def literals(name):
    blocks = [block for part in topics.topic(name).parts for block in part.blocks]
    return [block.lines for block in blocks if isinstance(block, Literal)]


def test_the_topics_are_the_texts():
    assert sorted(topics.TOPICS) == sorted(TEXTS)
    for name in topics.TOPICS:
        assert topics.topic(name).name == name
        assert topics.topic(name).summary == topics.summary(name) != ""


COMMANDS = sorted(
    {
        command
        for text in TEXTS.values()
        for command in [
            *re.findall(r"^    \$ (.*)$", text, re.MULTILINE),
            *re.findall(r"`((?:blockd|systemctl) [^`]*)`", " ".join(text.split())),
        ]
    }
)


def is_understood(words):
    """Parse a command line as the program does, up to where it would begin to work."""
    program = build()
    context = program.make_context("blockd", list(words))
    name, verb, rest = program.resolve_command(context, [*context._protected_args, *context.args])
    verb.make_context(name, rest, parent=context)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_is_shown_exists(command):
    program, *words = shlex.split(command)
    if program == "blockd" and len(words) == 1:
        assert words[0] in build().commands
    elif program == "blockd":
        is_understood(words)
    elif program in {"systemctl", "journalctl"}:
        named = [word for word in words if word.startswith("blockd")]
        assert named
        assert [
            unit for unit in named if unit not in UNITS and f"{unit}.service" not in UNITS
        ] == []
    else:
        assert program in {"dig", "ip"}


def test_a_command_that_does_not_exist_would_be_noticed():
    with pytest.raises(click.UsageError):
        is_understood(["compile", "--loud"])
    with pytest.raises(click.UsageError):
        is_understood(["abolish"])


KEYS = {key.name for section in config_text.SECTIONS for key in config_text.keys(section)}


@pytest.mark.parametrize("name", topics.TOPICS)
def test_keys_that_are_named_exist(name):
    text = " ".join(TEXTS[name].split())
    for section, key in re.findall(r"`\[(\w+)\] (\w+)`", text):
        assert key in {each.name for each in config_text.keys(section)}, (section, key)
    for key in re.findall(r"`([a-z]+_[a-z_0-9]+)(?: = [^`]*)?`", text):
        assert key in KEYS, key


def test_no_topic_is_called_like_a_verb():
    assert set(topics.TOPICS).isdisjoint(build().commands)


def test_every_section_of_the_configuration_is_explained_in_a_topic():
    tables = {table for text in TEXTS.values() for table in re.findall(r"(?m)^@keys (.*)$", text)}
    assert {name for name in tables if not name.startswith("native.")} == set(config_text.SECTIONS)


@pytest.mark.parametrize("name", topics.TOPICS)
def test_examples_are_accepted(name):
    for lines in literals(name):
        text = "\n".join(lines) + "\n"
        if "[[platform]]" in text:
            parsed = formats.parse(text.encode(), "example.toml")
            assert [str(issue) for issue in parsed.errors()] == []
        elif text.startswith("["):
            configuration(text, "example")


def test_pages_that_are_named_exist():
    known = {f"{page.name}({page.section})" for page in pages.pages(build())}
    for page in pages.pages(build()):
        said = " ".join(
            [
                *page.see,
                *(
                    block.text
                    for part in page.parts
                    for block in part.blocks
                    if isinstance(block, Paragraph)
                ),
            ]
        )
        named = set(re.findall(r"\bblockd[a-z.-]*\(\d\)", said))
        assert named <= known, page.name
