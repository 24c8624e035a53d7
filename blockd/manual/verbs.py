"""Man pages of the program and its verbs, made of the command line's own texts. Pure.

Everything here is what `--help` says too; what else a page needs stands in the topics.
"""

import inspect
from collections.abc import Iterator

import click

from blockd.manual.blocks import Block, Part, Terms
from blockd.manual.blocks import Paragraph as Said
from blockd.manual.roff import Page

_SEE = {
    "check": "list", "diff": "guard", "compile": "guard", "explain": "troubleshooting",
    "fetch": "sources", "sign": "signing", "resolve": "resolver", "route": "routes",
    "status": "operating", "verify": "operating", "doctor": "troubleshooting",
    "notice": "notices", "setup": "operating", "history": "operating", "rollback": "operating",
    "watch": "operating",
}  # fmt: skip
"""The topic that goes with a verb."""

OVERVIEW = ("blockd(8)", "blockd-exit-status(7)")


def context_of(program: click.Group) -> click.Context:
    """Return the context in which the program's help is told, with all its settings."""
    # click keeps a command's help option for ever, as the first context had it.
    return click.Context(program, info_name="blockd", **program.context_settings)


def page(context: click.Context, command: click.Command) -> Page:
    """Return the page of a verb.

    Args:
        context: the program's.
        command: one of the program's verbs.
    """
    name = command.name or ""
    own = click.Context(command, info_name=name, parent=context)
    parts = [
        Part("Synopsis", (Said(f"`{usage(own)}`"),)),
        Part("Description", tuple(paragraphs(command))),
        Part("Options", (Terms(tuple(options(own))),)),
    ]
    also = [f"{reference(_SEE[name])}"] if name in _SEE else []
    return Page(
        f"blockd-{name}", 8, short(command), tuple(parts), [*also, *OVERVIEW],
    )  # fmt: skip


def reference(topic: str) -> str:
    """Return how other pages refer to a topic's."""
    return {"list": "blockd-list(5)", "feeds": "blockd-list(5)",
            "configuration": "blockd.toml(5)"}.get(topic, f"blockd-{topic}(7)")  # fmt: skip


def usage(context: click.Context) -> str:
    """Return a command's line of usage."""
    pieces = context.command.collect_usage_pieces(context)
    return " ".join([context.command_path, *pieces])


def short(command: click.Command) -> str:
    """Return the first sentence of a command's help, as a NAME section has it."""
    first = next(iter(_texts(command)))
    sentence = first.partition(". ")[0].partition("; ")[0].rstrip(".")
    return sentence[:1].lower() + sentence[1:]


def paragraphs(command: click.Command) -> Iterator[Block]:
    """Yield what a command's help says."""
    yield from map(Said, _texts(command))


def options(context: click.Context) -> Iterator[tuple[str, str]]:
    """Yield each option as `--help` shows it, with what it does."""
    for parameter in context.command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None:
            yield record[0], " ".join(record[1].split())


def _texts(command: click.Command) -> Iterator[str]:
    for piece in inspect.cleandoc(command.help or "").split("\n\n"):
        yield " ".join(piece.split())
