"""`blockd diff`: what a compile would add and remove."""

import click

from blockd.cli import output
from blockd.cli.check import with_paths
from blockd.cli.compile import shown_while_held
from blockd.cli.output import json_option
from blockd.cli.progress import Progress
from blockd.cli.setting import Setting


@click.command()
@click.argument("paths", nargs=-1, type=click.Path())
@json_option
@click.pass_obj
def diff(given: Setting, paths: tuple[str, ...], *, json: bool) -> None:
    """Show what a compile would change against the generation in force; change nothing.

    Where that is beyond a limit of the guard, it says so, and which change to confirm.
    """
    from datetime import UTC, datetime  # noqa: PLC0415

    from blockd.policy import change, publish  # noqa: PLC0415

    config = with_paths(given.config, paths)
    with Progress() as step:
        examined = publish.load(config, given.store, step)
    if examined.refusals:
        for issue in examined.issues:
            output.note(str(issue))
    examined.require(shown=True)
    today = datetime.now(UTC).date()
    rules, difference = publish.preview(given.store, examined, today)
    publish.require_proof(rules, config.guard)
    objected = change.objection(difference, config.guard, today)
    digest = difference.digest(today) if difference else ""
    if json:
        beyond = objected.beyond if objected else ()
        output.json({**difference.plain(), "digest": digest, "beyond": beyond})
        return
    for sign, entries in (
        ("+", difference.added),
        ("-", difference.removed),
        ("~", difference.changed),
    ):
        for entry, platform in entries:
            output.line(f"{sign} {entry}  {platform}")
    output.line(output.counts(difference))
    if objected is not None:
        output.note(f"refused: {shown_while_held(given, objected)}")
    elif difference:
        output.note(f"change {digest}")
