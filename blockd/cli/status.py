"""`blockd status`: what is in force, and how the compiler and both planes stand."""

from typing import TYPE_CHECKING, Any

import click

from blockd.cli import output
from blockd.cli.output import json_option
from blockd.cli.setting import Setting

if TYPE_CHECKING:
    from blockd.policy.record import Record

_DAEMONS = ("compiler", "resolver", "routes")


@click.command()
@json_option
@click.pass_obj
def status(given: Setting, *, json: bool) -> None:
    """Show generation, sizes, both planes' state and counters.

    Exit status 4 where a daemon cannot be reached, 1 where one reports a problem.
    """
    number = given.store.current()
    record = given.store.record(number) if number is not None else None
    daemons = {name: _ask(given, name) for name in _wanted(given)}
    if json:
        output.json({"state": str(given.state), "generation": record, "daemons": daemons})
    else:
        _show(given, record, daemons)
    if any(answer is None for answer in daemons.values()):
        raise click.exceptions.Exit(4)
    if record is None or any(problems_of(answer or {}) for answer in daemons.values()):
        raise click.exceptions.Exit(1)


def _wanted(given: Setting) -> list[str]:
    return [name for name in _DAEMONS if name != "routes" or given.config.routes.enabled]


def _ask(given: Setting, name: str) -> dict[str, Any] | None:
    from blockd.errors import UnreachableError  # noqa: PLC0415
    from blockd.service import control  # noqa: PLC0415

    try:
        return control.ask(given.control(name))
    except UnreachableError:
        return None


def problems_of(answer: dict[str, Any]) -> list[str]:
    """Return what a daemon says is wrong."""
    found = [str(problem) for problem in answer.get("problems", ())]
    return [*found, answer["problem"]] if answer.get("problem") else found


def _show(
    given: Setting, record: "Record | None", daemons: dict[str, dict[str, Any] | None]
) -> None:
    if record is None:
        output.line(f"no generation in {given.state} yet; run `blockd compile`")
    else:
        output.pairs(_in_force(given, record))
    output.line()
    output.table(
        ("daemon", "state", "generation", "holds"),
        [
            (name, "not running", "", f"no answer from {given.control(name)}")
            if answer is None
            else (name, _state(answer), answer.get("generation"), _holds(name, answer))
            for name, answer in daemons.items()
        ],
    )
    for name, answer in daemons.items():
        for problem in problems_of(answer or {}):
            output.line(f"{name}: {problem}")
    resolver, routes = daemons.get("resolver"), daemons.get("routes")
    if resolver:
        output.line()
        _resolver(resolver)
    for cut in (routes or {}).get("cuts", ()):
        around = "not installed, inside" if cut["whole"] else "cut for"
        output.line(f"route {cut['entry']}: {around} {cut['why']} {cut['protected']}")
    for stranger in (routes or {}).get("foreign", ()):
        output.line(f"foreign, left alone: {stranger}")


def _in_force(given: Setting, record: "Record") -> list[tuple[str, object]]:
    held = f"the content of {record.rolled_back_to}, until the lists change or `compile --resume`"
    return [
        ("generation", record.number),
        ("in force since", f"{record.committed:%Y-%m-%d %H:%M:%S} UTC ({record.reason})"),
        ("holds", f"{record.names} names and {record.prefixes} prefixes of {record.rules} rules"),
        ("from", ", ".join(source.path for source in record.sources)),
        ("held", held if record.held_inputs else ""),
        ("next expiry", record.changes_on or ""),
        ("state", given.state),
    ]


def _state(answer: dict[str, Any]) -> str:
    if problems_of(answer):
        return "problem"
    return "ready" if answer.get("ready", True) else "waiting"


def _holds(name: str, answer: dict[str, Any]) -> str:
    if name == "resolver":
        return f"{answer['names']} names on {', '.join(answer['listen'])}"
    if name == "routes" and answer.get("generation") is not None:
        text = f"{answer['actual']} of {answer['desired']} routes in table {answer['table']}"
        return f"{text}, {answer['missing']} missing" if answer["missing"] else text
    return ", ".join(answer.get("paths", ()))


def _resolver(answer: dict[str, Any]) -> None:
    counted = ", ".join(f"{name} {n}" for name, n in answer["outcomes"].items() if n)
    blocked = sorted(answer["platforms"].items(), key=lambda item: (-item[1], item[0]))
    cache = answer["cache"]
    output.pairs(
        [
            ("queries", counted or "none yet"),
            ("most blocked", ", ".join(f"{name} {n}" for name, n in blocked[:5] if n)),
            ("cache", f"{cache['answers']} answers, {cache['octets']} octets"),
            *(
                (
                    f"upstream {upstream['address']}",
                    "{sent} sent, {answered} answered, {timeouts} timed out".format(**upstream),
                )
                for upstream in answer["upstreams"]
            ),
        ]
    )
