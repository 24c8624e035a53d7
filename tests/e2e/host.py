"""A gateway host: systemd in the gateway's namespace, with blockd and its units installed.

The program is this checkout on /usr/bin/python3 in /opt/blockd, with the libraries of the
environment that runs the tests, so that nothing is fetched. An interpreter of the tests' own
may lie in somebody's home, where ProtectHome= keeps every service out.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import pytest

from tests import nspawn, topology

PYTHON = "/usr/bin/python3"
UNITS = topology.repository() / "systemd"
PLACES = dict.fromkeys((".service", ".socket", ".timer"), "/etc/systemd/system")
SERVICES = ("blockd.service", "blockd-resolver.service", "blockd-routes.service")

PROGRAM = "/opt/blockd/bin/blockd"
_CHECKOUT, _LIBRARIES = "/opt/blockd/checkout", "/opt/blockd/libraries"
_PROGRAM = """\
#!/opt/blockd/bin/python
import sys
from blockd.__main__ import main
sys.argv[0] = "blockd"
main()
"""


def _same_python():
    """Skip where the libraries' compiled parts would not fit; in CI that may not be."""
    ask = "import sysconfig; print(sysconfig.get_config_var('SOABI'))"
    try:
        said = subprocess.run([PYTHON, "-c", ask], check=True, capture_output=True, text=True)
        fits = said.stdout.strip() == sysconfig.get_config_var("SOABI")
    except (OSError, subprocess.CalledProcessError):
        fits = False
    if not fits:
        reason = f"needs {PYTHON} of version {sys.version_info.major}.{sys.version_info.minor}"
        if os.environ.get("CI") == "true":
            pytest.fail(f"{reason}, and CI must not skip it", pytrace=False)
        pytest.skip(reason)


@contextlib.contextmanager
def booted(space, kept=None, **options):
    """Boot a host with everything in place and nothing started; see `nspawn.machine`.

    Args:
        space: the namespace of its network.
        kept: directories of this machine that outlive it.
        **options: further ones of `nspawn.machine`.
    """
    with bare(space, kept=kept, **options) as machine:
        machine.path("/usr/local/bin/blockd").symlink_to(PROGRAM)
        _units(machine)
        yield machine


@contextlib.contextmanager
def bare(space, **options):
    """Boot a host with the program in its place and nothing else; see `nspawn.machine`."""
    _same_python()
    with _roots_own(topology.repository()) as checkout:
        binds = {checkout: _CHECKOUT, Path(sysconfig.get_path("platlib")): _LIBRARIES}
        with nspawn.machine(space, binds, **options) as machine:
            _program(machine)
            yield machine


@contextlib.contextmanager
def _roots_own(checkout):
    """Give a checkout that root owns, else a copy: setup refuses what somebody else may change."""
    if checkout.stat().st_uid == 0:
        yield checkout
        return
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place) / "checkout"
        leave = shutil.ignore_patterns(".*", "build", "dist", "__pycache__", "tests")
        shutil.copytree(checkout, copy, ignore=leave)
        yield copy


def main_process(machine, unit):
    """Return the main process of a unit, as the host numbers it; 0: none."""
    return int(machine.show(unit, "MainPID"))


def signal(machine, unit, name):
    """Send a signal to a unit's main process."""
    machine.systemctl("kill", f"--signal={name}", "--kill-whom=main", unit)


def put(machine, name, text):
    """Put a list in place as editors and feeds should, beside and by rename."""
    machine.write(f"/etc/blockd/{name}.new", text)
    rules = machine.path("/etc/blockd/rules.d")
    machine.path(f"/etc/blockd/{name}.new").replace(rules / name)


def _program(machine):
    """Lay out an environment as `python3 -m venv` does; two files and a link are enough."""
    home = machine.path("/opt/blockd")
    (home / "bin").mkdir()
    (home / "bin/python").symlink_to(PYTHON)
    machine.write("/opt/blockd/pyvenv.cfg", f"home = {Path(PYTHON).parent}\n")
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    paths = f"/opt/blockd/lib/{version}/site-packages/blockd.pth"
    machine.write(paths, f"{_CHECKOUT}\n{_LIBRARIES}\n")
    machine.write(PROGRAM, _PROGRAM, mode=0o755)


def _units(machine):
    """Install the shipped files where their first lines say, and carry them out."""
    for source in UNITS.iterdir():
        if source.suffix in PLACES:
            machine.write(f"{PLACES[source.suffix]}/{source.name}", source.read_text())
    for kind in ("sysusers.d", "tmpfiles.d"):
        machine.write(f"/usr/lib/{kind}/blockd.conf", (UNITS / kind / "blockd.conf").read_text())
    machine.run("systemd-sysusers", "blockd.conf")
    machine.run("systemd-tmpfiles", "--create", "blockd.conf")
    machine.systemctl("daemon-reload")
