"""`blockd notice`: the notice daemon."""

import click

from blockd.cli.setting import Setting


@click.command()
@click.pass_obj
def notice(given: Setting) -> None:
    """Tell whoever opens a blocked site why it is blocked, by HTTP, in the foreground.

    For names with `action = "address"` that lead to an address of [notice] listen. HTTPS is not
    answered.
    """
    import asyncio  # noqa: PLC0415

    from blockd.notice.daemon import run  # noqa: PLC0415
    from blockd.service import logs  # noqa: PLC0415

    logs.configure("notice")
    asyncio.run(run(given.config, given.store, given.control("notice"), given.read_config))
