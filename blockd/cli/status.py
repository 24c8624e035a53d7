"""`blockd status`: is the list enforced, and how the compiler and both planes stand."""

from typing import TYPE_CHECKING, Any

import click

from blockd.cli import output
from blockd.cli.output import json_option
from blockd.cli.setting import Setting

if TYPE_CHECKING:
    from blockd.cli.glance.look import Look
    from blockd.cli.glance.verdict import Shown

_EVERY = 2.0
"""Seconds between two looks where --watch does not say."""


@click.command()
@click.option(
    "--days", default=30, show_default=True, help="How far ahead entries that expire are announced."
)
@click.option(
    "--watch",
    type=click.FloatRange(min=0.1),
    is_flag=False,
    flag_value=_EVERY,
    metavar="[SECONDS]",
    help="Look again and again, every 2 seconds or as often as said, until Ctrl-C; what has changed"
    " since the last look is marked.",
)
@json_option
@click.pass_obj
def status(given: Setting, *, days: int, watch: float | None, json: bool) -> None:
    """Say whether the list is enforced, and show both planes, counters, and what expires soon.

    The first line is the verdict, and what wants attention stands below it. Exit status 4 where
    a daemon cannot be reached, 1 where the list is not enforced or something is wrong. With
    --watch it is that of the last look; in a pipe, one look follows the other, and with --json
    each is a line.
    """
    from blockd.cli.glance.look import look  # noqa: PLC0415

    if watch is not None:
        raise click.exceptions.Exit(_watch(given, days, watch, json=json))
    found = look(given, days)
    if json:
        output.json(_plain(found))
    else:
        _print(found)
    raise click.exceptions.Exit(_status(found))


def _watch(given: Setting, days: int, every: float, *, json: bool) -> int:
    """Look until it is to end; return the exit status of the last look."""
    import contextlib  # noqa: PLC0415
    import sys  # noqa: PLC0415

    from blockd.cli.glance.frame import printable  # noqa: PLC0415
    from blockd.cli.glance.look import look  # noqa: PLC0415
    from blockd.cli.glance.screen import Pause, Screen  # noqa: PLC0415

    drawn = sys.stdout.isatty() and not json
    with Pause() as pause, Screen() if drawn else contextlib.nullcontext() as screen:
        while True:
            found = look(given, days)
            if screen is not None:
                screen.show([f"{_at(found)}, every {every:g} s", *map(printable, _lines(found))])
            elif json:
                output.json_line(_plain(found))
            else:
                output.line(_at(found))
                _print(found)
                output.line()
            sys.stdout.flush()
            if not pause.wait(every, screen):
                break
    if drawn:
        _print(found)  # what was seen last stays on the screen
    return _status(found)


def _at(found: "Look") -> str:
    return f"{found.at:%Y-%m-%d %H:%M:%S} UTC"


def _plain(found: "Look") -> dict[str, Any]:
    """Return what programs are given."""
    from blockd.cli.glance.verdict import show  # noqa: PLC0415

    shown = show(found)
    return {
        "enforcing": shown.is_well,
        "verdict": shown.verdict,
        "attention": shown.attention,
        "state": str(found.state),
        "generation": found.standing.record,
        "expiring": found.expiring,
        "fetched": found.fetched,
        "verified": found.verified,
        "daemons": {**found.standing.daemons, **found.standing.optional},
    }


def _print(found: "Look") -> None:
    import sys  # noqa: PLC0415

    verdict, *lines = _lines(found)
    if sys.stdout.isatty():
        verdict = click.style(verdict, fg="red" if verdict.startswith("NOT") else None, bold=True)
    for line in (verdict, *lines):
        output.line(line)


def _lines(found: "Look") -> list[str]:
    """Return what a person is shown: the verdict in the first line."""
    from blockd.cli.glance.verdict import show  # noqa: PLC0415

    shown = show(found)
    daemons = output.columns([("daemon", "state", "generation", "holds"), *shown.daemons])
    in_force, *planes = shown.facts
    groups = [output.facts(in_force), daemons, *map(output.facts, planes)]
    lines = [shown.verdict, *_attention(shown)]
    for group in filter(None, groups):
        lines += ["", *group]
    return lines


def _attention(shown: "Shown") -> list[str]:
    return [f"attention: {each}" if not each.startswith(" ") else each for each in shown.attention]


def _status(found: "Look") -> int:
    """Return the exit status that a look leads to."""
    from blockd.cli.glance.details import is_wrong  # noqa: PLC0415
    from blockd.service.standing import unready  # noqa: PLC0415

    if found.silent:
        return 4
    failing = any(note.problem for note in found.fetched)
    answers = (*found.standing.daemons.values(), found.standing.notice)
    failing = failing or (found.verified is not None and found.verified.wrong > 0)
    failing = failing or any(is_wrong(answer or {}) for answer in answers)
    return int(failing or bool(unready(found.standing)))
