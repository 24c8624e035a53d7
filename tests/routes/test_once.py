"""Showing a plan and withdrawing everything, without a daemon."""

from datetime import UTC, datetime

import msgspec
import pytest

from blockd.config import Config, ListSection, Network, RoutesSection
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
    from blockd.routes import withdraw

    return withdraw.withdraw(config.routes).routes


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
            ("install", "throw 198.18.1.8/32"),
            ("install", "blackhole 198.18.1.0/28"),
            ("install", "blackhole 2001:db8:1::/48"),
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
    stub = tmp_path / "stub.conf"  # as systemd-resolved leaves it
    stub.write_text("nameserver 127.0.0.53")
    protecting = msgspec.structs.replace(
        config, routes=RoutesSection(protect=(Network.parse("2001:db8::/32"),))
    )

    def inside():
        from blockd.routes import once

        monkeypatch.setattr(once, "_RESOLV_CONFS", (stub, resolv_conf))
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
