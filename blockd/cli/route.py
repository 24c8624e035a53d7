"""`blockd route`: the route daemon, its plan, and the removal of all that it owns."""

import click

from blockd.cli import output
from blockd.cli.output import json_option
from blockd.cli.setting import Setting
from blockd.counting import counted


@click.command()
@click.option("--plan", is_flag=True, help="Print what would be done, and exit.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "ip-batch"]),
    help="With --plan: a table, or the input of `ip -4 -batch -` and `ip -6 -batch -`.",
)
@click.option("-4", "family", flag_value=4, type=int, help="With --format ip-batch: IPv4 alone.")
@click.option("-6", "family", flag_value=6, type=int, help="With --format ip-batch: IPv6 alone.")
@click.option("--withdraw", is_flag=True, help="Remove all that blockd owns, and exit.")
@click.option(
    "--on-stop",
    metavar="UNIT",
    help="With --withdraw, in ExecStopPost= of that unit: only if it was stopped, and not when"
    " it restarts, crashed, or the host goes down. [routes] withdraw_on_stop = false keeps.",
)
@click.option("--netns", help="Work in this network namespace; needs CAP_SYS_ADMIN.")
@json_option
@click.pass_obj
def route(
    given: Setting,
    *,
    plan: bool,
    form: str | None,
    family: int | None,
    withdraw: bool,
    on_stop: str | None,
    netns: str | None,
    json: bool,
) -> None:
    """Keep null routes for the listed prefixes in the kernel, in the foreground."""
    from blockd.errors import UsageError  # noqa: PLC0415

    batch = form == "ip-batch"
    if plan and withdraw:
        raise UsageError("--plan changes nothing and --withdraw does; give one of them")
    if form and not plan:
        raise UsageError("--format is about the plan; give --plan --format")
    if family and not batch:
        raise UsageError("-4 and -6 choose one batch of two; give --plan --format ip-batch too")
    if batch and json:
        raise UsageError("--json and --format ip-batch are two forms; give one of them")
    if on_stop and not withdraw:
        raise UsageError("--on-stop says when to withdraw; give --withdraw --on-stop UNIT")
    if plan:
        _plan(given, netns, families=(family,) if family else (4, 6), batch=batch, json=json)
    elif withdraw:
        _withdraw(given, netns, on_stop, json=json)
    else:
        _follow(given, netns)


def _plan(
    given: Setting, netns: str | None, *, families: tuple[int, ...], batch: bool, json: bool
) -> None:
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
        for family, text in ((4, planned.batch_v4), (6, planned.batch_v6)):
            if family in families:
                head = f"# generation {number}, IPv{family}: ip -{family} -batch -"
                output.line(f"{head}\n{text}".rstrip())
    elif planned.rows:
        output.table(("verb", "route", "note"), planned.rows)
    else:
        output.line(f"generation {number} lists no prefix, and the kernel holds no route of ours")


def _withdraw(given: Setting, netns: str | None, unit: str | None, *, json: bool) -> None:
    from blockd.routes.withdraw import withdraw  # noqa: PLC0415

    config, complaint = given.config_or_defaults()
    if complaint:
        output.note(f"{complaint}; withdrawing what the kernel shows as blockd's by the defaults")
    kept = _reason_to_keep(unit, configured=config.routes.withdraw_on_stop) if unit else ""
    if kept:
        output.note(f"routes are kept: {kept}")
        return
    gone = withdraw(config.routes, netns)
    if json:
        output.json({"withdrawn": gone.routes, "rules": gone.rules})
    else:
        output.line(f"{counted(gone.routes, 'route')} withdrawn; no rule of ours is left")


def _reason_to_keep(unit: str, *, configured: bool) -> str:
    """Return why the routes of a unit that ends stay; empty: they go."""
    from blockd.errors import UnreachableError  # noqa: PLC0415
    from blockd.routes import stopping  # noqa: PLC0415

    try:
        ending = stopping.why(unit)
    except UnreachableError as error:
        return f"{error}; to remove them: `blockd route --withdraw`"
    if ending is not stopping.Ending.STOPPED:
        return str(ending.value)
    return "" if configured else "by [routes] withdraw_on_stop = false"


def _follow(given: Setting, netns: str | None) -> None:
    import asyncio  # noqa: PLC0415

    from blockd.routes.daemon import run  # noqa: PLC0415
    from blockd.service import logs  # noqa: PLC0415

    logs.configure("route")
    asyncio.run(run(given.config, given.store, given.control("routes"), given.read_config, netns))
