"""`blockd up`: compiler, resolver and routes in the foreground, the whole gateway at once."""

import click

from blockd.cli import output
from blockd.cli.setting import Setting

_FEW = 5  # routes of the plan that are shown; the rest are a number


@click.command()
@click.pass_obj
def up(given: Setting) -> None:
    """Watch the lists, serve the resolver and keep the routes, until Ctrl-C.

    Routes need CAP_NET_ADMIN; without it their plan is shown instead. Those that are installed
    are withdrawn at the end.
    """
    import asyncio  # noqa: PLC0415

    from blockd.service.children import Children  # noqa: PLC0415

    output.note(f"lists: {', '.join(given.config.list.places)}")
    output.note(f"state: {given.state}")
    verbs = ["watch", "resolve"]
    with_routes = given.config.routes.enabled and _permitted(given)
    if with_routes:
        from blockd.routes.alone import Alone  # noqa: PLC0415

        # Before anything starts: at the end, another gateway's routes would be withdrawn.
        Alone(given.config.routes.table).close()
        verbs.append("route")
        table = given.config.routes.table
        output.note(f"routes: added to table {table}, withdrawn at the end")
    elif given.config.routes.enabled:
        _show_plan(given)
    else:
        output.note("routes: none, by [routes] enabled = false")

    async def live() -> int:
        try:
            return await Children(given.arguments(), output.note).run(verbs)
        finally:
            # Here, where a second signal only says once more that it is to end.
            if with_routes:
                _withdraw(given)

    raise click.exceptions.Exit(asyncio.run(live()))


def _permitted(given: Setting) -> bool:
    from blockd.routes.kernel import Kernel  # noqa: PLC0415

    routes = given.config.routes
    with Kernel(routes.table, routes.protocol) as kernel:
        return kernel.permitted()


def _show_plan(given: Setting) -> None:
    """Say that routes need a privilege, and show what would be installed."""
    from datetime import UTC, datetime  # noqa: PLC0415

    from blockd.errors import RefusedError  # noqa: PLC0415
    from blockd.policy import publish  # noqa: PLC0415
    from blockd.routes import once  # noqa: PLC0415

    output.note("routes: none, they need CAP_NET_ADMIN (run as root); this is the plan:")
    try:
        publish.publish(given.store, given.config, datetime.now(UTC))
    except RefusedError as error:
        output.note(f"no plan: {error}")
        return
    policy = given.store.open()
    try:
        rows = once.plan_now(given.config, policy).rows
    finally:
        policy.close()
    few = rows if len(rows) <= _FEW + 1 else rows[:_FEW]
    output.table(("verb", "route", "note"), few)
    if len(rows) > len(few):
        output.line(f"and {len(rows) - len(few):,} more; `blockd route --plan` shows all")
    output.flush()


def _withdraw(given: Setting) -> None:
    from blockd.errors import KernelError  # noqa: PLC0415
    from blockd.routes.withdraw import withdraw  # noqa: PLC0415

    try:
        output.note(f"routes: {withdraw(given.config.routes).routes:,} withdrawn")
    except KernelError as error:
        output.note(f"routes: {error}")
