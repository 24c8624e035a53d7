"""Showing a plan and withdrawing everything, without a daemon."""

from datetime import UTC, datetime

import msgspec
import pytest

from blockd.config import Config, ListSection, Network, RoutesSection
from blockd.errors import KernelError
from blockd.policy import publish
from blockd.policy.store import Store
from tests import topology
from tests.cli.program import RULES
from tests.routes.test_kernel import ip

pytestmark = pytest.mark.root


@pytest.fixture
def space():
    with topology.namespace() as made:
        yield made


@pytest.fixture
def config(tmp_path):
    rules = tmp_path / "rules.toml"
    rules.write_text(RULES)
    made = Config(list=ListSection(paths=(str(rules),)))
    publish.publish(Store(tmp_path), made, datetime.now(UTC))
    return made


@pytest.fixture
def policy(tmp_path, config):  # noqa: ARG001 - published first
    opened = Store(tmp_path).open()
    yield opened
    opened.close()


def plan_now(config, policy):
    topology.assert_isolated()
    from blockd.routes import once

    return once.plan_now(config, policy)


def withdraw(config):
    topology.assert_isolated()
    from blockd.routes import once

    return once.withdraw(config)


def install(planned):
    for family, text in (("-4", planned.batch_v4), ("-6", planned.batch_v6)):
        for line in text.splitlines():
            ip(f"{family} {line}")


def shown(planned):
    return [(row.verb, row.what) for row in planned.rows]


def test_what_is_planned_and_carried_out_is_found_right_and_withdrawn(space, config, policy):
    def inside():
        planned = plan_now(config, policy)
        assert shown(planned) == [
            ("install", "blackhole 2001:db8:1::/48"),
            ("install", "throw 198.18.1.8/32"),
            ("install", "blackhole 198.18.1.0/28"),
            ("install", "rule for IPv4"),
            ("install", "rule for IPv6"),
        ]
        assert ip("route show table all proto 177") == ""
        install(planned)
        again = plan_now(config, policy)
        assert shown(again) == [("keep", "3 routes")]
        assert (again.batch_v4, again.batch_v6) == ("", "")
        assert withdraw(config) == 3
        assert withdraw(config) == 0
        assert "5354" not in ip("rule") + ip("-6 rule")
        assert shown(plan_now(config, policy)) == shown(planned)

    space.call(inside)


def test_both_tables_are_emptied_and_strangers_left(space, config):
    def inside():
        ip("route add blackhole 198.18.1.0/28 proto 177 table 5354")
        ip("route add blackhole 198.18.2.0/28 proto 177 table 5355")
        ip("rule add pref 5354 table 5354 protocol 177")
        ip("rule add pref 5353 table 5355 protocol 177")
        ip("route add blackhole 198.18.3.0/28 proto static table 5354")
        ip("rule add pref 9 table 5354 protocol static")
        ip("route add blackhole 198.18.4.0/28 proto 177 table 5356")
        assert withdraw(config) == 2
        assert ip("route show table 5354").split()[1] == "198.18.3.0/28"
        assert "198.18.4.0/28" in ip("route show table 5356")
        assert [line.split(":")[0] for line in ip("rule").splitlines() if "5354" in line] == ["9"]

    space.call(inside)


def test_the_configuration_decides_table_rule_mark_and_kind(space, config, policy):
    routes = RoutesSection(table=99, preference=77, protocol=200, type="prohibit")
    other = msgspec.structs.replace(config, routes=routes)

    def inside():
        install(plan_now(other, policy))
        assert "prohibit 198.18.1.0/28 proto 200" in ip("route show table 99")
        assert "77:\tfrom all lookup 99 proto 200" in ip("rule")
        assert withdraw(config) == 0
        assert withdraw(other) == 3

    space.call(inside)


def test_what_must_stay_reachable_is_cut_out(space, config, policy, monkeypatch, tmp_path):
    resolv_conf = tmp_path / "resolv.conf"
    resolv_conf.write_text("nameserver 198.18.1.1\n")
    protecting = msgspec.structs.replace(
        config, routes=RoutesSection(protect=(Network.parse("2001:db8::/32"),))
    )

    def inside():
        from blockd.routes import once

        monkeypatch.setattr(once, "_RESOLV_CONF", resolv_conf)
        ip("addr add 198.18.1.12/30 dev lo")
        notes = {row.note for row in plan_now(protecting, policy).rows if row.verb == "cut"}
        assert notes == {
            "hole for upstream resolver 198.18.1.1/32",
            "hole for connected network 198.18.1.12/30",
            "hole for address of this host 198.18.1.12/32",
            "not installed: inside protected by [routes] protect 2001:db8::/32",
        }
        resolv_conf.unlink()
        notes = {row.note for row in plan_now(config, policy).rows if row.verb == "cut"}
        assert not any("upstream" in note for note in notes)

    space.call(inside)


def test_what_cannot_be_removed_is_an_error_that_names_it(space, config, monkeypatch):
    def inside():
        from blockd.routes.kernel import Kernel

        ip("route add blackhole 198.18.1.0/28 proto 177 table 5354")
        monkeypatch.setattr(Kernel, "apply", lambda _self, plan: list(plan.withdrawals))
        with pytest.raises(KernelError, match="would not remove 1 of our routes") as failed:
            withdraw(config)
        assert failed.value.exit_status == 4

    space.call(inside)
