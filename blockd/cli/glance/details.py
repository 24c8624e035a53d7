"""The facts below the verdict: what is in force, each daemon, each plane. Pure."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from blockd.cli.glance.look import Look
from blockd.counting import counted
from blockd.errors import AbsentError, UnreachableError
from blockd.service.standing import Status, problems

if TYPE_CHECKING:
    from blockd.fetch.spool import Note
    from blockd.policy.record import Record
    from blockd.verify.report import Report
    from blockd.watchlist.model import Expiry

Fact = tuple[str, object]
"""A name and what is said about it; empty is left out."""

_SHOWN = 3  # failures of a verification; `blockd verify` shows more


def in_force(look: Look) -> Iterator[Fact]:
    """Yield what is in force, where it comes from, and what leaves it."""
    record = look.standing.record
    if record is not None:
        yield from _of_record(record, look.at)
    yield "state", look.state
    for note in look.fetched:
        if not note.problem:
            yield "fetched", f"{note.url}: {copy(note)}"
    yield from _mended(look.standing.of("compiler"))
    yield from map(_ending, look.expiring)
    if look.verified is not None:
        yield from _of_verification(look.verified)


def _of_record(record: "Record", now: datetime) -> Iterator[Fact]:
    held = f"the content of {record.rolled_back_to}, until the lists change or `compile --resume`"
    since = f"{moment(record.committed)}, {_ago(now - record.committed)} ({record.reason})"
    yield "generation", record.number
    yield "in force since", since
    names, prefixes = counted(record.names, "name"), counted(record.prefixes, "prefix")
    shadow = counted(record.shadow, "entry is counted only", "entries are counted only")
    yield "holds", f"{names} and {prefixes} of {counted(record.rules, 'rule')}"
    yield "in shadow", shadow if record.shadow else ""
    yield "from", ", ".join(source.path for source in record.sources)
    yield "held", held if record.held_inputs else ""
    last_day = record.next_expiry
    yield "next expiry", "" if last_day is None else f"end of {last_day}"


def copy(note: "Note") -> str:
    """Return when a copy came and was last said to be current, and what is wrong with it."""
    parts = []
    if note.confirmed:
        parts.append(f"current at {moment(note.confirmed)}")
    if note.problem:
        since = f"failing since {moment(note.since)}: " if note.since else ""
        parts.append(since + note.problem)
    return "; ".join(parts)


def _mended(compiler: Status) -> Iterator[Fact]:
    last = compiler.get("last_refused")
    if last:
        spell = f"{moment(last['since'])}, mended {moment(last['until'])}"
        yield "last refused", f"{spell}: {last['problem']}"


def _ending(expiry: "Expiry") -> Fact:
    return "expires soon", (
        f"{expiry.last_day}, at the end of that day, UTC: {counted(expiry.entries, 'entry')} of"
        f" {', '.join(expiry.platforms)}"
    )


def _of_verification(found: "Report") -> Iterator[Fact]:
    said = f"{found.wrong} wrong" if found.wrong else "nothing wrong"
    whole = found.wrong + found.right
    yield (
        "verified",
        f"{said} of {whole}, generation {found.generation}, {moment(found.started)}",
    )
    for each in found.failures[:_SHOWN]:
        yield "wrong", f"{each.what} ({each.kind}): {each.why}"
    yield from (("not checked", f"{what}: {why}") for what, why in found.not_checked.items())


def daemon(
    name: str, status: Status | None, silent: dict[str, UnreachableError]
) -> tuple[object, ...]:
    """Return a daemon's row: name, state, generation, what it holds."""
    if status is None:
        why = silent.get(name)
        # What is there and gives no answer hangs, or may not be asked by this user.
        return name, "not running" if isinstance(why, AbsentError) else "silent", "", why
    return name, _state(status), status.get("generation"), _holds(name, status)


def _state(status: Status) -> str:
    if is_wrong(status):
        return "problem"
    return "ready" if status.get("ready", True) else "waiting"


def is_wrong(status: Status) -> bool:
    """Tell whether a daemon that answers is not well."""
    # Listed packets get past the null routes of a generation that is in force.
    in_force = status.get("plane") == "routes" and status.get("generation") is not None
    return bool(problems(status)) or (in_force and not status.get("enforcing", True))


# Below, whatever a status lacks is left out: during an upgrade a daemon may be of another version.


def _holds(name: str, status: Status) -> str:
    if "listen" in status:
        return f"{counted(status.get('names', 0), 'name')} on {', '.join(status['listen'])}"
    if name == "routes" and status.get("generation") is not None and "desired" in status:
        text = f"{status.get('actual')} of {counted(status['desired'], 'route')}"
        return f"{text}, {status['missing']} missing" if status.get("missing") else text
    return ", ".join(status.get("paths", ()))


def resolver(status: Status) -> Iterator[Fact]:
    """Yield what the resolver has answered, and how its upstreams are."""
    if "outcomes" in status:
        yield "queries", _counts(status["outcomes"].items()) or "none yet"
    yield "would block", _counts(_most(status.get("shadowed", {})))
    yield "most blocked", _counts(_most(status.get("platforms", {})))
    if "cache" in status:
        cache = status["cache"]
        answers, octets = counted(cache["answers"], "answer"), counted(cache["octets"], "octet")
        yield "cache", f"{answers}, {octets}"
    for upstream in status.get("upstreams", ()):
        said = "{sent} sent, {answered} answered, {timeouts} timed out".format(**upstream)
        zone = f"; for {upstream['zone']}" if upstream.get("zone") else ""
        silent = "; silent, and probed now and then" if upstream.get("silent") else ""
        yield f"upstream {upstream['address']}", said + zone + silent


def routes(status: Status) -> Iterator[Fact]:
    """Yield how the kernel's tables stand."""
    if status.get("generation") is None or "desired" not in status:
        return
    tables = sorted(set(status.get("active", {}).values())) or [status.get("table", "?")]
    held = f"{status.get('actual')} of {status['desired']} in table"
    since = "{installed} installed, {withdrawn} withdrawn, {restored} restored, {refused} refused"
    yield "routes", f"{held} {' and '.join(map(str, tables))}"
    yield "missing", status.get("missing") or ""
    if "counters" in status:
        yield "since its start", since.format(**status["counters"])
    yield "last full scan", moment(status.get("last_scan"))
    yield "last repair", moment(status.get("last_repair")) or "none"
    for cut in status.get("cuts", ()):
        what = "not installed, inside" if cut["whole"] else "hole for"
        yield "cut", f"{cut['entry']}: {what} {cut['why']} {cut['protected']}"
    yield from (("foreign", f"{each}, left alone") for each in status.get("foreign", ()))
    yield from (("bypassed", each) for each in status.get("bypassed_by", ()))


def _most(counts: dict[str, int]) -> list[tuple[str, int]]:
    """Return the platforms that were counted most, the most first."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:5]


def _counts(counts: Any) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts if count)


def moment(when: datetime | float | str | None) -> str:
    """Return a time as it is shown: of a datetime, seconds since 1970, or JSON's text."""
    if not when:
        return ""
    if isinstance(when, str):
        when = datetime.fromisoformat(when)
    if not isinstance(when, datetime):
        when = datetime.fromtimestamp(when, UTC)
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _ago(passed: timedelta) -> str:
    """Return a time that has passed, in its largest unit."""
    minutes = passed // timedelta(minutes=1)
    for unit, length in (("day", 1440), ("hour", 60), ("minute", 1)):
        if minutes >= length:
            many = minutes // length
            return f"{counted(many, unit)} ago"
    return "just now"
