"""`blockd setup`: makes blockd a service of this host, brings it up to date, and takes it back."""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from blockd.cli import output
from blockd.cli.setting import CONFIG, Setting, shipped
from blockd.errors import UsageError

if TYPE_CHECKING:
    from blockd.setup.facts import Facts
    from blockd.setup.steps import Document, Plan

_MANUAL = "/usr/local/share/man"
_COMPLETIONS = {
    "bash": "/usr/local/share/bash-completion/completions/blockd",
    "zsh": "/usr/local/share/zsh/site-functions/_blockd",
    "fish": "/usr/local/share/fish/vendor_completions.d/blockd.fish",
}
"""Where shells look for what did not come with the system."""


@click.command()
@click.option("--dry-run", is_flag=True, help="Print every step as a shell script; change nothing.")
@click.option(
    "--resolved",
    is_flag=True,
    help="Agree that systemd-resolved gives up port 53 and /etc/resolv.conf names blockd.",
)
@click.option("--force", is_flag=True, help="Set files that others changed aside, and write them.")
@click.option("--no-start", is_flag=True, help="Leave services as they are.")
@click.option("--remove", is_flag=True, help="Take back what setup did; lists and state stay.")
@click.option("--purge", is_flag=True, help="With --remove: lists, configuration and state too.")
@click.pass_context
def setup(
    context: click.Context,
    *,
    dry_run: bool,
    resolved: bool,
    force: bool,
    no_start: bool,
    remove: bool,
    purge: bool,
) -> None:
    """Install blockd as services of this host: units, users, directories, configuration.

    Writes an example of a configuration where there is none, has the socket listen where the
    configuration says, and enables and starts the services once there is a list and port 53 is
    free. Run it again after an upgrade, after a change of an address to listen on, or when it
    stopped: it does what is left to do. Exit status 1 where something is in the way.
    """
    installing = resolved or force or no_start
    given: Setting = context.obj
    _refuse_options(given, remove=remove, purge=purge, installing=installing)
    if os.geteuid() and not dry_run:
        raise UsageError("setup changes the host: run it as root, or look with --dry-run")
    facts = _facts(context, forgiving=remove)
    if remove:
        from blockd.setup.removal import removal  # noqa: PLC0415

        _carry_out(removal(facts, purge=purge), dry_run=dry_run)
        return
    from blockd.setup.install import install  # noqa: PLC0415

    start = not no_start
    plan = install(facts, consent=resolved, force=force, start=start)
    asked = plan.question and not dry_run and sys.stdin.isatty()
    if asked and click.confirm(plan.question, default=False):
        plan = install(facts, consent=True, force=force, start=start)
    _carry_out(plan, dry_run=dry_run)
    if not dry_run and plan.steps:
        # What only shows afterwards, such as a program that took the port meanwhile.
        left = install(_facts(context), consent=resolved, start=start)
        if left.steps and not plan.troubles:
            raise UsageError(
                f"done, but the host is not as it should be: `{left.steps[0].said}` is needed"
                " again; `blockd setup` does it, `systemctl --failed` may say why"
            )


def _refuse_options(given: Setting, *, remove: bool, purge: bool, installing: bool) -> None:
    if purge and not remove:
        raise UsageError("--purge says how much --remove takes; give --remove --purge")
    if remove and installing:
        raise UsageError("--remove goes with --dry-run and --purge alone")
    if given.is_trial:
        raise UsageError(
            f"services use {CONFIG} and what it says; --config and --state are for trying out"
        )


def _facts(context: click.Context, *, forgiving: bool = False) -> "Facts":
    from blockd.setup.look import look  # noqa: PLC0415

    program = context.find_root().command
    assert isinstance(program, click.Group)  # noqa: S101 - as `app` builds it
    documents = {**_manual(program), **_completions(program)}
    return look(shipped("systemd").parent, documents, forgiving=forgiving)


def _manual(program: click.Group) -> dict[str, "Document"]:
    """Return the man pages, dated by the installation: the same at every run."""
    from importlib import metadata  # noqa: PLC0415

    import blockd  # noqa: PLC0415
    from blockd.manual import pages, roff  # noqa: PLC0415
    from blockd.setup.steps import Document  # noqa: PLC0415

    installed = int(Path(blockd.__file__).stat().st_ctime)
    day, version = datetime.fromtimestamp(installed, UTC).date(), metadata.version("blockd")
    command = f"SOURCE_DATE_EPOCH={installed} blockd help --man {_MANUAL} >/dev/null"
    found = {}
    for page in pages.pages(program):
        place = f"{_MANUAL}/man{page.section}/{page.name}.{page.section}"
        found[place] = Document(roff.render(page, version, day).encode(), command)
    return found


def _completions(program: click.Group) -> dict[str, "Document"]:
    from blockd.cli.completion import script  # noqa: PLC0415
    from blockd.setup.steps import Document  # noqa: PLC0415

    found = {}
    for shell, place in _COMPLETIONS.items():
        command = f"blockd completion {shell} | install -D -m 0644 /dev/stdin {place}"
        found[place] = Document(f"{script(program, shell)}\n".encode(), command)
    return found


def _carry_out(plan: "Plan", *, dry_run: bool) -> None:
    from blockd.setup.act import perform  # noqa: PLC0415

    if dry_run and plan.steps:
        output.line(plan.script())
    elif plan.steps:
        for step in perform(plan.steps, Path("/")):
            output.line(step.said)
    elif not plan.troubles:
        output.line("nothing to do: everything is as it should be")
    for note in plan.notes:
        output.note(f"note: {note}")
    for trouble in plan.troubles:
        output.note(f"blockd: {trouble}")
    if plan.troubles:
        raise click.exceptions.Exit(1)
