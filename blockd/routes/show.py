"""Plans for people: rows of a table, and lines that `ip -batch` would accept. Pure text."""

from collections.abc import Iterable
from typing import NamedTuple

from blockd.config import RoutesSection
from blockd.counting import counted
from blockd.prefixes import Prefix
from blockd.routes.bypass import Bypass
from blockd.routes.model import METRIC, Cut, FibRule, Install, Plan, RulePlan
from blockd.routes.swap import Move


class Row(NamedTuple):
    """One line of a shown plan."""

    verb: str
    what: str
    note: str


def rows(plan: Plan, rules: RulePlan, cuts: Iterable[Cut]) -> list[Row]:
    """Return what would be done, in the order in which it would be, then what is left alone."""
    shown = [
        Row("replace" if install.replaces else "install", _route(install.prefix, install.kind), "")
        for install in plan.installs
    ]
    shown += [Row("install", f"rule for IPv{family}", "") for family in rules.add]
    shown += [Row("withdraw", _rule(rule), "") for rule in rules.remove]
    shown += [Row("withdraw", _route(r.prefix, r.kind or "route"), "") for r in plan.withdrawals]
    shown += [Row("cut", str(each.entry), cut(each)) for each in cuts]
    shown += [
        Row("foreign", _route(r.prefix, r.kind or "route"), f"protocol {r.protocol}, left alone")
        for r in plan.foreign
    ]
    shown += [
        Row("foreign", _rule(rule), f"protocol {rule.protocol}, left alone")
        for rule in rules.foreign
    ]
    shown += [Row("occupied", str(p), "a foreign route holds its place") for p in plan.occupied]
    if plan.kept:
        shown.append(Row("keep", counted(plan.kept, "route"), "right as they are"))
    return shown


def moves(
    both: Iterable[Move], cuts: Iterable[Cut], table: int, bypasses: Iterable[Bypass]
) -> list[Row]:
    """Return what would be done in both families, as `rows`, and which tables are filled for it.

    Args:
        both: a move a family.
        cuts: what became of listed prefixes.
        table: the first of our two tables.
        bypasses: rules that come before ours.
    """
    known = list(both)
    swapped = [
        Row(
            "swap",
            f"IPv{move.family} to table {move.target}",
            f"filled first, then looked up instead of table {2 * table + 1 - move.target}",
        )
        for move in known
        if move.swaps
    ]
    plan = Plan(
        tuple(install for move in known for install in move.fill.installs),
        tuple(r for move in known for r in (*move.fill.withdrawals, *move.clear.withdrawals)),
        sum(move.fill.kept for move in known),
        tuple(route for move in known for route in (*move.fill.foreign, *move.clear.foreign)),
        tuple(prefix for move in known for prefix in move.fill.occupied),
    )
    rules = RulePlan(
        tuple(family for move in known for family in move.rules.add),
        tuple(rule for move in known for rule in move.rules.remove),
        tuple(rule for move in known for rule in move.rules.foreign),
    )
    passed = [Row("bypassed", f"IPv{each.rule.family}", str(each)) for each in bypasses]
    return [*swapped, *rows(plan, rules, cuts), *passed]


def text(shown: Iterable[Row]) -> str:
    """Return rows as aligned plain text, one a line."""
    lines = list(shown)
    verb = max((len(row.verb) for row in lines), default=0)
    what = max((len(row.what) for row in lines if row.note), default=0)
    return "".join(
        f"{row.verb:{verb}}  {row.what:{what}}  {row.note}".rstrip() + "\n" for row in lines
    )


def batch(
    plan: Plan, rules: RulePlan, *, family: int, table: int, preference: int, protocol: int
) -> str:
    """Return one family's share of a plan as the input of `ip -4 -batch -` or `ip -6 -batch -`."""
    tail = f"table {table} proto {protocol}"
    lines = [_add(install, tail) for install in plan.installs if install.prefix.family == family]
    if family in rules.add:
        lines.append(f"rule add pref {preference} table {table} protocol {protocol}")
    lines += [
        f"rule del pref {rule.preference} table {rule.table} protocol {protocol}"
        for rule in rules.remove
        if rule.family == family
    ]
    lines += [
        f"route del {route.kind or ''} {route.prefix} {tail} metric {route.metric}"
        for route in plan.withdrawals
        if route.prefix.family == family
    ]
    return "".join(f"{line}\n" for line in lines)


def batch_of(move: Move, routes: RoutesSection) -> str:
    """Return a family's move as `batch` does, the clearing of the other table included."""
    options = {
        "family": move.family,
        "preference": routes.preference,
        "protocol": routes.protocol,
    }
    other = 2 * routes.table + 1 - move.target
    filled = batch(move.fill, move.rules, table=move.target, **options)
    return filled + batch(move.clear, RulePlan((), (), ()), table=other, **options)


def _add(install: Install, tail: str) -> str:
    verb = "replace" if install.replaces else "add"
    metric = METRIC[install.prefix.family]
    return f"route {verb} {install.kind} {install.prefix} {tail} metric {metric}"


def _route(prefix: Prefix, kind: str) -> str:
    return f"{kind} {prefix}"


def _rule(rule: FibRule) -> str:
    return f"rule for IPv{rule.family}, preference {rule.preference}, table {rule.table}"


def cut(found: Cut) -> str:
    """Return in words what became of a listed prefix that touches what must stay reachable."""
    where = f"{found.why} {found.protected}"
    return f"not installed: inside {where}" if found.whole else f"hole for {where}"
