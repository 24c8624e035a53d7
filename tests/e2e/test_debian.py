"""The README, step by step, on a fresh Debian: what it shows is typed in, and comes true.

The host is as Debian's installer leaves a server: systemd-resolved holds port 53, and
/etc/resolv.conf leads to it. It stands between a client and an internet. Both ways to install go
through the same story; its end has to leave no trace of its beginning.
"""

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass

import pytest

from tests import debian, nspawn, readme
from tests.browser import browser
from tests.e2e import gateway as gateways
from tests.e2e import host
from tests.e2e.gateway import ADDRESSES, NAME, OPEN
from tests.e2e.internet import ADDRESSES as ELSEWHERE
from tests.e2e.internet import NAME_SERVERS
from tests.e2e.test_units import EMPTY, deletions, table
from tests.e2e.watching import Watching
from tests.topology import GATEWAY_V4

# The first waits for the root, the package and the wheels as well.
pytestmark = [pytest.mark.root, pytest.mark.timeout(300)]

HERE, NEWER = "/root/blockd", "/root/newer"
"""Where the operator has what is installed, and what it is upgraded to."""
HIGHER = "9.0.0"
OFFLINE = ("PIP_NO_INDEX=1", "PIP_FIND_LINKS=/srv/wheels", "PIP_ROOT_USER_ACTION=ignore")
SERVICES = ("blockd", "blockd-resolver", "blockd-routes", "blockd-web")
OTHER = "www.example.org"
FRESH, FRESH_ADDRESS = "www.fresh.test", "198.19.77.1"
LIST = """\
[list]
name = "Fresh"

[[platform]]
id = "p901"
domains = ["fresh.test"]
prefixes = ["198.19.77.0/28"]
"""
BAD = LIST.replace("198.19.77.0/28", "0.0.0.0/0")


@dataclass(frozen=True)
class Way:
    """A way to install: which of the README's commands each step is."""

    install: str
    start: str
    upgrade: str
    purge: str
    version: tuple[str, ...]
    """What prints which version is installed."""


ENVIRONMENT = Way(
    "setup: install", "setup: start", "setup: upgrade", "setup: purge", ("blockd", "--version")
)
PACKAGE = Way(
    "package: install", "package: start", "package: install", "package: purge",
    ("dpkg-query", "--show", "blockd"),
)  # fmt: skip


@pytest.fixture(scope="module")
def package():
    with debian.package() as built:
        yield built


@pytest.fixture(scope="module")
def wheels(package, tmp_path_factory):
    """What pip installs on a host that reaches no index."""
    host._same_python()
    place = tmp_path_factory.mktemp("wheels")
    (wheel,) = package.parent.glob("dist/blockd-*.whl")
    locked = f"--constraint={package.parent}/constraints.txt"
    argv = [sys.executable, "-m", "pip", "wheel", "--quiet", f"--wheel-dir={place}", locked]
    subprocess.run([*argv, f"blockd[verify] @ {wheel.as_uri()}", "hatchling"], check=True)
    return place


@pytest.fixture
def machine(server, net, package, wheels, tmp_path):
    """A host whose operator has two versions of blockd, each as a checkout and as a package."""
    with nspawn.machine(net.gateway, {wheels: "/srv/wheels"}, server) as booted:
        left_out = shutil.ignore_patterns("*.deb", ".*", "build", "dist", "tests")
        for place in (HERE, NEWER):
            shutil.copytree(package.parent, booted.path(place), ignore=left_out)
        project = booted.path(f"{NEWER}/pyproject.toml")
        numbered = re.sub(r"(?m)^version = .*", f'version = "{HIGHER}"', project.read_text())
        project.write_text(numbered)
        shutil.copy(package, booted.path(HERE))
        (tmp_path / "newer").mkdir()
        newer = debian.repacked(package, tmp_path / "newer", f"{HIGHER}-1")
        shutil.copy(newer, booted.path(NEWER))
        servers = f"[Resolve]\nDNS={NAME_SERVERS[0]}\n"
        booted.write("/etc/systemd/resolved.conf.d/servers.conf", servers)
        # logind runs on a server from its boot on; here apt would be the first to start it.
        booted.systemctl("restart", "systemd-resolved", "systemd-logind")
        yield booted
        net.gateway.sysctl("net.ipv4.conf.all.rp_filter=0")


@pytest.mark.parametrize("way", [ENVIRONMENT, PACKAGE], ids=["in an environment", "by apt"])
def test_the_readme_leads_a_fresh_host_all_the_way_and_back(way, machine, net, client, tmp_path):
    before, resolving = debian.snapshot(machine), resolv_conf(machine)
    assert resolving[0].endswith("stub-resolv.conf")
    assert found(machine, NAME) == {ELSEWHERE["A"]}

    typed(machine, way.install, HERE)
    assert not any(running(machine).values())
    taken = typed(machine, way.start, HERE, status=1)
    assert "is taken by systemd-resolved: `blockd setup --resolved`" in taken
    assert (resolv_conf(machine), found(machine, NAME)) == (resolving, {ELSEWHERE["A"]})
    typed(machine, "setup: resolved")
    assert all(running(machine).values())
    enforced(machine, net, client)

    assert [client.blocked(FRESH), client.reached([FRESH_ADDRESS])] == [False, {FRESH_ADDRESS}]
    host.put(machine, "fresh.toml", LIST)
    typed(machine, "operate: reload")
    assert [client.blocked(FRESH), client.reached([FRESH_ADDRESS])] == [True, set()]

    refused(machine, net, client)
    host.put(machine, "fresh.toml", LIST)
    typed(machine, "operate: reload")

    assert typed(machine, "web: ready") == "ok\n"
    with browser(net.gateway, tmp_path / "profile") as page:
        page.open("http://127.0.0.1:9353/")
        assert "generation 2" in page.text
    typed(machine, "operate: look")
    doctored(machine, net)
    assert "p001: 5 added" in typed(machine, "operate: journal")
    typed(machine, "operate: restart")
    enforced(machine, net, client)

    upgraded(machine, net, way)
    typed(machine, "operate: look")
    typed(machine, "operate: stop")
    assert client.reached(ADDRESSES) == ADDRESSES
    with pytest.raises(ConnectionRefusedError):
        client.ask(NAME)
    assert found(machine, OTHER) == set()
    typed(machine, "operate: start")
    enforced(machine, net, client)

    typed(machine, way.purge)
    # Where pip builds, in the operator's own directory, Python keeps what it compiled.
    left = debian.differences(before, debian.snapshot(machine))
    assert {path for path in left if not path.startswith((HERE, NEWER))} == set()
    assert resolv_conf(machine) == resolving
    assert found(machine, NAME) == {ELSEWHERE["A"]}
    assert client.reached(ADDRESSES) == ADDRESSES
    nothing_is_left(machine, net)


def typed(machine, name, place="/root", status=0):
    """Type in what the README shows, and `y` where apt asks; return what is printed.

    Args:
        machine: the host.
        name: of the command, in the README.
        place: the directory that it is typed in.
        status: what it has to end with; None: with any.
    """
    argv = ["env", *OFFLINE, "sh", "-euc", f"cd {place}\n{readme.command(name)}"]
    done = machine.run(*argv, check=False, stdin="y\n", timeout=100)
    said = done.stdout + done.stderr
    assert status in {None, done.returncode}, f"{argv[-1]}status {done.returncode}\n{said}"
    return said


def found(machine, name):
    """Return the addresses that the host's own programs find for a name."""
    lines = machine.run("getent", "ahostsv4", name, check=False).stdout.splitlines()
    return {line.split()[0] for line in lines}


def resolv_conf(machine):
    """Return where it leads, and what it says."""
    said = machine.run("cat", "/etc/resolv.conf").stdout
    return str(machine.path("/etc/resolv.conf").readlink()), said


def running(machine):
    """Return the main process of each service; 0: none."""
    return {unit: host.main_process(machine, f"{unit}.service") for unit in SERVICES}


def enforced(machine, net, client):
    """Fail unless the shipped list is in force, for the client and for the host itself."""
    shown = gateways.dig(net.client, f"@{GATEWAY_V4}", NAME)
    assert "status: NXDOMAIN" in shown
    assert "EDE: 16 (Censored): (p001: " in shown
    assert ELSEWHERE["A"] in gateways.dig(net.client, f"@{GATEWAY_V4}", "+short", OTHER)
    assert client.reached(ADDRESSES) == OPEN
    assert [found(machine, NAME), found(machine, OTHER)] == [set(), {ELSEWHERE["A"]}]


def refused(machine, net, client):
    """Break the list: nothing changes, and wherever one looks the mistake is shown."""
    held = table(net.gateway)
    host.put(machine, "fresh.toml", BAD)
    typed(machine, "operate: reload", status=1)
    assert table(net.gateway) == held
    assert [client.blocked(name) for name in (FRESH, NAME, OTHER)] == [True, True, False]
    looks = readme.command("operate: trouble").splitlines()
    assert len(looks) == 3
    for look in looks:
        said = machine.run("sh", "-c", look, check=False).stdout
        assert re.search(r"fresh\.toml(:7|.* line 7)\b", said), f"{look}\n{said}"


def doctored(machine, net):
    """Have the host examined, and do what it is told to: then no finding is left.

    That nobody sets the clock is found where it is so, and no container can change it.
    """

    def findings():
        lines = typed(machine, "operate: doctor", status=None).splitlines()[:-1]
        return {line.partition(":")[0] for line in lines if not line.startswith(" ")} - {"clock"}

    assert findings() == {"rp_filter"}
    # Only from outside: a container may not write there.
    net.gateway.sysctl("net.ipv4.conf.all.rp_filter=2")
    assert findings() == set()


def upgraded(machine, net, way):
    """Upgrade while a client asks and sends: nothing is lost, nothing let through."""
    old, held = running(machine), table(net.gateway)
    with deletions(net.gateway) as deleted, Watching(net) as watching:
        typed(machine, way.upgrade, NEWER)
    watching.check()
    assert HIGHER in machine.run(*way.version).stdout
    assert [deleted, table(net.gateway)] == [[], held]
    new = running(machine)
    assert all(new[unit] not in {0, old[unit]} for unit in SERVICES)


def nothing_is_left(machine, net):
    assert table(net.gateway) == EMPTY
    assert "blockd" not in machine.run("getent", "passwd").stdout
    assert "blockd" not in machine.run("getent", "group").stdout
    assert machine.run("dpkg-query", "--status", "blockd", check=False).returncode == 1
    units = ("--no-legend", "blockd.*", "blockd-*")
    assert machine.systemctl("list-units", "--all", *units) == ""
    assert machine.systemctl("list-unit-files", *units, check=False) == ""
    assert machine.run("pgrep", "--full", "/opt/blockd/", check=False).stdout == ""
