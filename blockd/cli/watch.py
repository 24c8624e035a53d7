"""`blockd watch`: the compiler daemon."""

import click

from blockd.cli.setting import Setting


@click.command()
@click.pass_obj
def watch(given: Setting) -> None:
    """Compile whenever a list changes, on SIGHUP, and when an entry expires."""
    import asyncio  # noqa: PLC0415

    from blockd.compiler.daemon import run  # noqa: PLC0415
    from blockd.service import logs  # noqa: PLC0415

    logs.configure("watch")
    asyncio.run(run(given.config, given.store, given.control("compiler"), given.read_config))
