"""`blockd diff`: what a compile would add and remove."""

from typing import TYPE_CHECKING

import click

from blockd.cli import output
from blockd.cli.check import with_paths
from blockd.cli.output import json_option
from blockd.cli.setting import Setting

if TYPE_CHECKING:
    from blockd.policy.difference import Difference


@click.command()
@click.argument("paths", nargs=-1)
@json_option
@click.pass_obj
def diff(given: Setting, paths: tuple[str, ...], *, json: bool) -> None:
    """Show what a compile would change against the generation in force; change nothing."""
    from datetime import UTC, datetime  # noqa: PLC0415

    from blockd.policy import publish  # noqa: PLC0415

    config = with_paths(given.config, paths)
    examined = publish.load(config)
    if examined.refusals:
        for issue in examined.issues:
            output.note(str(issue))
    examined.require()
    _, difference = publish.preview(given.store, examined, datetime.now(UTC).date())
    if json:
        output.json(difference.plain())
        return
    for sign, entries in (
        ("+", difference.added),
        ("-", difference.removed),
        ("~", difference.changed),
    ):
        for entry, platform in entries:
            output.line(f"{sign} {entry}  {platform}")
    output.line(counts(difference))


def counts(difference: "Difference") -> str:
    """Say in a line how much differs."""
    if not difference:
        return "no difference"
    return (
        f"{len(difference.added)} added, {len(difference.removed)} removed,"
        f" {len(difference.changed)} changed"
    )
