"""`blockd history`: every generation, when, what changed, from which files."""

from typing import TYPE_CHECKING

import click

from blockd.cli import output
from blockd.cli.output import json_option
from blockd.cli.setting import Setting
from blockd.counting import counted

if TYPE_CHECKING:
    from blockd.policy.record import Record


@click.command()
@click.option(
    "--verify",
    is_flag=True,
    help="Check that each record vouches for the one before, and each kept file for itself.",
)
@click.option(
    "--head",
    metavar="DIGEST",
    default="",
    help="With --verify: a head that was noted down before, which the history must contain.",
)
@json_option
@click.pass_obj
def history(given: Setting, *, verify: bool, head: str, json: bool) -> None:
    """List the generations, the newest first."""
    if verify:
        _verify(given, head, json=json)
        return
    store = given.store
    records = store.history()
    if json:
        output.json(records)
        return
    current = store.current()
    if current is None:
        output.note(f"no generation in {given.state} yet; run `blockd compile`")
    missing = set(range(1, (current or 0) + 1)) - {record.number for record in records}
    for number in sorted(missing):
        output.note(f"{store.record_path(number)}: no readable record")
    output.table(
        ("", "generation", "committed (UTC)", "why", "added", "removed", "changed", "names",
         "prefixes", "from"),
        [
            (
                "*" if record.number == current else "",
                record.number,
                f"{record.committed:%Y-%m-%d %H:%M:%S}",
                _why(record),
                f"+{record.added}",
                f"-{record.removed}",
                f"~{record.changed}",
                record.names,
                record.prefixes,
                ", ".join(source.path.rpartition("/")[2] for source in record.sources),
            )
            for record in records
        ],
    )  # fmt: skip


def _verify(given: Setting, noted: str, *, json: bool) -> None:
    """Print what is not as it was written; exit status 1 where something is not."""
    from blockd.policy import chain  # noqa: PLC0415

    found = chain.verify(given.store, noted)
    if json:
        output.json(
            {
                "records": found.records,
                "head": found.head,
                "faults": [{"generation": n or None, "what": what} for n, what in found.faults],
            }
        )
    else:
        for fault in found.faults:
            output.line(str(fault))
        if not found.faults:
            output.line(f"{counted(found.records, 'record')}, each vouches for the one before")
        output.line(f"head {found.head or 'none'}")
    if found.faults:
        raise click.exceptions.Exit(1)


def _why(record: "Record") -> str:
    if record.reason == "rollback":
        return f"rollback to {record.rolled_back_to}"
    return (
        f"{record.reason}, accepted by {record.accepted.by}" if record.accepted else record.reason
    )
