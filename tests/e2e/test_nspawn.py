"""The container that other tests boot: it is a whole system, and nothing of it stays behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests import nspawn, topology
from tests.e2e.gateway import alive, program, until

WEB = """\
[Service]
ExecStart=/usr/bin/python3 -m http.server 8080 --directory /srv/page
DynamicUser=yes
"""


@pytest.fixture(scope="module")
def net():
    with topology.gateway() as made:
        yield made


def left(owner):
    """Return what there is of a process's machines: groups, files, mounts, processes."""
    name = f"blockd-test-machine-{owner}-"
    groups = [each for root in nspawn.cgroup_roots() for each in root.glob(f"{name}*")]
    places = (Path("/run"), Path("/run/systemd/nspawn/propagate"))
    files = [each for place in places for each in place.glob(f"{name}*")]
    mounts = [line for line in read(Path("/proc/mounts")).splitlines() if " /mnt/root" in line]
    running = [path for path in Path("/proc").glob("[0-9]*") if name in read(path / "cgroup")]
    processes = [path for path in running if alive(path.name)]  # not yet waited for is ended, too
    return groups + files + mounts + processes


def read(path):
    try:
        return path.read_text()
    except OSError:  # it has ended
        return ""


def test_it_is_a_system_with_a_network_that_clients_reach_and_leaves_nothing(net):
    with nspawn.machine(net.gateway) as machine:
        assert machine.systemctl("is-system-running").strip() == "running"
        assert machine.run("cat", "/proc/1/comm").stdout == "systemd\n"
        machine.write("/srv/page/index.html", "from the container\n")
        machine.write("/etc/systemd/system/web.service", WEB)
        machine.systemctl("daemon-reload")
        machine.systemctl("start", "web.service")
        url = f"http://{topology.GATEWAY_V4}:8080/"
        argv = [program("curl"), "-sS", "--noproxy", "*", "--retry-connrefused", "--retry", "20",
                "--retry-delay", "0", "--retry-max-time", "10", url]  # fmt: skip
        assert net.client.run(*argv).stdout == "from the container\n"
        assert "Started web.service" in machine.journal("web.service")
        assert not Path("/srv/page").exists()
        # An absolute link leads to a file of the container, not to this machine's of that name.
        machine.run("ln", "-s", "/srv/page", "/srv/absolute")
        machine.run("ln", "-s", "../srv/absolute/leaf.html", "/srv/relative")
        machine.write("/srv/relative", "by way of links\n")
        assert machine.run("cat", "/srv/page/leaf.html").stdout == "by way of links\n"
        assert not Path("/srv/page").exists()
        assert left(os.getpid())
    assert left(os.getpid()) == []


def test_what_fails_in_it_is_shown_with_the_journal(net):
    with (
        pytest.raises(AssertionError, match=r"Unit no-such.service not found"),
        nspawn.machine(net.gateway) as machine,
    ):
        machine.systemctl("start", "no-such.service")
    assert left(os.getpid()) == []


RUN = """\
import sys
from tests import nspawn, topology
with nspawn.machine(topology.Namespace(sys.argv[1])) as machine:
    print(machine.leader, flush=True)
    sys.stdin.read()
"""


def test_a_test_run_that_is_killed_takes_it_along(net):
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, net.gateway.name],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=topology.repository(),
    )  # fmt: skip
    with process:
        leader = int(process.stdout.readline())
        assert read(Path(f"/proc/{leader}/comm")) == "systemd\n"
        process.send_signal(signal.SIGKILL)
    until(lambda: not Path(f"/proc/{leader}").exists(), "the end of the container")
    nspawn.sweep()
    assert left(process.pid) == []
