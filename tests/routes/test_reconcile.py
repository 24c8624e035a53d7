"""Passes against the real kernel: everything that was taken away comes back, once and told."""

import errno
import itertools
import logging

import pytest

from blockd import prefixes
from blockd.errors import KernelError
from blockd.routes.kernel import Refusal
from blockd.routes.model import Install, Kind
from tests import topology
from tests.routes.test_kernel import TABLE, WANTED, ip, kernel

P = prefixes.parse


class Lines(logging.Handler):
    def __init__(self):
        super().__init__()
        self.lines = []

    def emit(self, record):
        self.lines.append(record.getMessage())

    def take(self):
        taken, self.lines = self.lines, []
        return taken


def logger():
    log, lines = logging.Logger("test"), Lines()  # noqa: LOG001 - not the root's child
    log.addHandler(lines)
    return log, lines


@pytest.fixture
def space():
    with topology.namespace() as made:
        yield made


def reconciler(table):
    from blockd.routes.reconcile import Reconciler

    log, lines = logger()
    made = Reconciler(table, TABLE, itertools.count(1000, 60).__next__, log)
    return made, lines


@pytest.mark.root
def test_nothing_is_planned_before_something_is_desired(space):
    def inside():
        ip("route add blackhole 198.18.1.0/24 proto 177 table 5354")
        with kernel() as table:
            made, lines = reconciler(table)
            made.reconcile()
            assert len(table.routes()) == 1
            assert (made.last_scan, made.desired, lines.take()) == (None, None, [])

    space.call(inside)


@pytest.mark.root
def test_a_first_pass_installs_and_a_second_has_nothing_to_do(space):
    def inside():
        with kernel() as table:
            made, lines = reconciler(table)
            made.adopt(WANTED, ())
            made.reconcile()
            assert (made.installed, made.missing, made.rules_missing) == (len(WANTED), 0, 0)
            said = lines.take()
            assert "installing: blackhole 198.18.0.0/16" in said
            assert "installing: rule for IPv6" in said
            made.reconcile()
            assert lines.take() == []
            assert (made.installed, made.restored, made.withdrawn) == (len(WANTED), 0, 0)

    space.call(inside)


@pytest.mark.root
def test_a_restart_finds_everything_right_and_changes_nothing(space):
    def inside():
        with kernel() as table:
            first, _ = reconciler(table)
            first.adopt(WANTED, ())
            first.reconcile()
            table.apply = lambda _plan: pytest.fail("a route was touched")
            table.apply_rules = lambda *_: pytest.fail("a rule was touched")
            second, lines = reconciler(table)
            second.adopt(WANTED, ())
            second.reconcile()
            assert second.kept == len(WANTED)
            assert lines.take() == [f"seen: {len(WANTED)} routes, right as they are"]

    space.call(inside)


@pytest.mark.root
@pytest.mark.parametrize(
    ("harm", "restored"),
    [
        (["route del throw 198.18.1.0/24 table 5354"], 1),
        (["route flush table 5354"], 5),
        (["-6 route flush table 5354"], 4),
        (["rule del pref 5354"], 1),
        (["-6 rule del pref 5354", "rule del pref 5354"], 2),
        (["link set lo down"], 4),
        (["route change unreachable 198.18.0.0/16 proto 177 table 5354"], 1),
    ],
)
def test_what_was_taken_away_is_restored(space, harm, restored):
    def inside():
        with kernel() as table:
            made, lines = reconciler(table)
            made.adopt(WANTED, ())
            made.reconcile()
            lines.take()
            assert made.last_repair is None
            for words in harm:
                ip(words)
            made.reconcile()
            assert (made.restored, made.missing, made.rules_missing) == (restored, 0, 0)
            assert sum(line.startswith("restoring: ") for line in lines.take()) == restored
            assert made.last_repair is not None
            assert made.installed == len(WANTED)

    space.call(inside)


@pytest.mark.root
def test_strangers_are_told_once_and_left_alone(space):
    def inside():
        ip("route add blackhole 198.18.0.0/16 proto static table 5354")
        ip("rule add pref 100 table 5354 protocol static")
        with kernel() as table:
            made, lines = reconciler(table)
            made.adopt(WANTED, ())
            made.reconcile()
            made.reconcile()
            told = [line for line in lines.take() if line.startswith("foreign")]
            assert sorted(told) == [
                "foreign: blackhole 198.18.0.0/16, protocol 4",
                "foreign: rule for IPv4, preference 100, protocol 4",
            ]
            assert made.missing == 1  # its place is taken
            made.adopt({}, ())
            made.reconcile()
            assert ip("route show table 5354").strip() == "blackhole 198.18.0.0/16 proto static"

    space.call(inside)


def test_an_incomplete_dump_changes_nothing():
    class Broken:
        table, protocol = TABLE, 177

        def rules(self):
            return []

        def routes(self, _table, _family):
            raise KernelError("interrupted")

        def apply(self, _plan):
            pytest.fail("planned without a dump")

    made, _ = reconciler(Broken())
    made.adopt({P("198.18.1.0/24"): Kind.BLACKHOLE}, ())
    with pytest.raises(KernelError, match="interrupted"):
        made.reconcile()
    assert made.last_scan is None


MANY = {P(f"198.18.{n}.0/24"): Kind.BLACKHOLE for n in range(0, 100, 2)} | {
    P(f"2001:db8:{n:x}::/48"): Kind.BLACKHOLE for n in range(0, 100, 2)
}
BANNED = dict.fromkeys(MANY, Kind.PROHIBIT)


def ruled(family):
    """Return which tables of ours the rules look up, in their order."""
    lines = ip(f"-{family} rule").splitlines()
    return [int(line.split("lookup ")[1].split()[0]) for line in lines if "535" in line]


@pytest.mark.root
def test_a_change_of_type_fills_the_other_table_and_swaps_the_rule(space):
    def inside():
        with kernel() as table:
            made, lines = reconciler(table)
            made.adopt(MANY, ())
            made.reconcile()
            done = []
            apply = table.apply

            def watched(plan, target=None):
                refused = apply(plan, target)
                done.append((target, [len(table.routes(t)) for t in table.tables], ruled(4)))
                return refused

            table.apply = watched
            lines.take()
            made.adopt(BANNED, ())
            made.reconcile()
            four, *_ = done
            assert four == (5355, [100, 50], [5354])  # filled before a rule leads there
            assert [len(table.routes(t)) for t in table.tables] == [0, 100]
            assert (ruled(4), ruled(6)) == ([5355], [5355])
            assert made.active == {4: 5355, 6: 5355}
            assert (made.swaps, made.missing, made.rules_missing, made.restored) == (2, 0, 0, 0)
            assert "IPv6: table 5355 is in force instead of 5354" in lines.take()
            made.adopt(MANY, ())
            made.reconcile()
            assert (made.active, made.swaps) == ({4: 5354, 6: 5354}, 4)
            assert table.routes(5355) == []

    space.call(inside)


class KilledError(Exception):
    """Stands for kill -9: nothing is done after it."""


@pytest.mark.root
@pytest.mark.parametrize("moment", range(7))
def test_a_swap_that_was_cut_off_at_any_moment_is_tidied_up(space, moment):
    """The moments: before each of the two families' three calls of the kernel, and after all."""

    def inside():
        with kernel() as table:
            made, _ = reconciler(table)
            made.adopt(MANY, ())
            made.reconcile()
            left = iter(range(moment))

            def cut(method):
                def cut_off(*args):
                    if next(left, None) is None:
                        raise KilledError
                    return method(*args)

                return cut_off

            real = table.apply, table.apply_rules
            table.apply, table.apply_rules = cut(table.apply), cut(table.apply_rules)
            made.adopt(BANNED, ())
            try:
                made.reconcile()
            except KilledError:
                assert moment < 6
            else:
                assert moment == 6
            table.apply, table.apply_rules = real
            for wanted in (BANNED, MANY):  # the same list, or the one before, after all
                again, _ = reconciler(table)
                again.adopt(wanted, ())
                again.reconcile()
                assert (again.missing, again.rules_missing) == (0, 0)
                for family in (4, 6):
                    active = again.active[family]
                    assert ruled(family) == [active]
                    held = {r.prefix: r.kind for r in table.routes(active, family)}
                    assert held == {p: k for p, k in wanted.items() if p.family == family}
                    assert table.routes(5354 + 5355 - active, family) == []

    space.call(inside)


@pytest.mark.root
def test_a_rule_that_cannot_be_added_keeps_the_old_table_in_force(space):
    def inside():
        with kernel() as table:
            made, lines = reconciler(table)
            made.adopt(MANY, ())
            made.reconcile()
            lines.take()
            from blockd.routes.kernel import Refusal
            from blockd.routes.model import FibRule

            real = table.apply_rules
            rule = FibRule(4, TABLE, 5355, 177, plain=True)
            table.apply_rules = lambda *_: [Refusal(rule, 12)]
            made.adopt(BANNED, ())
            made.reconcile()
            assert ruled(4) == [5354]
            assert len(table.routes()) == 100
            assert "refused: the rule: Cannot allocate memory" in lines.take()
            table.apply_rules = real
            made.reconcile()
            assert (ruled(4), made.missing, table.routes()) == ([5355], 0, [])

    space.call(inside)


@pytest.mark.root
def test_a_table_that_a_stranger_spoils_while_it_fills_is_not_swapped_to(space):
    def inside():
        with kernel() as table:
            made, lines = reconciler(table)
            made.adopt(MANY, ())
            made.reconcile()
            apply = table.apply

            def spoiled(plan, target=None):
                if target == 5355:
                    table.apply = apply
                    ip("route add throw 198.18.4.0/24 proto static table 5355")
                return apply(plan, target)

            table.apply = spoiled
            lines.take()
            made.adopt(BANNED, ())
            made.reconcile()
            assert ruled(4) == [5354]
            assert "refused: 198.18.4.0/24: File exists" in lines.take()
            made.reconcile()  # in place, then: a stranger's route stays
            assert (made.active, made.missing) == ({4: 5354, 6: 5355}, 0)
            assert {r.kind for r in table.routes(5354, 4)} == {Kind.PROHIBIT}
            assert "throw 198.18.4.0/24 proto static" in ip("route show table 5355")

    space.call(inside)


def heard(table, words):
    """Return what is told about a command of another's."""
    from blockd.routes.events import Events

    listening = Events(TABLE, table.port)
    for each in words:
        ip(each)
    news = listening.read()
    listening.close()
    return news.changes


@pytest.mark.root
@pytest.mark.parametrize(
    ("harm", "restored", "whole"),
    [
        (["route del throw 198.18.1.0/24 table 5354"], 1, True),
        (["route flush table 5354", "-6 route flush table 5354"], 9, True),
        (["route change unreachable 198.18.0.0/16 proto 177 table 5354"], 1, True),
        (["route del 198.18.0.0/16 table 5354",
          "route add blackhole 198.18.0.0/16 proto 177 table 5354"], 0, True),
        # A stranger's, or one of ours that nobody wants: only a scan can tell.
        (["route add blackhole 198.18.9.0/24 proto static table 5354"], 0, False),
        (["route add blackhole 198.18.9.0/24 proto 177 table 5354"], 0, False),
        (["route add blackhole 198.18.9.0/24 proto 177 table 5355"], 0, False),
        (["-6 route add blackhole 2001:db8:9::/48 proto 177 metric 7 table 5354"], 0, False),
        (["route replace blackhole 198.18.0.0/16 proto static table 5354"], 0, False),
    ],
)  # fmt: skip
def test_what_a_notice_says_was_deleted_is_put_back_without_a_scan(space, harm, restored, whole):
    def inside():
        with kernel() as table:
            made, lines = reconciler(table)
            made.adopt(WANTED, ())
            made.reconcile()
            lines.take()
            changes = heard(table, harm)
            scans = made.scans
            assert made.mend(changes) is whole
            assert (made.restored, made.scans) == (restored, scans)
            assert sum(line.startswith("restoring: ") for line in lines.take()) == restored
            if whole:
                made.reconcile()
                assert (made.restored, made.missing, made.installed) == (restored, 0, len(WANTED))
                # Told again, by a notice older than the last scan, it is no news.
                assert made.mend([change for change in changes if change.gone])
                assert made.restored == restored

    space.call(inside)


@pytest.mark.root
@pytest.mark.parametrize("refused", [False, True])
def test_what_is_deleted_while_a_pass_is_on_is_not_left_to_the_next_timer(space, refused):
    """Where something was refused, a second scan sees that one is missing, before the notice."""

    def inside():
        with kernel() as table:
            made, _ = reconciler(table)
            made.adopt(WANTED, ())
            apply = table.apply

            def and_lost(*args):
                done = apply(*args)
                losses.extend(heard(table, ["route del 198.18.0.0/16 table 5354"]))
                table.apply = apply
                install = Install(P("198.18.0.0/16"), Kind.BLACKHOLE, replaces=False)
                return [Refusal(install, errno.ENOMEM)] if refused else done

            losses = []
            table.apply = and_lost
            made.reconcile()
            assert made.missing == refused
            if not made.mend(losses):
                made.reconcile()
            assert made.missing == 0
            assert P("198.18.0.0/16") in {route.prefix for route in table.routes()}

    space.call(inside)


@pytest.mark.root
def test_a_deleted_rule_is_put_back_without_a_scan_of_the_tables(space):
    def inside():
        with kernel() as table:
            made, lines = reconciler(table)
            assert not made.mend_rules()  # nothing is known yet
            made.adopt(MANY, ())
            made.reconcile()
            made.adopt(BANNED, ())
            made.reconcile()
            scans = made.scans
            ip("rule del pref 5354")
            ip("-6 rule del pref 5354")
            lines.take()
            assert made.mend_rules()
            assert (ruled(4), ruled(6), made.restored) == ([5355], [5355], 2)
            assert lines.take() == ["restoring: rule for IPv4", "restoring: rule for IPv6"]
            ip("rule add pref 9 table 5354 protocol 177")
            assert not made.mend_rules()  # ours, but in the wrong place
            assert made.scans == scans
            made.reconcile()
            assert ruled(4) == [5355]
            ip("rule add pref 9 table 5354 protocol static")
            assert not made.mend_rules()  # a stranger's, to be told
            made.reconcile()
            assert made.mend_rules()

    space.call(inside)


@pytest.mark.root
def test_rules_ahead_of_ours_are_told_once_and_shown_while_they_last(space):
    def inside():
        with kernel() as table:
            made, lines = reconciler(table)
            made.adopt(WANTED, ())
            made.reconcile()
            assert made.bypasses == []
            lines.take()
            ip("rule add pref 1000 lookup main")
            ip("-6 rule add pref 1001 l3mdev")
            text = ["rule for IPv4, preference 1000, looks table 254 up for every packet",
                    "rule for IPv6, preference 1001, looks the tables of VRFs up for some packets",
                    ]  # fmt: skip
            for _ in range(2):
                assert made.mend_rules()
                made.reconcile()
                assert [str(each) for each in made.bypasses] == text
            assert lines.take() == [f"bypassed: {each}" for each in text]
            ip("rule del pref 5354")
            assert made.mend_rules()
            assert lines.take() == ["restoring: rule for IPv4"]
            ip("rule del pref 1000")
            made.mend_rules()
            assert [str(each) for each in made.bypasses] == text[1:]

    space.call(inside)
