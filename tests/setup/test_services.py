"""What is enabled, started and restarted, what stands in the way, and what is left alone."""

import pytest

from blockd.setup import layout, record
from blockd.setup.facts import UnitState
from blockd.setup.install import install
from tests.setup.world import Host, carry_out, commands, dnsmasq, written


def test_without_a_list_everything_is_there_and_nothing_runs():
    host = Host()
    plan = carry_out(host)
    assert f"put one into {layout.RULES}" in plan.notes[0]
    assert plan.troubles == ()
    assert not any("enable" in each or "start" in each for each in commands(plan))
    assert not any(state.enabled or state.active for state in host.units.values())
    host.lists = True
    then = carry_out(host)
    assert commands(then)[0] == f"{layout.PROGRAM} check"
    assert commands(then)[2] == "systemctl start blockd.service"
    assert host.unit(layout.RESOLVER).active


def test_a_port_that_another_program_holds_stops_all_starting_and_says_whose_it_is():
    host = Host(lists=True, others=(dnsmasq(),), owners={"dnsmasq (812)": "dnsmasq.service"})
    plan = carry_out(host)
    (trouble,) = plan.troubles
    assert trouble == (
        "UDP 0.0.0.0:53 is taken by dnsmasq (dnsmasq.service): if it serves nothing but DNS,"
        " `systemctl disable --now dnsmasq.service`; if it serves DHCP as well, write `port=0` into"
        " /etc/dnsmasq.conf and restart it; or give [resolver] listen single addresses that it"
        " leaves free"
    )
    assert not any(state.active for state in host.units.values())
    host.others = ()
    assert carry_out(host).troubles == ()
    assert host.unit(layout.RESOLVER).active


def test_all_that_one_program_holds_is_said_at_once():
    host = Host(lists=True, others=(dnsmasq("198.18.0.1"), dnsmasq("198.18.0.2")))
    (trouble,) = install(host.facts()).troubles
    assert trouble.startswith("UDP 198.18.0.1:53, UDP 198.18.0.2:53 are taken by dnsmasq: ")


def test_an_upgrade_brings_new_units_and_restarts_what_runs():
    host = Host(lists=True)
    carry_out(host)
    host.shipped[layout.WEB] += b"# new\n"
    host.given["installed"] = host.now + 1
    host.now += 2
    plan = carry_out(host)
    assert set(written(plan)) == {record.PATH, f"{layout.UNITS}/{layout.WEB}"}
    renewed = f"{layout.COMPILER} {layout.RESOLVER} {layout.ROUTES} {layout.WEB}"
    assert commands(plan) == ["systemctl daemon-reload", f"systemctl restart {renewed}"]
    assert carry_out(host).steps == ()


def test_a_unit_that_was_disabled_since_stays_so():
    host = Host(lists=True)
    carry_out(host)
    host.units[layout.WEB] = UnitState("disabled")
    plan = carry_out(host)
    assert plan.steps == ()
    assert plan.notes == (f"{layout.WEB} was disabled since setup enabled it: left so",)


def test_a_unit_that_is_masked_is_neither_enabled_nor_started():
    host = Host(lists=True, units={layout.WEB: UnitState("masked")})
    carry_out(host)
    assert host.unit(layout.WEB) == UnitState("masked")


def test_a_gateway_that_may_start_without_a_list_does():
    host = Host()
    host.write(layout.CONFIG, b"[service]\nstart_without_list = true\n")
    said = commands(carry_out(host))
    assert f"{layout.PROGRAM} check" not in said
    # The routes wait for a list, and setup does not wait with them.
    assert any(each.startswith("systemctl start --no-block blockd-resolver") for each in said)


def test_a_unit_that_still_starts_is_not_started_again_and_is_spoken_of():
    host = Host(lists=True)
    carry_out(host)
    host.units[layout.ROUTES] = UnitState("enabled", "activating")
    plan = carry_out(host)
    assert plan.steps == ()
    assert plan.notes[0].startswith(f"{layout.ROUTES} is still starting: `systemctl status")


ON_DEMAND = {
    layout.ROUTES: b"[routes]\nenabled = true\n",
    layout.FETCH: b'[[list.source]]\nurl = "https://lists.example/a.txt"\n',
}


@pytest.mark.parametrize(("unit", "content"), ON_DEMAND.items())
def test_units_that_the_configuration_asks_for_are_enabled(unit, content):
    for text, runs in ((content, True), (b"[routes]\nenabled = false\n", False)):
        host = Host(lists=True)
        host.write(layout.CONFIG, text)
        carry_out(host)
        assert host.unit(unit).enabled is runs


def test_lists_with_a_url_are_fetched_before_they_are_checked():
    host = Host(lists=True, given={"unfetched": True})
    host.write(layout.CONFIG, ON_DEMAND[layout.FETCH])
    said = commands(install(host.facts()))
    fetch, check = "systemctl start blockd-fetch.service", f"{layout.PROGRAM} check"
    assert said.index(fetch) + 1 == said.index(check)


def test_where_verify_cannot_ask_its_timer_is_left_out():
    host = Host(lists=True, given={"verifies": False})
    plan = carry_out(host)
    assert not host.unit(layout.VERIFY).enabled
    assert "pip install 'blockd[verify]'" in plan.notes[-1]


def test_nothing_starts_where_that_is_not_wanted():
    plan = install(Host(lists=True).facts(), start=False)
    assert not any("start" in each or "enable" in each for each in commands(plan))
