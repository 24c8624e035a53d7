"""`blockd route`: the route daemon, its plan, and the removal of all that it owns."""

import click

from blockd.cli import output
from blockd.cli.output import json_option
from blockd.cli.setting import Setting


@click.command()
@click.option("--plan", is_flag=True, help="Print what would be done, and exit.")
@click.option("--batch", is_flag=True, help="With --plan: as input of `ip -4 -batch -` and -6.")
@click.option("--withdraw", is_flag=True, help="Remove all that blockd owns, and exit.")
@click.option("--netns", help="Work in this network namespace; needs CAP_SYS_ADMIN.")
@json_option
@click.pass_obj
def route(
    given: Setting, *, plan: bool, batch: bool, withdraw: bool, netns: str | None, json: bool
) -> None:
    """Keep null routes for the listed prefixes in the kernel, in the foreground."""
    from blockd.errors import UsageError  # noqa: PLC0415

    if plan and withdraw:
        raise UsageError("--plan changes nothing and --withdraw does; give one of them")
    if batch and not plan:
        raise UsageError("--batch is a form of the plan; give --plan --batch")
    if plan:
        _plan(given, netns, batch=batch, json=json)
    elif withdraw:
        _withdraw(given, netns, json=json)
    else:
        _follow(given, netns)


def _plan(given: Setting, netns: str | None, *, batch: bool, json: bool) -> None:
    from blockd.routes import once  # noqa: PLC0415

    policy = given.store.open()
    try:
        planned = once.plan_now(given.config, policy, netns)
        number = policy.number
    finally:
        policy.close()
    if json:
        output.json({"generation": number, "plan": [row._asdict() for row in planned.rows]})
    elif batch:
        output.line(f"# generation {number}, IPv4: ip -4 -batch -\n{planned.batch_v4}".rstrip())
        output.line(f"# generation {number}, IPv6: ip -6 -batch -\n{planned.batch_v6}".rstrip())
    elif planned.rows:
        output.table(("verb", "route", "note"), planned.rows)
    else:
        output.line(f"generation {number} lists no prefix, and the kernel holds no route of ours")


def _withdraw(given: Setting, netns: str | None, *, json: bool) -> None:
    from blockd.routes import once  # noqa: PLC0415

    gone = once.withdraw(given.config, netns)
    if json:
        output.json({"withdrawn": gone})
    else:
        output.line(f"{gone} routes withdrawn; no rule of ours is left")


def _follow(given: Setting, netns: str | None) -> None:
    import asyncio  # noqa: PLC0415

    from blockd.routes.daemon import run  # noqa: PLC0415
    from blockd.service import logs  # noqa: PLC0415

    logs.configure("route")
    asyncio.run(run(given.config, given.store, given.control("routes"), given.read_config, netns))
