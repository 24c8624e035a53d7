"""`blockd web`: the web daemon."""

import click

from blockd.cli.setting import Setting


@click.command()
@click.pass_obj
def web(given: Setting) -> None:
    """Show metrics, health and a page on a loopback address, in the foreground."""
    import asyncio  # noqa: PLC0415

    from blockd.service import logs  # noqa: PLC0415
    from blockd.web.daemon import run  # noqa: PLC0415

    logs.configure("web")
    asyncio.run(run(given.config, given.store, given.control, given.read_config))
