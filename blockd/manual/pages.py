"""Every man page of blockd: the program, its verbs, its files, its topics. Pure."""

from collections.abc import Iterator

import click

from blockd import config_text
from blockd.manual import verbs
from blockd.manual.blocks import Paragraph, Part, Terms
from blockd.manual.roff import Page
from blockd.manual.tables import table
from blockd.manual.topics import TOPICS, topic

_FILES = ("configuration", "list", "feeds")
"""Topics whose pages are those of the files, in section 5."""

_ENVIRONMENT = (
    ("STATE_DIRECTORY", "The state directory that systemd gives to a service."),
    ("XDG_STATE_HOME", "Below it lies the state of a trial run; by default ~/.local/state."),
    ("PAGER", "Shows `blockd help` on a terminal; by default less."),
)


def pages(program: click.Group) -> Iterator[Page]:
    """Yield every page.

    Args:
        program: the command line as it is run.
    """
    context = verbs.context_of(program)
    yield _overview(context, program)
    for name in program.list_commands(context):
        yield verbs.page(context, program.commands[name])
    yield _configuration()
    yield _list()
    for name in TOPICS:
        if name not in _FILES:
            found = topic(name)
            also = ["blockd(8)", "blockd.toml(5)"]
            yield Page(f"blockd-{name}", 7, found.summary, found.parts, also)


def _overview(context: click.Context, program: click.Group) -> Page:
    commands = program.list_commands(context)
    verbs_said = ((f"blockd {name}", _sentence(program.commands[name])) for name in commands)
    topics_said: dict[str, str] = {}
    for name in TOPICS:
        said = [topics_said.get(verbs.reference(name)), topic(name).summary]
        topics_said[verbs.reference(name)] = "; ".join(filter(None, said))
    operating = topic("operating").parts
    return Page(
        "blockd", 8, verbs.short(program),
        (
            Part("Synopsis", (Paragraph(f"`{verbs.usage(context)}`"),)),
            Part("Description", tuple(verbs.paragraphs(program))),
            Part("Options", (Terms(tuple(verbs.options(context))),)),
            Part("Commands", (Terms(tuple(verbs_said)),)),
            Part("Topics", (Terms(tuple(topics_said.items())),)),
            Part("Exit status", topic("exit-status").parts[0].blocks),
            Part("Environment", (Terms(_ENVIRONMENT),)),
            next(part for part in operating if part.heading == "Files"),
        ),
        [*(f"blockd-{name}(8)" for name in commands), "ip-route(8)", "dig(1)"],
    )  # fmt: skip


def _sentence(command: click.Command) -> str:
    said = verbs.short(command)
    return f"{said[:1].upper()}{said[1:]}."


def _configuration() -> Page:
    found = topic("configuration")
    head = (part for part in found.parts if not part.heading)
    sections = (
        Part(
            f"[[{name}]]" if name == config_text.SOURCE else f"[{name}]",
            (Paragraph(about), table(name)),
        )
        for name, about in config_text.SECTIONS.items()
    )
    also = ["blockd(8)", "blockd-list(5)", *map(verbs.reference, ("sources", "guard", "resolver"))]
    return Page("blockd.toml", 5, found.summary, (*head, *sections), also)


def _list() -> Page:
    native, feeds = topic("list"), topic("feeds")
    others = (Part(part.heading or "Other formats", part.blocks) for part in feeds.parts)
    also = ["blockd(8)", *map(verbs.reference, ("sources", "signing", "guard")), "blockd-check(8)"]
    summary = "the watched list: blockd's own format, and those of others"
    return Page("blockd-list", 5, summary, (*native.parts, *others), also)
