"""`blockd report`: what is in force, since when, on whose word; answers without the daemons."""

from pathlib import Path

import click

from blockd.cli import output
from blockd.cli.setting import Setting

FORMATS = ("markdown", "csv", "json")


@click.command()
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    default="markdown",
    show_default=True,
    help="For a person, a spreadsheet, or a program.",
)
@click.option("--json", is_flag=True, help="The same as --format json.")
@click.option("--names", is_flag=True, help="Every name and prefix too, with file and line.")
@click.option(
    "--output",
    "-o",
    "to",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write to this file, whole or not at all, instead of standard output.",
)
@click.pass_obj
def report(given: Setting, form: str, to: Path | None, *, json: bool, names: bool) -> None:
    """Say what is in force, since when, on whose word, and what expires next.

    And what was cut, excepted or left out, and why. Asks no daemon and no kernel; one row a
    platform. A CSV with --names has a row an entry instead.
    """
    from blockd.policy import record as records  # noqa: PLC0415
    from blockd.policy import report as reports  # noqa: PLC0415
    from blockd.policy import reporting  # noqa: PLC0415
    from blockd.routes import once, show  # noqa: PLC0415

    config, store = given.config, given.store
    policy = store.open()
    try:
        content = store.record_path(policy.number).read_bytes()
        record = store.record(policy.number)
        cuts = once.configured_cuts(config, policy.prefixes())
        whole = reporting.Report(
            record=record,
            head=records.chained(content),
            rows=reports.rows(policy),
            cuts=[f"{cut.entry}: {show.cut(cut)}" for cut in cuts],
            lost=reports.lost(record),
            confirmed=[each for each in store.history() if each.accepted is not None],
        )
        writers = {
            "markdown": reporting.markdown, "csv": reporting.table, "json": reporting.json,
        }  # fmt: skip
        lines = reports.lines(policy) if names else None
        with output.target(to) as file:
            for line in writers["json" if json else form](whole, lines):
                file.write(f"{line}\n")
    finally:
        policy.close()
