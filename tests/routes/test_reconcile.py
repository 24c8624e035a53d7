"""Passes against the real kernel: everything that was taken away comes back, once and told."""

import itertools
import logging

import pytest

from blockd import prefixes
from blockd.errors import KernelError
from blockd.routes.journal import Journal
from blockd.routes.plan import Kind
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

        def routes(self):
            raise KernelError("interrupted")

        def apply(self, _plan):
            pytest.fail("planned without a dump")

    made, _ = reconciler(Broken())
    made.adopt({P("198.18.1.0/24"): Kind.BLACKHOLE}, ())
    with pytest.raises(KernelError, match="interrupted"):
        made.reconcile()
    assert made.last_scan is None


def test_the_journal_never_floods():
    log, lines = logger()
    now = [0.0]
    journal = Journal(log, lambda: now[0], lines=3, period=10)
    journal.tell("installing", range(1000))
    assert lines.take() == [
        "installing: 0",
        "installing: 1",
        "installing: 2",
        "installing: 997 more",
    ]
    journal.tell("installing", range(1000))
    assert lines.take() == []
    journal.tell("withdrawing", [7])
    now[0] = 11
    journal.tell("installing", [1])
    assert lines.take() == ["withdrawing: 7", "installing: 1"]
