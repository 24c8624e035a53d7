"""`blockd doctor`: finds the usual troubles of a gateway, each with its remedy."""

import click

from blockd.cli import output
from blockd.cli.output import json_option
from blockd.cli.setting import Setting
from blockd.counting import counted


@click.command()
@json_option
@click.pass_obj
def doctor(given: Setting, *, json: bool) -> None:
    """Look for the usual troubles of this host, and say what to do about each.

    Changes nothing. Run by root it sees more; what it could not see it says. Exit status 0
    where nothing was found, 1 where something was.
    """
    from blockd.doctor.examine import Patient, examine  # noqa: PLC0415
    from blockd.service.standing import wanted  # noqa: PLC0415

    daemons = {name: given.control(name) for name in wanted(given.config)}
    patient = Patient(given.config, given.store, daemons)
    examined = examine(patient)
    troubles = sum(len(each.findings) for each in examined)
    if json:
        output.json({"troubles": troubles, "checks": examined})
    else:
        for each in examined:
            for finding in each.findings:
                output.line(f"{each.check}: {finding.what}")
                output.line(f"    {finding.remedy}")
            if each.unseen:
                output.line(f"{each.check}: not looked at: {each.unseen}")
        unseen = sum(bool(each.unseen) for each in examined)
        said = f"{counted(troubles, 'trouble')} found" if troubles else "no trouble found"
        missed = f", {unseen} could not look" if unseen else ""
        output.line(f"{said} by {counted(len(examined), 'check')}{missed}")
    if troubles:
        raise click.exceptions.Exit(1)
