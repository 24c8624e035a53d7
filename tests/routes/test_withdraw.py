"""Taking everything back: what is ours goes, whatever the configuration says; nothing else does."""

import contextlib
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd.config import RoutesSection
from blockd.errors import KernelError
from blockd.routes.alone import Alone
from blockd.routes.model import FibRule
from blockd.routes.withdraw import pair_of, rules_of_ours
from tests import topology
from tests.routes.test_kernel import ip

DEFAULT = RoutesSection()


@pytest.fixture
def space():
    with topology.namespace() as made:
        yield made


def withdraw(routes=DEFAULT):
    topology.assert_isolated()
    from blockd.routes import withdraw

    return withdraw.withdraw(routes)


def fill(*tables, protocol=177, pref=5354):
    """Put one route a family and table, and a rule for each, in place."""
    for number, table in enumerate(tables):
        for family, prefix in (("-4", f"198.18.{number}.0/28"), ("-6", f"2001:db8:{number}::/48")):
            ip(f"{family} route add blackhole {prefix} proto {protocol} table {table}")
            ip(f"{family} rule add pref {pref + number} table {table} protocol {protocol}")


def held(*words):
    """Return every rule, and every route with a mark, of both families."""
    return [ip(f"{family} {what}") for family in ("-4", "-6") for what in words]


def marked(protocol=177):
    return "".join(held(f"route show table all proto {protocol}", "rule")).count(
        f"proto {protocol}"
    )


@pytest.mark.root
@pytest.mark.parametrize(
    "tables",
    [(5354,), (5355,), (5354, 5355), (99,), (100, 99), (7, 5354)],
    ids=["ours", "the next one", "both", "another", "another pair", "another and ours"],
)
def test_all_that_bears_our_mark_goes_from_the_tables_that_our_rules_name(space, tables):
    def inside():
        before = held("rule")
        fill(*tables)
        gone = withdraw()
        assert gone == (2 * len(tables), 2 * len(tables))
        assert marked() == 0
        assert held("rule") == before
        assert withdraw() == (0, 0)

    space.call(inside)


@pytest.mark.root
def test_the_idle_table_of_a_pair_is_emptied_as_well(space):
    def inside():
        fill(99)
        ip("route add blackhole 198.18.9.0/28 proto 177 table 98")
        ip("route add blackhole 198.18.9.0/28 proto 177 table 100")
        assert withdraw() == (4, 2)
        assert marked() == 0

    space.call(inside)


@pytest.mark.root
def test_what_others_made_stays(space):
    def inside():
        fill(99, protocol=178)
        ip("route add blackhole 198.18.3.0/28 proto static table 5354")
        ip("rule add pref 9 table 5354 protocol static")
        ip("route add blackhole 198.18.4.0/28 proto 177 table 5356")
        ip("route add blackhole 198.18.5.0/28 proto 177")
        ip("rule add pref 10 from 198.18.0.0/24 table 77 protocol 177")
        ip("route add blackhole 198.18.4.0/28 proto 177 table 77")
        before = held("rule", "route show table all")
        fill(5354)
        assert withdraw() == (2, 2)
        assert held("rule", "route show table all") == before

    space.call(inside)


@pytest.mark.root
def test_what_a_running_blockd_keeps_is_not_touched(space):
    def inside():
        fill(5354, 99)
        before = held("rule", "route show table all")
        with contextlib.closing(Alone(5354)), pytest.raises(KernelError, match="another blockd"):
            withdraw()
        assert held("rule", "route show table all") == before
        # Another one with the same mark, in tables that this configuration does not name.
        for pair in ((98, 99), (99, 100)):
            with contextlib.closing(Alone(pair[0])), contextlib.closing(Alone(pair[1])):
                withdraw()
                assert "198.18.1.0/28" in ip("route show table 99")
                assert ip("route show table 5354") == ""
        # A neighbour of a table that nobody keeps belongs to one that runs.
        ip("route add blackhole 198.18.9.0/28 proto 177 table 100")
        with contextlib.closing(Alone(100)), contextlib.closing(Alone(101)):
            assert withdraw() == (2, 2)
        assert "198.18.9.0/28" in ip("route show table 100")

    space.call(inside)


@pytest.mark.root
def test_a_daemon_that_keeps_the_configured_tables_clears_those_of_before(space):
    def inside():
        from blockd.routes.withdraw import leftovers

        fill(5354, 99)
        with contextlib.closing(Alone(5354)), contextlib.closing(Alone(5355)):
            assert leftovers(DEFAULT) == (2, 2)
            assert leftovers(DEFAULT) == (0, 0)
        assert ip("route show table 99") == ""
        assert "198.18.0.0/28" in ip("route show table 5354")
        assert "5354" in ip("rule")

    space.call(inside)


@pytest.mark.root
def test_a_thousand_routes_are_gone_with_their_rules_first(space):
    def inside():
        fill(5354)
        batch = "".join(
            f"route add blackhole 198.19.{n >> 6}.{(n & 63) << 2}/30 proto 177 table 5354\n"
            for n in range(1000)
        )
        subprocess.run(["ip", "-batch", "-"], input=batch, text=True, check=True)
        assert withdraw() == (1002, 2)
        assert marked() == 0

    space.call(inside)


@pytest.mark.root
def test_what_cannot_be_removed_is_an_error_that_names_it(space, monkeypatch):
    def inside():
        from blockd.routes.kernel import Kernel

        fill(5354)
        monkeypatch.setattr(Kernel, "apply", lambda _kernel, plan, _table: list(plan.withdrawals))
        with pytest.raises(KernelError, match="would not remove 2 of our routes") as failed:
            withdraw()
        assert failed.value.exit_status == 4

    space.call(inside)


RULES = st.builds(
    FibRule,
    st.sampled_from([4, 6]),
    st.integers(0, 32767),
    st.sampled_from([0, 98, 99, 252, 253, 254, 255, 5354, 5355]),
    st.sampled_from([0, 2, 177, 178]),
    plain=st.booleans(),
)


@given(st.lists(RULES, max_size=20))
def test_no_table_of_the_kernel_is_ever_taken_for_ours(rules):
    ours = rules_of_ours(rules, 177)
    assert all(rule.protocol == 177 and rule.plain for rule in ours)
    tables = {near for rule in ours for near in pair_of(rule.table)}
    assert not tables & {0, 252, 253, 254, 255}
