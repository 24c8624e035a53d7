"""`blockd rollback`: make an earlier generation's content current again."""

import click
from click.shell_completion import CompletionItem

from blockd.cli import output
from blockd.cli.output import json_option
from blockd.cli.setting import Setting
from blockd.errors import BlockdError


def _complete(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem[str]]:
    """Offer the generations before the current one, the newest first, with what they hold."""
    del parameter  # click's signature
    given = Setting(*(context.find_root().params.get(name) for name in ("config", "state")))
    try:
        current = given.store.current()
        records = [each for each in given.store.history() if each.number != current]
    except BlockdError:
        return []  # the command itself says what is wrong
    return [
        CompletionItem(str(each.number), help=f"{each.committed:%Y-%m-%d %H:%M:%S} UTC")
        for each in records
        if str(each.number).startswith(incomplete)
    ]


@click.command()
@click.argument("number", type=int, required=False, shell_complete=_complete)
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
