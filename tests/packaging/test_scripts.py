"""The package on a small Debian under a real systemd: installed, upgraded, removed, purged.

The gateway is a container with a fresh root in the namespace between a client's and an
internet's, as in tests/e2e. The tests go the way of an operator, in their order.
"""

import pytest

from blockd.setup import record
from tests import debian, nspawn
from tests.e2e import gateway as gateways
from tests.e2e.gateway import ADDRESSES, NAME, OPEN, TABLE, until
from tests.e2e.internet import NAME_SERVERS
from tests.e2e.test_units import deletions
from tests.e2e.watching import Watching

# The first waits for the root and the package as well.
pytestmark = [pytest.mark.root, pytest.mark.timeout(300)]

ROUTES, RESOLVER = "blockd-routes.service", "blockd-resolver.service"
SOCKET = "blockd-resolver.socket"
WEB = "blockd-web.service"
DAEMONS = ("blockd.service", ROUTES, RESOLVER, WEB)
ENTERED = "ActiveEnterTimestampMonotonic"
CONFIG = "/etc/blockd/blockd.toml"
UPSTREAMS = f'[resolver]\nupstreams = ["{NAME_SERVERS[0]}"]\n'
RECORD = "/etc/blockd/setup.json"
STATE = "/var/lib/blockd"


@pytest.fixture(scope="module")
def root():
    with debian.root() as made:
        yield made


@pytest.fixture(scope="module")
def net():
    debian.require()
    with gateways.internet() as made:
        yield made


@pytest.fixture(scope="module")
def client(net):
    made = gateways.Client(net.client)
    yield made
    made.close()


@pytest.fixture(scope="module")
def fresh(root, net):
    """A host on which blockd never was, and what its disk holds."""
    with nspawn.machine(net.gateway, lower=root) as machine:
        yield machine, debian.snapshot(machine)


@pytest.fixture(scope="module")
def installed(fresh, package):
    machine, _ = fresh
    debian.install(machine, package)
    return machine


@pytest.fixture(scope="module")
def enforcing(installed, client):
    """The host with a list in force."""
    installed.write(CONFIG, UPSTREAMS)
    for name, text in gateways.shipped().items():
        installed.write(f"/etc/blockd/rules.d/{name}", text)
    installed.run("blockd", "setup")
    until(client.finds_in_force, "the list in force")
    return installed


def main_processes(machine):
    return {unit: machine.show(unit, "MainPID") for unit in DAEMONS}


def table(net):
    return [net.gateway.ip(f"{family} route show table {TABLE}") for family in ("-4", "-6")]


def version(machine):
    argv = ["dpkg-query", "--show", "--showformat=${Version} ${db:Status-Status}", "blockd"]
    return machine.run(*argv, check=False).stdout


def generation(machine):
    return machine.path(f"{STATE}/current").readlink()


def test_a_program_that_the_package_did_not_install_is_not_mixed_with_it(root, net, package):
    with nspawn.machine(net.gateway, lower=root) as machine:
        machine.write("/opt/blockd/pyvenv.cfg", "home = /usr/bin\n")
        said = debian.install(machine, package, check=False)
        assert "this package did not install" in said
        assert version(machine).endswith("not-installed")
        assert [each.name for each in machine.path("/opt/blockd").iterdir()] == ["pyvenv.cfg"]

        # One that runs from elsewhere is known by its units.
        machine.path("/opt/blockd/pyvenv.cfg").unlink()
        unit = "/etc/systemd/system/blockd.service"
        machine.write(unit, "[Service]\nExecStart=/opt/pipx/venvs/blockd/bin/blockd watch\n")
        machine.write(RECORD, record.write(record.Record(written={unit: ("x",)})).decode())
        said = debian.install(machine, package, check=False)
        assert f"{unit} is that of a blockd that this package did not" in said
        assert version(machine).endswith("not-installed")


def test_an_installation_starts_nothing_and_changes_nothing_of_the_hosts(installed, fresh):
    _, before = fresh
    after = debian.snapshot(installed)
    own = ("/opt/blockd", "/usr/share/", "/usr/lib/", "/usr/bin/blockd", "/etc/blockd",
           "/run/blockd", "/var/spool/blockd")  # fmt: skip
    users = {"/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow"}
    changed = debian.differences(before, after)
    assert {path for path in changed - users if not path.startswith(own)} == set()
    for unit in (*DAEMONS, SOCKET):
        assert installed.show(unit, "ActiveState") == "inactive"
        assert installed.show(unit, "UnitFileState") == "disabled"
    assert "there is no list" in installed.run("blockd", "setup").stderr
    # All that was imported then had been compiled when the package was installed.
    assert {*debian.snapshot(installed)} - {*after} == {RECORD}


def test_an_upgrade_does_not_wait_for_a_daemon_that_waits_for_its_list(installed, package):
    installed.systemctl("start", "--no-block", ROUTES)
    until(lambda: installed.show(ROUTES, "MainPID") != "0", "the route daemon")
    before = installed.show(ROUTES, "MainPID")
    debian.install(installed, package, "--reinstall")
    assert installed.show(ROUTES, "ActiveState") == "activating"
    assert installed.show(ROUTES, "MainPID") not in {"0", before}
    installed.systemctl("stop", ROUTES, "blockd.service")


@pytest.mark.usefixtures("enforcing")
def test_setup_puts_it_to_work(client):
    assert client.blocked(NAME)
    assert not client.blocked("www.unlisted.test")
    assert client.reached(ADDRESSES) == OPEN


@pytest.fixture(scope="module")
def newer(package, tmp_path_factory):
    place = tmp_path_factory.mktemp("newer")
    return debian.repacked(package, place, "9.0.0-1")


@pytest.mark.parametrize("other", ["newer", "package"], ids=["an upgrade", "a downgrade"])
def test_another_version_loses_no_query_and_no_route(other, enforcing, net, request):
    built = request.getfixturevalue(other)
    before, held, number = main_processes(enforcing), table(net), generation(enforcing)
    opened = enforcing.show(SOCKET, ENTERED)
    with deletions(net.gateway) as deleted, Watching(net) as watching:
        said = debian.install(enforcing, built, "--allow-downgrades")
    watching.check()
    assert f"Setting up blockd ({version(enforcing).split()[0]})" in said
    assert "does not run the new version" not in said
    assert deleted == []
    assert table(net) == held
    assert generation(enforcing) == number
    after = main_processes(enforcing)
    assert all(after[unit] not in {"0", before[unit]} for unit in DAEMONS)
    assert enforcing.show(SOCKET, ENTERED) == opened
    entered = {unit: int(enforcing.show(unit, ENTERED)) for unit in DAEMONS}
    assert min(entered, key=entered.get) == "blockd.service"


def test_an_upgrade_starts_nothing_that_was_stopped_and_obeys_policy_rc_d(enforcing, newer):
    enforcing.systemctl("stop", WEB)
    before = main_processes(enforcing)
    enforcing.write("/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", mode=0o755)
    debian.install(enforcing, newer)
    enforcing.path("/usr/sbin/policy-rc.d").unlink()
    assert main_processes(enforcing) == before


def test_a_version_that_listens_elsewhere_opens_the_sockets_anew(
    enforcing, package, client, tmp_path
):
    def change(tree):
        unit = tree / "usr/lib/systemd/system" / SOCKET
        more = "ListenDatagram=127.0.0.1:5354\nListenStream=127.0.0.1:5354\n"
        unit.write_text(unit.read_text().replace("[Socket]\n", f"[Socket]\n{more}"))

    listen = '["0.0.0.0:53", "[::]:53", "127.0.0.1:5354"]'
    enforcing.write(CONFIG, f"{UPSTREAMS}listen = {listen}\n")
    debian.install(enforcing, debian.repacked(package, tmp_path, "9.0.1-1", change))
    assert "127.0.0.1:5354" in enforcing.run("ss", "--listening", "--udp", "--numeric").stdout
    until(client.finds_in_force, "in force on the new sockets")
    assert enforcing.show(WEB, "ActiveState") == "inactive"
    enforcing.write(CONFIG, UPSTREAMS)


def test_a_removal_that_could_not_give_the_host_back_changes_nothing(enforcing, client):
    before = main_processes(enforcing)
    kept = enforcing.path(RECORD).read_text()
    enforcing.write(RECORD, "not what setup wrote")
    said = debian.apt(enforcing, "remove", "blockd", check=False)
    assert "move\n/etc/blockd/setup.json away" in said
    assert client.finds_in_force()
    assert main_processes(enforcing) == before
    enforcing.write(RECORD, kept)


def test_a_removal_withdraws_and_keeps_what_the_next_installation_goes_on_with(
    enforcing, package, client, net
):
    number = generation(enforcing)
    debian.apt(enforcing, "remove", "blockd")
    assert version(enforcing) == "9.0.1-1 config-files"
    assert table(net) == ["", ""]
    assert client.reached(ADDRESSES) == ADDRESSES
    assert enforcing.systemctl("list-units", "--all", "--no-legend", "blockd*") == ""
    assert not enforcing.path("/opt/blockd").exists()
    assert not [*enforcing.path("/etc/systemd/system").rglob("*blockd*")]
    assert generation(enforcing) == number

    debian.install(enforcing, package, "--allow-downgrades")
    assert enforcing.show(RESOLVER, "ActiveState") == "inactive"
    enforcing.run("blockd", "setup")
    until(client.finds_in_force, "the list in force again")
    assert generation(enforcing) == number


def test_a_purge_leaves_the_host_as_it_was_before(enforcing, fresh, net):
    _, before = fresh
    foreign = "/etc/systemd/system/blockd-backup.service.d/mine.conf"
    enforcing.write(foreign, "[Unit]\n")
    debian.apt(enforcing, "purge", "blockd")
    enforcing.path(foreign).unlink()
    enforcing.path(foreign).parent.rmdir()
    assert debian.differences(before, debian.snapshot(enforcing)) == set()
    assert table(net) == ["", ""]
    assert "blockd" not in net.gateway.run("ss", "-lntup").stdout
