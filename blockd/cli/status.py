"""`blockd status`: what is in force, and how the compiler and both planes stand."""

from typing import TYPE_CHECKING, Any

import click

from blockd.cli import output
from blockd.cli.output import json_option
from blockd.cli.setting import Setting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from blockd.fetch.spool import Note
    from blockd.policy.record import Record
    from blockd.verify.report import Report
    from blockd.watchlist.model import Expiry

_DAEMONS = ("compiler", "resolver", "routes")


@click.command()
@click.option(
    "--days", default=30, show_default=True, help="How far ahead entries that expire are announced."
)
@json_option
@click.pass_obj
def status(given: Setting, *, days: int, json: bool) -> None:
    """Show generation, sizes, both planes' state and counters, and what expires soon.

    Exit status 4 where a daemon cannot be reached, 1 where one reports a problem.
    """
    number = given.store.current()
    record = given.store.record(number) if number is not None else None
    daemons = {name: _ask(given, name) for name in _wanted(given)}
    fetched = _fetched(given)
    verified = _verified(given)
    expiring = _expiring(record, days)
    if json:
        output.json(
            {
                "state": str(given.state),
                "generation": record,
                "expiring": expiring,
                "fetched": fetched,
                "verified": verified,
                "daemons": daemons,
            }
        )
    else:
        _show(given, record, fetched, daemons, expiring)
        output.pairs(_of_verification(verified))
    if any(answer is None for answer in daemons.values()):
        raise click.exceptions.Exit(4)
    failing = any(note.problem for note in fetched)
    failing = failing or (verified is not None and verified.wrong > 0)
    if record is None or failing or any(map(_wrong, daemons.values())):
        raise click.exceptions.Exit(1)


def _wanted(given: Setting) -> list[str]:
    return [name for name in _DAEMONS if name != "routes" or given.config.routes.enabled]


def _fetched(given: Setting) -> "list[Note]":
    """Return what the spool knows of the sources that have a URL; of the others it is nothing."""
    urls = [source.url for source in given.config.list.source if source.url is not None]
    if not urls:
        return []
    from blockd.fetch.spool import Note, Spool  # noqa: PLC0415

    spool = Spool(given.config.fetch.spool)
    return [
        spool.note(url) or Note(url=str(url), problem="was never fetched: run `blockd fetch`")
        for url in urls
    ]


def _verified(given: Setting) -> "Report | None":
    """Return what the last `blockd verify --record` found; None: there was none since boot."""
    path = given.control("verify").with_suffix(".json")
    if not path.exists():
        return None
    from blockd.verify import report  # noqa: PLC0415

    return report.read(path)


def _of_verification(found: "Report | None") -> list[tuple[str, object]]:
    if found is None:
        return []
    said = f"{found.wrong} wrong" if found.wrong else "nothing wrong"
    when = f"{found.started:%Y-%m-%d %H:%M:%S} UTC"
    text = f"{said} of {found.wrong + found.right}, generation {found.generation}, {when}"
    rows: list[tuple[str, object]] = [("verified", text)]
    rows += [("wrong", f"{each.what} ({each.kind}): {each.why}") for each in found.failures[:3]]
    return [*rows, *(("not checked", f"{what}: {why}") for what, why in found.not_checked.items())]


def _ask(given: Setting, name: str) -> dict[str, Any] | None:
    from blockd.errors import UnreachableError  # noqa: PLC0415
    from blockd.service import control  # noqa: PLC0415

    try:
        return control.ask(given.control(name))
    except UnreachableError:
        return None


def _wrong(answer: dict[str, Any] | None) -> bool:
    """Tell whether a daemon that answers is not well."""
    return bool(answer and (problems_of(answer) or _passed_by(answer)))


def _passed_by(answer: dict[str, Any]) -> bool:
    """Tell whether listed packets get past the null routes of a generation that is in force."""
    in_force = answer.get("plane") == "routes" and answer.get("generation") is not None
    return in_force and not answer.get("enforcing", True)


def problems_of(answer: dict[str, Any]) -> list[str]:
    """Return what a daemon says is wrong."""
    found = [str(problem) for problem in answer.get("problems", ())]
    return [*found, answer["problem"]] if answer.get("problem") else found


def _show(
    given: Setting,
    record: "Record | None",
    fetched: "list[Note]",
    daemons: dict[str, dict[str, Any] | None],
    expiring: "Sequence[Expiry]",
) -> None:
    if record is None:
        output.line(f"no generation in {given.state} yet; run `blockd compile`")
    else:
        output.pairs([*_in_force(given, record), *map(_ending, expiring)])
    output.pairs([("fetched", f"{note.url}: {_state_of_copy(note)}") for note in fetched])
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
    if routes and routes.get("generation") is not None:
        output.line()
        _routes(routes)


def _in_force(given: Setting, record: "Record") -> list[tuple[str, object]]:
    held = f"the content of {record.rolled_back_to}, until the lists change or `compile --resume`"
    return [
        ("generation", record.number),
        ("in force since", f"{record.committed:%Y-%m-%d %H:%M:%S} UTC ({record.reason})"),
        ("holds", f"{record.names} names and {record.prefixes} prefixes of {record.rules} rules"),
        ("in shadow", f"{record.shadow} entries are counted only" if record.shadow else ""),
        ("from", ", ".join(source.path for source in record.sources)),
        ("held", held if record.held_inputs else ""),
        ("next expiry", record.changes_on or ""),
        ("state", given.state),
    ]


def _state_of_copy(note: "Note") -> str:
    """Return when a copy came and was last said to be current, and what is wrong with it."""
    parts = []
    if note.confirmed:
        parts.append(f"current at {note.confirmed:%Y-%m-%d %H:%M:%S} UTC")
    if note.problem:
        since = f"failing since {note.since:%Y-%m-%d %H:%M:%S} UTC: " if note.since else ""
        parts.append(since + note.problem)
    return "; ".join(parts)


def _expiring(record: "Record | None", days: int) -> "list[Expiry]":
    """Return what leaves by itself in so many days from now, the soonest first."""
    from datetime import UTC, datetime, timedelta  # noqa: PLC0415

    if record is None:
        return []
    until = datetime.now(UTC).date() + timedelta(days=max(days, 0))
    return [expiry for expiry in record.expiries if expiry.last_day <= until]


def _ending(expiry: "Expiry") -> tuple[str, object]:
    return "expires soon", (
        f"{expiry.last_day}, at the end of that day, UTC: {expiry.entries} entries of"
        f" {', '.join(expiry.platforms)}"
    )


def _state(answer: dict[str, Any]) -> str:
    if _wrong(answer):
        return "problem"
    return "ready" if answer.get("ready", True) else "waiting"


def _holds(name: str, answer: dict[str, Any]) -> str:
    if name == "resolver":
        return f"{answer['names']} names on {', '.join(answer['listen'])}"
    if name == "routes" and answer.get("generation") is not None:
        text = f"{answer['actual']} of {answer['desired']} routes"
        return f"{text}, {answer['missing']} missing" if answer["missing"] else text
    return ", ".join(answer.get("paths", ()))


def _routes(answer: dict[str, Any]) -> None:
    """Show how the kernel's tables stand."""
    counted = answer["counters"]
    tables = sorted(set(answer["active"].values())) or [answer["table"]]
    held = f"{answer['actual']} of {answer['desired']} in table {' and '.join(map(str, tables))}"
    cuts = [
        f"{cut['entry']}: {'not installed, inside' if cut['whole'] else 'hole for'} {cut['why']}"
        f" {cut['protected']}"
        for cut in answer["cuts"]
    ]
    output.pairs(
        [
            ("routes", held),
            ("missing", answer["missing"] or ""),
            ("since its start", "{installed} installed, {withdrawn} withdrawn, {restored} restored,"
             " {refused} refused".format(**counted)),
            ("last full scan", _time(answer["last_scan"])),
            ("last repair", _time(answer["last_repair"]) or "none"),
            *(("cut", each) for each in cuts),
            *(("foreign", f"{each}, left alone") for each in answer["foreign"]),
            *(("bypassed", each) for each in answer["bypassed_by"]),
        ]
    )  # fmt: skip


def _time(seconds: float | None) -> str:
    from datetime import UTC, datetime  # noqa: PLC0415

    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC" if seconds else ""


def _would_block(answer: dict[str, Any]) -> list[tuple[str, int]]:
    """Return how often platforms that are not enforced would have blocked, the most first."""
    counted = answer.get("shadowed", {}).items()
    return sorted(((name, n) for name, n in counted if n), key=lambda item: (-item[1], item[0]))[:5]


def _resolver(answer: dict[str, Any]) -> None:
    counted = ", ".join(f"{name} {n}" for name, n in answer["outcomes"].items() if n)
    blocked = sorted(answer["platforms"].items(), key=lambda item: (-item[1], item[0]))
    cache = answer["cache"]
    output.pairs(
        [
            ("queries", counted or "none yet"),
            ("would block", ", ".join(f"{name} {n}" for name, n in _would_block(answer))),
            ("most blocked", ", ".join(f"{name} {n}" for name, n in blocked[:5] if n)),
            ("cache", f"{cache['answers']} answers, {cache['octets']} octets"),
            *(
                (
                    f"upstream {upstream['address']}",
                    "{sent} sent, {answered} answered, {timeouts} timed out".format(**upstream)
                    + ("; silent, and probed now and then" if upstream.get("silent") else ""),
                )
                for upstream in answer["upstreams"]
            ),
        ]
    )
