"""`blockd setup` on a real host: what it makes runs, and what it takes back leaves no trace."""

import contextlib
import re
import stat
from pathlib import Path

import dns.rcode
import pytest

from tests import readme
from tests.e2e import gateway as gateways
from tests.e2e import host
from tests.e2e.gateway import ADDRESSES, NAME, OPEN, TABLE, exchanged, socket_in, until
from tests.e2e.host import PROGRAM
from tests.e2e.internet import NAME_SERVERS
from tests.resolver import messages
from tests.topology import GATEWAY_V4

LOOKED_AT = ("etc", "usr", "var", "opt")
PASSING = re.compile(
    # Of the users' files, programs keep backups and a lock; systemd its own state; temporary files.
    r"etc/(passwd|group|shadow|gshadow|subuid|subgid)-|etc/\.pwd\.lock|etc/machine-id"
    r"|var/(log|tmp|cache)/.*|var/lib/(systemd|dbus)/.*|.*/__pycache__(/.*)?"
)
UPSTREAM = f'[resolver]\nupstreams = ["{NAME_SERVERS[0]}"]\n'


def differences(machine, lower):
    """Return what differs on the machine's disk from the root that it was booted from."""
    upper = Path(f"/proc/{machine.process.pid}/root/mnt/upper")
    found = {}
    for top in LOOKED_AT:
        for path in (upper / top).rglob("*"):
            inside = str(path.relative_to(upper))
            now, before = entry(path), entry(lower / inside)
            if now != before and not PASSING.fullmatch(inside):
                found[inside] = now
    return found


def entry(path):
    """Return what stands at a path; None: nothing, of which an overlay keeps a mark."""
    try:
        status = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    if stat.S_ISCHR(status.st_mode) and status.st_rdev == 0:
        return None
    content = b""
    if stat.S_ISLNK(status.st_mode):
        content = str(path.readlink()).encode()
    elif stat.S_ISREG(status.st_mode):
        content = path.read_bytes()
    return status.st_mode, status.st_uid, status.st_gid, content


@contextlib.contextmanager
def gateway(net, lower=Path("/")):
    """Boot a host that has the program and nothing else."""
    with host.bare(net.gateway, lower=lower) as machine:
        # Nothing of this needs a D-Bus daemon, which a small host does not have.
        machine.systemctl("mask", "--now", "dbus.socket", "dbus.service", "dbus-broker.service")
        yield machine


@pytest.fixture(scope="module")
def booted(net):
    with gateway(net) as machine:
        yield machine


@pytest.fixture
def machine(booted, net):
    """A fresh host, which has to be as fresh again when setup has taken everything back."""
    before = differences(booted, Path("/"))
    yield booted
    taken_back(booted, net)
    assert differences(booted, Path("/")) == before


def taken_back(machine, net):
    run(machine, "--remove", "--purge")
    said = run(machine, "--remove", "--purge").stdout
    assert said == "nothing to do: everything is as it should be\n"
    assert "blockd" not in machine.run("getent", "passwd").stdout
    assert "blockd" not in machine.run("getent", "group").stdout
    assert "blockd" not in machine.systemctl("list-units", "--all", "--no-legend", "blockd*")
    assert not machine.path("/run/blockd").exists()
    assert net.gateway.ip(f"route show table {TABLE}") == ""
    assert f"lookup {TABLE}" not in net.gateway.ip("rule")


def run(machine, *words, status=0):
    done = machine.run(PROGRAM, "setup", *words, check=False, timeout=60)
    assert done.returncode == status, done.stdout + done.stderr
    return done


def rcode(reply):
    return dns.rcode.to_text(reply.rcode())


def put_lists(machine):
    for name, text in gateways.shipped().items():
        machine.write(f"/etc/blockd/rules.d/{name}", text)


def configure(machine, text=UPSTREAM):
    machine.write("/etc/blockd/blockd.toml", text)


def states(machine, *units):
    """Return by unit whether it is enabled, and whether it runs."""
    return {
        unit: (machine.show(unit, "UnitFileState"), machine.show(unit, "ActiveState"))
        for unit in units
    }


def test_the_installation_that_is_shown_is_where_the_units_look_for_it():
    (command,) = readme.command("setup: install").splitlines()
    first, second, third = command.split(" && ")
    assert first == f"{host.PYTHON} -m venv /opt/blockd"
    assert second.startswith("/opt/blockd/bin/pip install ")
    assert third == f"{PROGRAM} setup"


UNITS = (
    "blockd.service", "blockd-resolver.socket", "blockd-resolver.service", "blockd-routes.service",
    "blockd-web.service", "blockd-verify.timer",
)  # fmt: skip


def test_a_fresh_host_becomes_a_gateway_and_listens_where_it_should(machine, net, client):
    said = run(machine).stderr
    assert "there is no list: put one into /etc/blockd/rules.d" in said
    assert set(states(machine, *UNITS).values()) == {("disabled", "inactive")}
    assert machine.path("/usr/local/share/doc/blockd/examples/rules/platforms.toml").exists()
    assert list(machine.path("/etc/blockd/rules.d").iterdir()) == []
    assert machine.run("blockd", "--version").stdout.startswith("blockd ")

    configure(machine)
    machine.run("sh", "-eu", stdin=readme.command("setup: start"), timeout=60)
    assert set(states(machine, *UNITS).values()) == {("enabled", "active")}
    assert rcode(client.ask(NAME)) == "NXDOMAIN"
    assert rcode(client.ask("www.example.org")) == "NOERROR"
    assert client.reached(ADDRESSES) == OPEN

    before = differences(machine, Path("/"))
    assert run(machine).stdout == "nothing to do: everything is as it should be\n"
    assert differences(machine, Path("/")) == before

    configure(machine, UPSTREAM + f'listen = ["{GATEWAY_V4}:5353"]\n')
    run(machine)
    with socket_in(net.client, gateways.FAMILIES[4]) as sock:
        sock.connect((GATEWAY_V4, 5353))
        assert rcode(exchanged(sock, messages.query(NAME))) == "NXDOMAIN"
    with pytest.raises(ConnectionRefusedError):
        client.ask(NAME)
    configure(machine)
    run(machine)
    assert rcode(client.ask(NAME)) == "NXDOMAIN"


def test_nothing_starts_with_a_bad_list_or_while_another_program_holds_port_53(machine):
    run(machine)
    configure(machine)
    machine.write("/etc/blockd/rules.d/bad.toml", '[[platform]]\nid = "p"\ndomain = ["x"]\n')
    said = run(machine, status=1).stderr
    assert "bad.toml:3" in said
    assert "`/opt/blockd/bin/blockd check`. What was said before is done; mend this" in said
    assert set(states(machine, *UNITS).values()) == {("disabled", "inactive")}

    machine.path("/etc/blockd/rules.d/bad.toml").unlink()
    put_lists(machine)
    held = "import socket, time; s = socket.socket(type=socket.SOCK_DGRAM); s.bind(('', 53));"
    argv = ["systemd-run", "--quiet", "--unit=other-dns", "/usr/bin/python3", "-c"]
    machine.run(*argv, f"{held} time.sleep(600)")
    until(lambda: ":53 " in machine.run("ss", "-lnu").stdout, "the other program's socket")
    said = run(machine, status=1).stderr
    assert "UDP 0.0.0.0:53 is taken by python3 (other-dns.service)" in said
    assert "`systemctl disable --now other-dns.service`" in said
    assert states(machine, "other-dns.service")["other-dns.service"][1] == "active"
    assert set(states(machine, *UNITS).values()) == {("disabled", "inactive")}
    machine.systemctl("stop", "other-dns.service")
    assert "taken by" not in run(machine, "--dry-run").stderr


def test_a_dry_run_changes_nothing_and_is_a_script_that_does_the_same(machine):
    machine.path("/etc/blockd/rules.d").mkdir(parents=True)
    configure(machine)
    put_lists(machine)
    before = differences(machine, Path("/"))
    script = run(machine, "--dry-run").stdout
    assert differences(machine, Path("/")) == before
    machine.run("sh", stdin=script, timeout=60)
    assert run(machine).stdout == "nothing to do: everything is as it should be\n"
    assert set(states(machine, *UNITS).values()) == {("enabled", "active")}


def test_what_is_removed_but_not_purged_leaves_the_operators_files_and_the_state(machine):
    run(machine)
    configure(machine)
    put_lists(machine)
    machine.run("blockd", "compile")
    said = run(machine, "--remove").stderr
    for kept in ("/var/lib/blockd", "/etc/blockd/blockd.toml", "/etc/blockd/rules.d"):
        assert kept in said
        assert machine.path(kept).exists()
    assert not machine.path("/usr/local/bin/blockd").exists()
    assert not machine.path("/etc/systemd/system/blockd.service").exists()
    # The number of a user who owns the state is not given to anybody else.
    assert "blockd:" in machine.run("getent", "passwd").stdout


@pytest.mark.timeout(240)  # a root with systemd-resolved is made first, from package archives
def test_systemd_resolved_hands_the_port_over_and_gets_it_back(net, client, server):
    listed, other = NAME, "www.example.org"
    with gateway(net, server) as machine:
        machine.write(
            "/etc/systemd/resolved.conf.d/servers.conf",
            f"[Resolve]\nDNS={NAME_SERVERS[0]}\nDomains=corp.example\n",
        )
        machine.systemctl("restart", "systemd-resolved")
        link = machine.path("/etc/resolv.conf").readlink()
        assert link.name == "stub-resolv.conf"
        before = differences(machine, server)
        run(machine)
        put_lists(machine)
        said = run(machine, status=1).stderr
        assert "127.0.0.54:53 is taken by systemd-resolved: `blockd setup --resolved`" in said
        assert differences(machine, server)["etc/blockd/blockd.toml"]
        assert resolved_by(machine, listed)

        run(machine, "--resolved")
        assert machine.path("/etc/resolv.conf").read_text().splitlines()[1:] == [
            "nameserver 127.0.0.1", "search corp.example",
        ]  # fmt: skip
        configuration = machine.path("/etc/blockd/blockd.toml").read_text()
        assert f'\nupstreams = ["{NAME_SERVERS[0]}"]\n' in configuration
        assert rcode(client.ask(listed)) == "NXDOMAIN"
        # By nss-resolve, which asks resolved and not resolv.conf, and by programs that read it.
        assert not resolved_by(machine, listed)
        assert resolved_by(machine, other)
        assert "NXDOMAIN" in machine.run("dig", listed).stdout
        assert run(machine).stdout == "nothing to do: everything is as it should be\n"

        taken_back(machine, net)
        assert differences(machine, server) == before
        assert machine.path("/etc/resolv.conf").readlink() == link
        assert resolved_by(machine, listed)


def resolved_by(machine, name):
    """Tell whether the host's own C library finds a name."""
    return machine.run("getent", "ahosts", name, check=False).returncode == 0
