"""Two tables: whichever moment a program is killed at, no address is treated a third way."""

from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd import prefixes
from blockd.routes import swap
from blockd.routes.model import METRIC, FibRule, Install, Kind, Route
from blockd.routes.plan import changes
from tests.routes.test_plan import _CORNER, OTHER, OURS, match, routes_of, wanted_tables

P = prefixes.parse
ONE, TWO = 5354, 5355
MAIN = FibRule(4, 32766, 254, 2, plain=True)


def rule(table=ONE, preference=5354, protocol=OURS):
    return FibRule(4, preference, table, protocol, plain=True)


class KernelModel:
    """Two tables and the rules of one family, as Linux keeps them."""

    def __init__(self, one=(), two=(), rules=()):
        self.tables = {ONE: {(r.prefix, r.metric): r for r in one},
                       TWO: {(r.prefix, r.metric): r for r in two}}  # fmt: skip
        self.rules = [*rules, MAIN]

    def decide(self, wanted):
        held = {table: list(routes.values()) for table, routes in self.tables.items()}
        return swap.decide(4, wanted, held, self.rules, table=ONE, preference=5354, protocol=OURS)

    def steps(self, move):
        """Yield one call a change, in the order of `Move`."""
        other = ONE if move.target == TWO else TWO
        for change in changes(move.fill):
            yield lambda change=change: self.change(move.target, change)
        for _ in move.rules.add:
            yield lambda: self.rules.insert(self._behind(5354), rule(move.target))
        for gone in move.rules.remove:
            yield lambda gone=gone: self.rules.remove(gone)
        for change in changes(move.clear):
            yield lambda change=change: self.change(other, change)

    def _behind(self, preference):
        """A new rule stands behind those of the same preference (net/core/fib_rules.c)."""
        return sum(rule.preference <= preference for rule in self.rules)

    def change(self, table, change):
        held = self.tables[table]
        if isinstance(change, Install):
            key = (change.prefix, METRIC[4])
            assert change.replaces == (key in held)
            held[key] = Route(change.prefix, change.kind, OURS, METRIC[4])
        else:
            assert change.protocol == OURS
            assert held.pop((change.prefix, change.metric)) == change

    def verdict(self, address):
        for looked_up in self.rules:
            table = self.tables.get(looked_up.table, {})
            found = match(address, {r.prefix: r.kind for r in table.values()})
            if found is not None:
                return found
        return None

    def verdicts(self):
        return [self.verdict(address) for address in _CORNER]


def meant(wanted):
    return [match(address, wanted) for address in _CORNER]


def treated(now, old, new):
    return all(a in {b, c} for a, b, c in zip(now, old, new, strict=True))


@given(wanted_tables, wanted_tables, wanted_tables, st.data())
def test_killed_at_any_moment_each_address_is_treated_as_before_or_as_after(
    first, then, last, data
):
    """A change is cut off after any step, the next program wants the same or something else."""
    with mock.patch.object(swap, "SMALLEST", 1):
        kernel = KernelModel(routes_of(first), (), [rule()])
        old = meant(first)
        for wanted in (then, last):
            steps = list(kernel.steps(kernel.decide(wanted)))
            for step in steps[: data.draw(st.integers(0, len(steps)))]:
                step()
                assert treated(kernel.verdicts(), old, meant(wanted))
            way = kernel.decide(wanted)
            for step in kernel.steps(way):
                step()
                assert treated(kernel.verdicts(), old, meant(wanted))
            move = kernel.decide(wanted)
            assert move.empty
            assert way.done(move.rules) == move  # nobody has to look again
            assert kernel.verdicts() == meant(wanted)
            assert [r.table for r in kernel.rules] == [move.target, 254]
            assert not kernel.tables[ONE + TWO - move.target]
            old = meant(wanted)


@given(wanted_tables, wanted_tables, wanted_tables, st.data())
def test_an_interrupted_change_may_be_followed_by_another_one(first, then, last, data):
    with mock.patch.object(swap, "SMALLEST", 1):
        kernel = KernelModel(routes_of(first), (), [rule()])
        steps = list(kernel.steps(kernel.decide(then)))
        for step in steps[: data.draw(st.integers(0, len(steps)))]:
            step()
        old, new = meant(first), meant(then)
        for step in kernel.steps(kernel.decide(last)):
            step()
            now = kernel.verdicts()
            assert all(
                a in {b, c, d} for a, b, c, d in zip(now, old, new, meant(last), strict=True)
            )
        assert kernel.decide(last).empty
        assert kernel.verdicts() == meant(last)


def many(kind, count=40, at=0):
    base = (198 << 24 | 18 << 16) + at
    return {prefixes.Prefix(4, base + 2 * i, 32): kind for i in range(count)}


BLACK, BAN = Kind.BLACKHOLE, Kind.PROHIBIT


@pytest.mark.parametrize(
    ("held", "wanted", "swaps"),
    [
        (many(BLACK), many(BAN), True),  # another type
        (many(BLACK), many(BLACK, at=1000), True),  # all others
        (many(BLACK), many(BLACK, 4) | many(BLACK, 40, 1000), True),  # nearly all others
        (many(BLACK), many(BLACK, 36), False),
        (many(BLACK), many(BLACK, 20) | many(BLACK, 20, 1000), False),
        (many(BLACK, 20), many(BAN, 20), False),  # few: over in one datagram
        ({}, many(BLACK), False),  # nothing there that could be missing
        (many(BLACK), {}, False),  # nothing to look up afterwards
    ],
)
def test_tables_are_swapped_when_nearly_all_changes(held, wanted, swaps):
    move = KernelModel(routes_of(held), (), [rule()]).decide(wanted)
    assert (move.swaps, move.target) == (swaps, TWO if swaps else ONE)


def test_a_flushed_table_is_filled_again_where_it_is():
    move = KernelModel((), (), [rule(TWO)]).decide(many(BLACK))
    assert (move.swaps, move.target, len(move.fill.installs)) == (False, TWO, 40)


def test_a_table_in_which_a_stranger_holds_a_place_is_not_swapped_to():
    stranger = Route(P("198.18.0.0/32"), None, OTHER, 0)
    move = KernelModel(routes_of(many(BLACK)), [stranger], [rule()]).decide(many(BAN))
    assert (move.swaps, move.target) == (False, ONE)
    assert move.clear.foreign == (stranger,)
    assert move.clear.empty


@pytest.mark.parametrize("rules", [[], [rule(ONE), rule(TWO)], [rule(TWO), rule(ONE)]])
def test_after_an_interruption_the_table_that_is_right_is_the_one(rules):
    wanted = many(BLACK)
    for one, two, target in (
        (many(BAN), wanted, TWO),
        (wanted, many(BAN), ONE),
        (many(BLACK, 30), many(BLACK, 31), TWO),
        (wanted, many(BLACK, 39), ONE),
    ):
        move = KernelModel(routes_of(one), routes_of(two), rules).decide(wanted)
        assert (move.target, move.swaps) == (target, False)
        assert len(move.rules.add) == (not rules)
        assert [r.table for r in move.rules.remove] == ([ONE + TWO - target] if rules else [])


def test_rules_at_another_preference_are_replaced():
    kernel = KernelModel(routes_of(many(BLACK)), (), [rule(ONE, preference=9)])
    move = kernel.decide(many(BLACK))
    assert move.target == ONE
    assert move.fill.empty
    assert (move.rules.add, move.rules.remove) == ((4,), (rule(ONE, preference=9),))
