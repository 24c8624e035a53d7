"""The plan from a fresh host to a running gateway: what it does, in which order, and once alone."""

import subprocess

import hypothesis
import pytest
from hypothesis import strategies

from blockd import config as configuration
from blockd.config import Config
from blockd.errors import UsageError
from blockd.setup import layout, record, sockets
from blockd.setup.facts import UnitState
from blockd.setup.install import install
from blockd.setup.layout import OLD
from blockd.setup.removal import removal
from blockd.setup.steps import Kind, Node
from tests.setup.world import (
    SHIPPED,
    Host,
    carry_out,
    commands,
    configured,
    own_resolv_conf,
    packaged,
    with_configuration,
    written,
)  # fmt: skip

SERVICE = f"{layout.UNITS}/{layout.COMPILER}"


SOCKET_DROP_IN = layout.drop_in(layout.SOCKET, sockets.DROP_IN)


PLACEHOLDER = b"# blockd's configuration. Every key has a default; see the README.\n"


HOSTS = {
    "a host without a list": Host,
    "a host with a list": lambda: Host(lists=True),
    "a host with systemd-resolved": lambda: Host.with_resolved(lists=True),
    "a host with a resolv.conf of its own": own_resolv_conf,
    "a host that is not booted": lambda: Host(lists=True, given={"booted": False}),
    "a package's host": lambda: packaged(lists=True),
    "a host with networkd": lambda: Host(lists=True, given={"networkd": True}),
    "a host with an operator's configuration": lambda: with_configuration(configured("0.0.0.0:53")),
    "a host with one line of configuration": lambda: with_configuration(PLACEHOLDER),
}


hosts = pytest.mark.parametrize("make", HOSTS.values(), ids=HOSTS.keys())


@hosts
def test_a_second_run_has_nothing_to_do(make):
    host = make()
    carry_out(host, consent=True)
    assert install(host.facts(), consent=True).steps == ()
    assert install(host.facts()).steps == ()


@hosts
def test_a_run_that_is_cut_off_anywhere_is_taken_up_by_the_next(make):
    whole = make()
    steps = carry_out(whole, consent=True).steps
    for done in range(len(steps)):
        host = make()
        host.perform(steps[:done])
        carry_out(host, consent=True)
        assert host.tree == whole.tree, done
        assert {n: u._replace(started=0) for n, u in host.units.items()} == {
            n: u._replace(started=0) for n, u in whole.units.items()
        }
        assert install(host.facts()).steps == (), done


@hosts
@pytest.mark.parametrize("purge", [False, True])
def test_what_was_begun_can_be_taken_back_at_any_point(make, purge):
    before = make()
    steps = install(before.facts(), consent=True).steps
    for done in range(len(steps) + 1):
        host = make()
        host.perform(steps[:done])
        host.perform(removal(host.facts(), purge=purge).steps)
        assert removal(host.facts(), purge=purge).steps == (), done
        kept = {
            path
            for path in host.tree
            if path.startswith(("/etc/blockd", layout.STATE)) and not purge
        }
        left = {path: node for path, node in host.tree.items() if path not in kept}
        own = {p for p in before.tree if p.startswith("/etc/blockd")}
        if not before.facts().packaged:
            assert left == {p: n for p, n in before.tree.items() if p not in kept | own}, done
            assert purge is False or host.users == set()
        assert host.others == before.others


def test_the_configuration_is_the_example_and_an_operators_own_is_never_touched():
    host = Host()
    carry_out(host)
    assert host.config() == Config()
    host.write(layout.CONFIG, b"[resolver]\nttl = 5\n")
    assert layout.CONFIG not in written(carry_out(host))
    assert host.config().resolver.ttl == 5


LISTENS = {
    "other addresses": configured("198.18.0.1:53", "127.0.0.1:5353"),
    "TLS too": b'[resolver]\nlisten_tls = ["0.0.0.0:853"]\ncertificate = "c"\nkey = "k"\n',
}


@pytest.mark.parametrize("content", LISTENS.values(), ids=LISTENS.keys())
def test_the_socket_follows_a_change_of_where_to_listen_and_back(content):
    host = Host(lists=True)
    carry_out(host)
    example = host.tree[layout.CONFIG].content
    assert SOCKET_DROP_IN not in host.tree
    for text, overridden in ((content, True), (example, False)):
        host.write(layout.CONFIG, text)
        plan = carry_out(host)
        assert (SOCKET_DROP_IN in host.tree) is overridden
        assert "systemctl restart blockd-resolver.socket blockd-resolver.service" in commands(plan)
        assert {(each.address, each.port) for each in host.bound} == {
            (each.address, each.port)
            for each in (*host.config().resolver.listen, *host.config().resolver.listen_tls)
        }
        assert carry_out(host).steps == ()


def test_a_drop_in_of_the_operators_own_decides_where_the_socket_listens():
    mine = {layout.SOCKET: ("[Socket]\nListenStream=\nListenStream=198.18.0.1:53\n",)}
    host = Host(given={"drop_ins": mine})
    host.write(layout.CONFIG, configured("0.0.0.0:53"))
    plan = carry_out(host)
    assert SOCKET_DROP_IN not in host.tree
    assert "a drop-in of your own" in plan.notes[-1]


def test_a_unit_that_was_changed_by_hand_is_refused_and_by_force_set_aside():
    host = Host(lists=True)
    carry_out(host)
    host.write(SERVICE, b"[Service]\nNice=0\n")
    with pytest.raises(UsageError, match=f"{SERVICE}: not as setup wrote it; nothing was changed"):
        install(host.facts())
    plan = carry_out(host, force=True)
    assert host.tree[SERVICE].content == SHIPPED[layout.COMPILER]
    assert host.tree[SERVICE + OLD].content == b"[Service]\nNice=0\n"
    assert "systemctl restart blockd.service" in commands(plan)
    assert carry_out(host).steps == ()


def test_what_an_earlier_version_installed_and_this_one_does_not_goes():
    host = Host()
    host.shipped["blockd-past.service"] = b"[Service]\n"
    carry_out(host)
    del host.shipped["blockd-past.service"]
    carry_out(host)
    assert f"{layout.UNITS}/blockd-past.service" not in host.tree


def test_units_start_the_program_from_where_it_is():
    program = "/opt/pipx/venvs/blockd/bin/blockd"
    host = Host(given={"program": program})
    carry_out(host)
    text = host.tree[SERVICE].content.decode()
    assert f"ExecStart={program} watch" in text
    assert layout.PROGRAM not in text
    assert host.tree[layout.LINK] == Node(Kind.LINK, program.encode())


def test_a_program_out_of_reach_is_refused_before_anything_changes():
    host = Host(given={"obstacle": "it is in /root"})
    with pytest.raises(UsageError, match="it is in /root"):
        install(host.facts())


def test_a_packages_units_users_and_link_are_left_to_it():
    host = packaged(lists=True)
    plan = carry_out(host)
    assert set(written(plan)) == {record.PATH, layout.CONFIG}
    assert layout.LINK not in host.tree
    assert host.unit(layout.RESOLVER).active


def test_networkd_gets_its_drop_in_only_where_it_is_and_is_not_restarted():
    host = Host(lists=True, units={"systemd-networkd.service": UnitState("enabled", "active")})
    host.given["networkd"] = True
    plan = carry_out(host)
    assert f"/usr/lib/systemd/{layout.NETWORKD}" in host.tree
    assert any("`systemctl restart systemd-networkd`" in note for note in plan.notes)
    assert not any("networkd" in each for each in commands(plan))
    assert f"/usr/lib/systemd/{layout.NETWORKD}" not in written(install(Host().facts()))


def test_the_script_of_a_plan_is_one_that_a_shell_takes(tmp_path):

    plan = install(Host.with_resolved(lists=True).facts(), consent=True)
    path = tmp_path / "script"
    path.write_text(plan.script())
    assert subprocess.run(["sh", "-n", str(path)], check=False).returncode == 0


@hypothesis.settings(max_examples=60, deadline=None)
@hypothesis.given(
    strategies.lists(
        strategies.sampled_from(
            ["install", "consent", "list", "remove", "purge", "listen", "upgrade", "crash"]
        ),
        max_size=8,
    ),
    strategies.integers(0, 40),
)
def test_whatever_happens_in_whatever_order_a_run_leaves_nothing_to_do(happens, cut):
    host = Host.with_resolved()
    before = {**host.tree}
    for each in happens:
        match each:
            case "install" | "consent":
                host.perform(install(host.facts(), consent=each == "consent").steps)
            case "crash":
                host.perform(install(host.facts(), consent=True).steps[:cut])
            case "remove" | "purge":
                host.perform(removal(host.facts(), purge=each == "purge").steps)
            case "list":
                host.lists = True
            case "listen":
                host.write(layout.CONFIG, configured("127.0.0.1:5353"))
            case "upgrade":
                host.shipped[layout.WEB] += b"# another\n"
                host.given["installed"] = host.now + 0.5
        assert host.resolves()
    carry_out(host, consent=True)
    assert install(host.facts()).steps == ()
    configuration.parse(host.tree[layout.CONFIG].content.decode(), "")
    host.perform(removal(host.facts(), purge=True).steps)
    assert host.tree == before


def test_the_link_follows_a_program_that_was_moved():
    host = Host(lists=True, given={"program": "/opt/pipx/bin/blockd"})
    carry_out(host)
    host.given["program"] = layout.PROGRAM
    carry_out(host)
    assert host.tree[layout.LINK] == Node(Kind.LINK, layout.PROGRAM.encode())
    assert carry_out(host).steps == ()


@pytest.mark.parametrize("plan_of", [install, removal])
def test_what_a_killed_run_left_half_written_goes(plan_of):
    host = Host(lists=True)
    carry_out(host)
    left = f"{layout.UNITS}/{layout.BESIDE}abc"
    host.write(f"{left}/blockd.service", b"half")
    host.perform(plan_of(host.facts()).steps)
    assert not [each for each in host.tree if layout.BESIDE in each]
