"""A gateway host: systemd in the gateway's namespace, with blockd and its units installed.

The program is this checkout on /usr/bin/python3 in /opt/blockd, with the libraries of the
environment that runs the tests, so that nothing is fetched. An interpreter of the tests' own
may lie in somebody's home, where ProtectHome= keeps every service out.
"""

import contextlib
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests import nspawn, topology

PYTHON = "/usr/bin/python3"
UNITS = topology.repository() / "systemd"
PLACES = dict.fromkeys((".service", ".socket", ".timer"), "/etc/systemd/system")
SERVICES = ("blockd.service", "blockd-resolver.service", "blockd-routes.service")

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
def booted(space):
    """Boot a host with everything in place and nothing started."""
    _same_python()
    binds = {
        topology.repository(): _CHECKOUT,
        Path(sysconfig.get_path("platlib")): _LIBRARIES,
    }
    with nspawn.machine(space, binds) as machine:
        _program(machine)
        _units(machine)
        yield machine


def _program(machine):
    """Lay out an environment as `python3 -m venv` does; two files and a link are enough."""
    home = machine.path("/opt/blockd")
    (home / "bin").mkdir()
    (home / "bin/python").symlink_to(PYTHON)
    machine.write("/opt/blockd/pyvenv.cfg", f"home = {Path(PYTHON).parent}\n")
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    paths = f"/opt/blockd/lib/{version}/site-packages/blockd.pth"
    machine.write(paths, f"{_CHECKOUT}\n{_LIBRARIES}\n")
    machine.write("/opt/blockd/bin/blockd", _PROGRAM, mode=0o755)
    machine.path("/usr/local/bin/blockd").symlink_to("/opt/blockd/bin/blockd")


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
