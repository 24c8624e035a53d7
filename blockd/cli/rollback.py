"""`blockd rollback`: make an earlier generation's content current again."""

import click

from blockd.cli import output
from blockd.cli.output import json_option
from blockd.cli.setting import Setting


@click.command()
@click.argument("number", type=int, required=False)
@json_option
@click.pass_obj
def rollback(given: Setting, number: int | None, *, json: bool) -> None:
    """Commit an earlier content under a new number, and hold it until the lists change.

    NUMBER is the generation; without it, the one before the current.
    """
    from datetime import UTC, datetime  # noqa: PLC0415

    from blockd.errors import StoreError  # noqa: PLC0415
    from blockd.policy import publish  # noqa: PLC0415

    current = given.store.current()
    if current is None:
        raise StoreError(f"no generation in {given.state} yet; run `blockd compile`")
    target = current - 1 if number is None else number
    outcome = publish.rollback(given.store, target, datetime.now(UTC))
    if json:
        output.json({"generation": outcome.number, "difference": outcome.difference.plain()})
        return
    output.line(
        f"generation {outcome.number} has the content of {target}:"
        f" {output.counts(outcome.difference)}"
    )
    output.line(
        "it holds until the lists change or `blockd compile --resume`; entries past their day"
        f" stay out; in {given.state}"
    )
