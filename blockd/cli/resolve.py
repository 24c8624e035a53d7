"""`blockd resolve`: the resolver daemon."""

import click

from blockd.cli.setting import Setting


@click.command()
@click.pass_obj
def resolve(given: Setting) -> None:
    """Answer listed names from the policy and forward everything else, in the foreground."""
    from blockd.resolver.daemon import start  # noqa: PLC0415
    from blockd.service import logs  # noqa: PLC0415

    logs.configure("resolver")
    raise click.exceptions.Exit(start(given.read_config, given.store, given.control("resolver")))
