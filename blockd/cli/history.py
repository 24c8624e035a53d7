"""`blockd history`: every generation, when, what changed, from which files."""

import click

from blockd.cli import output
from blockd.cli.output import json_option
from blockd.cli.setting import Setting


@click.command()
@json_option
@click.pass_obj
def history(given: Setting, *, json: bool) -> None:
    """List the generations, the newest first."""
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
                f"rollback to {record.rolled_back_to}"
                if record.reason == "rollback"
                else record.reason,
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
