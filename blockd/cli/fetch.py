"""`blockd fetch`: gets the sources that have a URL into the spool. Nothing is put in force here."""

from typing import TYPE_CHECKING

import click

from blockd.cli import output
from blockd.cli.output import json_option
from blockd.cli.setting import Setting
from blockd.counting import counted

if TYPE_CHECKING:
    from blockd.fetch.rounds import Fetched


@click.command()
@click.option("--due", is_flag=True, help="Leave out those that failed lately, as the timer does.")
@json_option
@click.pass_obj
def fetch(given: Setting, *, due: bool, json: bool) -> None:
    """Get every source that has a URL into the spool, where the compiler finds it.

    What cannot be a list, or is not signed as it must be, replaces nothing: the last good copy
    stays, and the exit status is 1.
    """
    import random  # noqa: PLC0415
    import time  # noqa: PLC0415

    from blockd.fetch.rounds import Fetcher, utc  # noqa: PLC0415

    config = given.config
    fetched = Fetcher(config, utc, time.sleep, random.SystemRandom()).run(due=due)
    if json:
        output.json({"spool": config.fetch.spool, "sources": fetched})
    else:
        for each in fetched:
            output.line(f"{each.url}: {_said(each)}")
        if not fetched:
            output.line("no source has a `url`: nothing to fetch")
    if any(not each.is_well for each in fetched):
        raise click.exceptions.Exit(1)


def _said(fetched: "Fetched") -> str:
    """Return what became of a source, in words."""
    copy = f"{fetched.copy:%Y-%m-%d %H:%M:%S} UTC" if fetched.copy else "an unknown time"
    if fetched.outcome == "missing":
        return f"failed: {fetched.problem}; there is no copy yet"
    if fetched.outcome == "kept":
        return f"failed: {fetched.problem}; the copy of {copy} stays"
    if fetched.outcome == "waiting":
        return f"left alone for a while: {fetched.problem}"
    signed = fetched.signed
    said = f"; edition {signed.serial} signed with key {signed.key}" if signed else ""
    if fetched.outcome == "unchanged":
        return f"unchanged since {copy}{said}"
    return f"fetched, {counted(fetched.octets, 'octet')}{said}"
