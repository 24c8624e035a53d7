"""Composes the program from its verbs. What a verb does stands in its module."""

from pathlib import Path

import click

from blockd.cli import (
    check,
    compile,  # noqa: A004 - the verb's name
    completion,
    diff,
    doctor,
    explain,
    export,
    fetch,
    help,  # noqa: A004 - the same
    history,
    notice,
    report,
    resolve,
    rollback,
    route,
    setup,
    sign,
    status,
    up,
    verify,
    watch,
    web,
)
from blockd.cli.setting import Setting


class _InOrder(click.Group):
    """Lists the verbs in the order in which an operator meets them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(self.commands)


def build() -> click.Group:
    """Return the program."""
    program = _InOrder(
        "blockd",
        callback=_program,
        help=_HELP,
        no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"]},
        params=[
            click.Option(
                ["--config"],
                type=click.Path(path_type=Path),
                help="The configuration file. Default: /etc/blockd/blockd.toml, else built-in"
                " defaults.",
            ),
            click.Option(
                ["--state"],
                type=click.Path(path_type=Path),
                help="The state directory, where generations live.",
            ),
        ],
    )
    click.version_option(package_name="blockd", message="blockd %(version)s")(program)
    for verb in (
        check.check,
        diff.diff,
        compile.compile_,
        explain.explain,
        export.export,
        fetch.fetch,
        sign.sign,
        resolve.resolve,
        route.route,
        watch.watch,
        web.web,
        notice.notice,
        up.up,
        status.status,
        verify.verify,
        doctor.doctor,
        setup.setup,
        history.history,
        report.report,
        rollback.rollback,
        help.help_,
        completion.completion,
    ):
        program.add_command(verb)
    return program


_HELP = """Enforce a watched list on this gateway: a sinkhole resolver and null routes.

Exit status: 0 done or blocked, 1 not blocked or problems found, 2 usage or configuration,
3 refused by a guard, 4 a daemon or the kernel cannot be reached.
"""


@click.pass_context
def _program(context: click.Context, config: Path | None, state: Path | None) -> None:
    context.obj = Setting(config, state)
