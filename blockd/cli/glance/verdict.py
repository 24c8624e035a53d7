"""The verdict on a look at the gateway, and what wants attention. Pure.

What is asked and read for a look is the business of `look`, the facts below are `details`'.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from blockd.cli.glance import details
from blockd.cli.glance.details import Fact, copy, moment
from blockd.cli.glance.look import Look
from blockd.errors import AbsentError
from blockd.service.standing import Standing, Status, problems, unready

_SHOWN = 3  # issues of a refused list; `blockd check` shows all


class Shown(NamedTuple):
    """Everything that a person is shown."""

    verdict: str
    is_well: bool
    """Whether the list is enforced on every plane."""
    attention: tuple[str, ...]
    """What is wrong, or soon will be, and what to do about it; most urgent first."""
    facts: tuple[tuple[Fact, ...], ...]
    """In groups: what is in force, then each plane."""
    daemons: tuple[tuple[object, ...], ...]
    """Name, state, generation, what it holds."""


def show(look: Look) -> Shown:
    """Return what a look says."""
    standing = look.standing
    reasons = [look.unread] if look.unread else unready(standing)
    in_force = tuple(details.in_force(look))
    resolver = tuple(details.resolver(standing.of("resolver")))
    routes = tuple(details.routes(standing.of("routes")))
    return Shown(
        _verdict(standing, reasons),
        not reasons,
        tuple(_attention(look, well=not reasons)),
        (in_force, resolver, routes),
        tuple(
            details.daemon(name, status, look.silent)
            for name, status in {**standing.daemons, **standing.optional}.items()
        ),
    )


def _verdict(standing: Standing, reasons: Sequence[str]) -> str:
    planes = [name for name in standing.daemons if name != "compiler"]
    record = standing.record
    if record is None or reasons:
        wrong = {reason.partition(":")[0] for reason in reasons}
        well = [f"the {name}" for name in planes if name not in wrong] if record else []
        said = f" ({' and '.join(well)} enforces generation {record.number})" if well else ""  # type: ignore[union-attr]
        return f"NOT ENFORCING: {'; '.join(reasons)}{said}"
    if "routes" in planes:
        return f"enforcing generation {record.number} on both planes"
    return f"enforcing generation {record.number} by the resolver; null routes are switched off"


def _attention(look: Look, *, well: bool) -> Iterator[str]:
    standing = look.standing
    compiler = standing.of("compiler")
    absent = [name for name, why in look.silent.items() if isinstance(why, AbsentError)]
    if len(absent) == len(standing.daemons):
        yield f"nothing of blockd runs: {look.to_start}"
    elif "compiler" in look.silent:
        runs = "run" if isinstance(look.silent["compiler"], AbsentError) else "answer"
        waiting = "lists that change and entries that expire wait for it"
        yield f"the compiler does not {runs}: {waiting}"
    for problem in problems(compiler):
        since = moment(compiler.get("problem_since"))
        stays = f", generation {standing.record.number} stays" if standing.record else ""
        yield f"refused{f' since {since}' if since else ''}{stays}: {problem}"
        yield from _causes(compiler, problem)
    if compiler.get("held") or (standing.record and standing.record.held_inputs):
        yield (
            "held since a rollback: the lists as they are count again by `blockd compile --resume`,"
            " or when one of them changes"
        )
    if well:
        # Else the verdict says it already.
        for name in ("resolver", "routes"):
            yield from (f"{name}: {problem}" for problem in problems(standing.of(name)))
    yield from (f"notice: {problem}" for problem in problems(standing.notice or {}))
    yield from _upstreams(standing.of("resolver"))
    yield from (f"{note.url}: {copy(note)}" for note in look.fetched if note.problem)
    if look.verified is not None and look.verified.wrong:
        yield f"`blockd verify` found {look.verified.wrong} wrong, see below"


def _causes(compiler: Status, problem: str) -> Iterator[str]:
    """Yield the first issues of a refused list, and how a refused change is confirmed."""
    issues = [str(issue) for issue in compiler.get("issues", ()) if ": error: " in str(issue)]
    if len(issues) == 1 and issues[0].partition(": error: ")[2] in problem:
        issues = []  # said already
    yield from (f"  {issue}" for issue in issues[:_SHOWN])
    if len(issues) > _SHOWN:
        # The status has the first ones alone, and counts warnings too.
        whole = compiler.get("issue_count", 0) <= len(compiler["issues"])
        more = f"{len(issues) - _SHOWN} more" if whole else "more"
        yield f"  and {more}: see `blockd check`"
    digest = compiler.get("refused_change")
    if digest and str(digest) not in problem:
        yield f"  if it is meant: `blockd compile --accept {digest}`; see `blockd diff`"


def _upstreams(resolver: Status) -> Iterator[str]:
    """Yield which upstreams are silent; where all of a zone are, its names do not resolve."""
    zones: dict[str, list[Status]] = {}
    for upstream in resolver.get("upstreams", ()):
        zones.setdefault(upstream.get("zone", ""), []).append(upstream)
    for zone, upstreams in zones.items():
        silent = [each["address"] for each in upstreams if each.get("silent")]
        if len(silent) == len(upstreams):
            what = f"names in {zone}" if zone else "names that are not listed"
            yield f"no upstream answers ({', '.join(silent)}): {what} do not resolve"
        elif silent:
            where = f" of {zone}" if zone else ""
            yield f"silent upstream{where}: {', '.join(silent)}; the others are asked"
