"""`blockd help`: topics and verbs, shown by the pager of whoever asks, and the man pages."""

import os
import sys
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from blockd.cli import output
from blockd.manual import topics

_QUIET_LESS = "FRX"
"""less: ends at once where all fits on the screen, keeps it there, and clears nothing."""


def _complete(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem[str]]:
    """Offer topics, then verbs."""
    del parameter  # click's signature
    offered = [(name, topics.summary(name)) for name in topics.TOPICS]
    offered += [(n, c.get_short_help_str()) for n, c in _program(context).commands.items()]
    return [
        CompletionItem(name, help=said) for name, said in offered if name.startswith(incomplete)
    ]


@click.command("help")
@click.argument("topic", required=False, shell_complete=_complete)
@click.option(
    "--man",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write the man pages to man5, man7 and man8 in this directory, and show nothing.",
)
@click.pass_context
def help_(context: click.Context, topic: str | None, man: Path | None) -> None:
    """Explain a topic or a command; without one, list them.

    On a terminal the text is shown by $PAGER, or by less.
    """
    from blockd.errors import UsageError  # noqa: PLC0415

    program = _program(context)
    if man is not None:
        if topic is not None:
            raise UsageError("--man writes all pages; leave the topic out")
        _write(program, man)
    elif topic is None:
        _show(_contents(program))
    elif topic in topics.TOPICS:
        from blockd.manual import plain  # noqa: PLC0415

        _show(plain.render(topics.topic(topic)))
    elif topic in program.commands:
        command = program.commands[topic]
        assert context.parent is not None  # noqa: S101 - a verb has the program above it
        _show(command.get_help(click.Context(command, info_name=topic, parent=context.parent)))
    else:
        raise UsageError(_unknown(topic, [*topics.TOPICS, *program.commands]))


def _program(context: click.Context) -> click.Group:
    program = context.find_root().command
    assert isinstance(program, click.Group)  # noqa: S101 - as `app` builds it
    return program


def _contents(program: click.Group) -> str:
    """Return all topics and verbs, a line each."""
    width = max(map(len, (*topics.TOPICS, *program.commands))) + 2
    said = [f"{name:{width}}{topics.summary(name)}" for name in topics.TOPICS]
    verbs = [f"{n:{width}}{c.get_short_help_str(78 - width)}" for n, c in program.commands.items()]
    lines = ["Topics, for `blockd help TOPIC`:", *_indented(said), ""]
    return "\n".join([*lines, "Commands, for `blockd help COMMAND`:", *_indented(verbs)])


def _indented(lines: list[str]) -> list[str]:
    return [f"  {line}" for line in lines]


def _show(text: str) -> None:
    if sys.stdin.isatty() and sys.stdout.isatty():
        os.environ.setdefault("LESS", _QUIET_LESS)
        click.echo_via_pager(text.rstrip("\n"))
    else:
        output.line(text.rstrip("\n"))


def _unknown(topic: str, known: list[str]) -> str:
    import difflib  # noqa: PLC0415

    near = difflib.get_close_matches(topic, known, n=1)
    hint = f"did you mean `{near[0]}`? " if near else ""
    return f"there is no topic and no command {topic!r}; {hint}`blockd help` lists them"


def _write(program: click.Group, place: Path) -> None:
    """Write every page; its date is that of the build, by SOURCE_DATE_EPOCH where it is set."""
    import time  # noqa: PLC0415
    from datetime import UTC, datetime  # noqa: PLC0415
    from importlib import metadata  # noqa: PLC0415

    from blockd.errors import UsageError  # noqa: PLC0415
    from blockd.manual import pages, roff  # noqa: PLC0415

    built = int(os.environ.get("SOURCE_DATE_EPOCH", time.time()))
    day = datetime.fromtimestamp(built, UTC).date()
    version = metadata.version("blockd")
    for page in pages.pages(program):
        path = place / f"man{page.section}" / f"{page.name}.{page.section}"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(roff.render(page, version, day), encoding="ascii")
        except OSError as error:
            raise UsageError(f"{path}: cannot be written: {error.strerror}") from None
        output.line(str(path))
