"""Which units run: whether there is anything to enforce, what is enabled, started, restarted. Pure.

A unit is enabled once. If an operator has disabled it since, it stays so.
"""

from collections.abc import Sequence
from typing import NamedTuple

from blockd.setup import layout, nameservice, sockets
from blockd.setup.facts import RESOLVED, Facts
from blockd.setup.layout import COMPILER, FETCH, RESOLVER, ROUTES, SOCKET, VERIFY, WEB
from blockd.setup.steps import Run, Step


class Readiness(NamedTuple):
    """Whether services can be started, and if not, why."""

    ready: bool
    notes: tuple[str, ...] = ()
    troubles: tuple[str, ...] = ()


class Starting(NamedTuple):
    """What starts the services, and what has to succeed before."""

    proved: tuple[Step, ...] = ()
    steps: tuple[Step, ...] = ()
    recorded: tuple[str, ...] = ()
    """Every unit that is enabled then, or was once."""
    notes: tuple[str, ...] = ()


def readiness(facts: Facts, *, start: bool) -> Readiness:
    """Tell whether there is a list, a systemd, and a free port."""
    if not start:
        return Readiness(ready=False)
    if not facts.booted:
        note = "systemd does not run here: once it does, `blockd setup` enables and starts blockd"
        return Readiness(ready=False, notes=(note,))
    without = facts.config.service.start_without_list
    if not (facts.listed or facts.generation or without):
        examples = f" ({layout.EXAMPLES}/rules holds examples)" if not facts.packaged else ""
        note = (
            f"nothing is enabled or started, since there is no list: put one into {layout.RULES}"
            f"{examples}, look at what `blockd check` says of it, and run `blockd setup` again"
        )
        return Readiness(ready=False, notes=(note,))
    troubles = _taken(facts)
    return Readiness(ready=not troubles, troubles=tuple(troubles))


def _taken(facts: Facts) -> list[str]:
    """Return who holds the resolver's port, each with all that it holds, and what to do."""
    places: dict[tuple[str, str], list[str]] = {}
    for held in facts.holders():
        if held.program != RESOLVED:  # of which `switch` speaks
            place = f"{held.transport} {held.place}"
            places.setdefault((held.program, held.unit), []).append(place)
    found = []
    for (name, unit), held_by in places.items():
        program = name or "a program that only root can see"
        remedy = nameservice.holder_remedy(program, unit, facts.config.resolver.listen)
        verb, whose = "are" if len(held_by) > 1 else "is", f" ({unit})" if unit else ""
        found.append(f"{', '.join(held_by)} {verb} taken by {program}{whose}: {remedy}")
    return found


def start(facts: Facts, changes: Sequence[Step]) -> Starting:
    """Return what brings every unit up that should be, by files that have just changed."""
    wanted = [COMPILER, SOCKET, RESOLVER]
    wanted += [ROUTES] if facts.config.routes.enabled else []
    wanted += [WEB]
    wanted += [VERIFY] if facts.verifies else []
    wanted += [FETCH] if any(each.url for each in facts.config.list.source) else []
    fit = [name for name in wanted if facts.unit(name).file != "masked"]
    enabled = [
        name for name in fit if not facts.unit(name).enabled and name not in facts.record.enabled
    ]
    up = [name for name in fit if name in enabled or facts.unit(name).enabled]
    optional = [name for name in layout.unit_names(facts.shipped) if name not in wanted]
    active = [name for name in (*fit, *optional) if facts.unit(name).active]
    restarted = _restarted(facts, active, changes)
    down = [name for name in up if facts.unit(name).down]
    steps: list[Step] = [Run(("systemctl", "enable", *enabled))] if enabled else []
    if restarted:
        steps.append(Run(("systemctl", "restart", *restarted)))
    # The planes wait for a first generation, however long; so the compiler comes first, alone.
    first = [name for name in down if name == COMPILER]
    rest = [name for name in down if name != COMPILER]
    # Without a list they may wait for days.
    waited = () if facts.listed or facts.generation else ("--no-block",)
    steps += [Run(("systemctl", "start", *waited, *names)) for names in (first, rest) if names]
    proved: list[Step] = []
    if down and facts.unfetched:
        proved.append(Run(("systemctl", "start", FETCH.replace(".timer", ".service"))))
    if down and not facts.generation and facts.listed:
        proved.append(Run((facts.program, "check"), judges=True))
    recorded = tuple(sorted({*facts.record.enabled, *up}))
    notes = _notes(facts, wanted, enabled)
    return Starting(tuple(proved), tuple(steps), recorded, notes)


def _restarted(facts: Facts, active: Sequence[str], changes: Sequence[Step]) -> list[str]:
    """Return the running units whose program, file or addresses have changed since they began."""
    changed = {getattr(step, "path", "") for step in changes}
    unbound = {
        name
        for name, addresses in sockets.wanted(facts.config).items()
        if not all(map(facts.is_bound, addresses))
    }
    found = []
    for name in active:
        state = facts.unit(name)
        file = f"{layout.UNITS}/{name}"
        changes_at = [facts.changed.get(name, 0.0)]
        changes_at += [facts.installed] if name.endswith(".service") else []
        renewed = state.started < max(changes_at)
        if (
            renewed
            or name in unbound
            or any(path == file or f"/{name}.d/" in path for path in changed)
        ):
            found.append(name)
    if SOCKET in found and RESOLVER in active and RESOLVER not in found:
        found.append(RESOLVER)  # goes down with its socket, and should be waited for
    return found


def _notes(facts: Facts, wanted: Sequence[str], enabled: Sequence[str]) -> tuple[str, ...]:
    found = []
    for name in wanted:
        state = facts.unit(name)
        if name in facts.record.enabled and not state.enabled:
            found.append(f"{name} was {state.file or 'disabled'} since setup enabled it: left so")
        if state.state == "activating":
            found.append(f"{name} is still starting: `systemctl status {name}` says why")
    if not facts.verifies and enabled:
        found.append(
            f"{VERIFY} is left out: `blockd verify` wants dnspython and scapy, which come with"
            " `pip install 'blockd[verify]'`"
        )
    return tuple(found)
