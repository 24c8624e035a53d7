"""Taking back: what others have changed since is kept or said, and what a package brought stays."""

import pytest

from blockd.config import Config
from blockd.setup import layout, nameservice
from blockd.setup.facts import UnitState
from blockd.setup.install import install
from blockd.setup.layout import OLD
from blockd.setup.removal import removal
from blockd.setup.steps import Kind, Node
from tests.setup.world import STUB_LINK, Host, commands, packaged

SERVICE = f"{layout.UNITS}/{layout.COMPILER}"


@pytest.fixture
def running():
    host = Host.with_resolved(lists=True)
    host.perform(install(host.facts(), consent=True).steps)
    assert host.unit(layout.RESOLVER).active
    return host


def take_back(host, **options):
    plan = removal(host.facts(), **options)
    host.perform(plan.steps)
    return plan


def test_services_end_and_routes_go_before_anything_of_them_is_removed():
    host = Host(lists=True)
    host.perform(install(host.facts()).steps)
    said = [step.said for step in removal(host.facts()).steps]
    assert said[0].startswith("systemctl disable --now blockd-resolver.service blockd-resolver.so")
    assert said[1] == f"{layout.PROGRAM} route --withdraw"
    assert not any(each.startswith("remove") for each in said[:2])


def test_the_port_is_free_before_resolved_takes_it_and_resolv_conf_is_as_it_was(running):
    for step in removal(running.facts()).steps:
        running.perform([step])
        assert running.resolves(), step.said
    assert running.tree[nameservice.RESOLV_CONF] == STUB_LINK
    assert nameservice.DROP_IN not in running.tree
    assert running.resolves()


def test_a_resolv_conf_that_was_changed_since_stays(running):
    mine = Node(Kind.FILE, b"nameserver 198.18.0.99\n")
    running.write(nameservice.RESOLV_CONF, node=mine)
    plan = take_back(running)
    assert running.tree[nameservice.RESOLV_CONF] == mine
    assert plan.notes[0] == "/etc/resolv.conf stays: it is not as setup wrote it"
    assert nameservice.KEPT not in running.tree


def test_a_unit_that_was_changed_by_hand_is_kept_under_another_name_until_purged(running):
    running.write(SERVICE, b"[Service]\nNice=0\n")
    plan = take_back(running)
    assert running.tree[SERVICE + OLD].content == b"[Service]\nNice=0\n"
    assert any(f"is kept as {SERVICE + OLD}" in note for note in plan.notes)


def test_an_operators_configuration_and_lists_and_the_state_stay_until_purged(running):
    running.write(layout.CONFIG, b"[resolver]\nttl = 5\n")
    running.write(f"{layout.RULES}/a.toml", b"")
    plan = take_back(running)
    for path in (layout.CONFIG, layout.RULES, layout.STATE):
        assert path in running.tree
        assert any(path in note for note in plan.notes)
    assert "blockd" in running.users
    then = take_back(running, purge=True)
    assert "userdel blockd" in commands(then)
    left = [each for each in running.tree if "blockd" in each]
    assert left == []


def test_a_configuration_that_nobody_touched_goes(running):
    take_back(running)
    assert layout.CONFIG not in running.tree
    assert running.config() == Config()


def test_units_that_failed_are_forgotten_too(running):
    running.units[layout.WEB] = UnitState("enabled", "failed")
    assert f"systemctl reset-failed {layout.WEB}" in commands(removal(running.facts()))


def test_of_a_package_nothing_is_removed_but_what_setup_added():
    host = packaged(lists=True)
    before = {**host.tree}
    host.perform(install(host.facts()).steps)
    plan = removal(host.facts(), purge=True)
    assert "`apt-get purge blockd`" in plan.notes[0]
    host.units = {name: state for name, state in host.units.items() if state.file}
    host.perform(plan.steps)
    assert {**before, layout.CONFIG: 0} == {
        **{path: node for path, node in host.tree.items() if "/var/lib/blockd" not in path},
        layout.CONFIG: 0,
    }
    assert host.users == {"blockd"}
    assert not any(state.active for state in host.units.values())


def test_where_nothing_is_there_is_nothing_to_do():
    assert removal(Host().facts(), purge=True) == ((), (), (), "")


ELSEWHERE = b'[service]\nstate = "/srv/state"\n[fetch]\nspool = "/srv/spool/"\n'


def test_state_and_spool_elsewhere_stay_with_their_users_until_they_are_removed(running):
    running.write(layout.CONFIG, ELSEWHERE)
    running.write("/srv/state/current")
    running.write("/srv/spool", node=Node(Kind.DIRECTORY))
    assert "/srv/state and /srv/spool yourself" in take_back(running).notes[-2]
    plan = take_back(running, purge=True)
    assert plan.notes[0] == (
        "kept: /srv/state, /srv/spool, /etc/blockd/blockd.toml, and the users, who own /srv/state"
        " and /srv/spool; remove /srv/state and /srv/spool yourself, which the configuration"
        " names, then run the same again"
    )
    assert "/srv/state/current" in running.tree
    assert "blockd" in running.users
    for path in [each for each in running.tree if each.startswith("/srv")]:
        del running.tree[path]
    then = take_back(running, purge=True)
    assert "userdel blockd" in commands(then)
    assert layout.CONFIG not in running.tree


def test_a_link_on_the_path_goes_though_another_program_runs_this():
    host = Host(lists=True, given={"program": "/opt/pipx/bin/blockd"})
    host.perform(install(host.facts()).steps)
    host.given["program"] = layout.PROGRAM
    take_back(host)
    assert layout.LINK not in host.tree
