"""How verbs speak: JSON, rich tables on a terminal, plain aligned text in a pipe."""

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click
import msgspec

from blockd.errors import UsageError

if TYPE_CHECKING:
    from blockd.policy.difference import Difference

json_option = click.option("--json", is_flag=True, help="Print JSON.")
"""For every verb that reports."""


def json(value: Any) -> None:
    """Print a value as JSON."""
    encoded = msgspec.json.encode(value, enc_hook=str)
    print(msgspec.json.format(encoded, indent=2).decode())


def json_line(value: Any) -> None:
    """Print a value as JSON on one line, as one of many."""
    print(msgspec.json.encode(value, enc_hook=str).decode())


def line(text: str = "") -> None:
    """Print a line."""
    print(text)


def flush() -> None:
    """Have what was printed be seen before what a daemon says next, in a file or pipe too."""
    sys.stdout.flush()


def note(text: str) -> None:
    """Print a line for the person at the terminal, beside the result."""
    print(text, file=sys.stderr)


def table(headings: Sequence[str], rows: Iterable[Sequence[object]], title: str = "") -> None:
    """Print a table: by rich on a terminal, else in columns parted by two spaces."""
    texts = [["" if cell is None else str(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        for shown in columns([headings, *texts]):
            line(shown)
        return
    from rich import box  # noqa: PLC0415 - 50 ms that a pipe need not wait for
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    drawn = Table(*headings, title=title or None, box=box.SIMPLE_HEAD, title_justify="left")
    for row in texts:
        drawn.add_row(*(Text(cell) for cell in row))  # Text: brackets in lists are not markup
    Console().print(drawn)


def pairs(rows: Iterable[tuple[str, object]]) -> None:
    """Print facts, one a line."""
    for fact in facts(rows):
        line(fact)


def facts(rows: Iterable[tuple[str, object]]) -> list[str]:
    """Return facts, one a line: the name in a column, then the value; empty ones are left out."""
    shown = [(name, str(value)) for name, value in rows if value not in (None, "")]
    width = max((len(name) for name, _ in shown), default=0)
    return [f"{name:<{width}}  {value}" for name, value in shown]


@contextlib.contextmanager
def target(to: Path | None) -> Iterator[IO[str]]:
    """Yield what to write to; a file appears under its name when it is complete."""
    if to is None:
        yield sys.stdout
        return
    beside = to.with_name(f".{to.name}.{os.getpid()}")
    try:
        with beside.open("x", encoding="utf-8") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(to)
    except OSError as error:
        raise UsageError(f"{to}: cannot be written: {error.strerror}; name another file") from None
    finally:
        with contextlib.suppress(OSError):  # what could not be made there, or is gone
            beside.unlink()


def counts(difference: "Difference") -> str:
    """Say in a line how much differs."""
    if not difference:
        return "no difference"
    return (
        f"{len(difference.added):,} added, {len(difference.removed):,} removed,"
        f" {len(difference.changed):,} changed"
    )


def columns(rows: Sequence[Sequence[object]]) -> list[str]:
    """Return rows as lines, their cells in columns parted by two blanks."""
    texts = [["" if cell is None else str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    return [
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in texts
    ]
