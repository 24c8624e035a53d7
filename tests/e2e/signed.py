"""An internet whose names are signed: BIND with a root of its own, a signed zone and an unsigned.

What is below `example.` is signed up to that root, what is below `org.` is not, and says so; the
address of FORGED is another one than was signed.
"""

import contextlib
import os
import subprocess

from tests.e2e import servers
from tests.e2e.gateway import PATIENCE, dig, until

ADDRESS, OTHER = "198.19.0.97", "198.19.0.96"
SIGNED, FORGED, UNSIGNED = "www.signed.example", "www.forged.example", "www.example.org"
"""Names with an address each."""

_SOA = "$TTL 300\n@ SOA ns.example. desk.example. 1 3600 600 86400 60\n@ NS ns.example.\n"
_ZONES = {
    ".": "example. NS ns.example.\norg. NS ns.example.\n",
    "example.": f"ns A 198.19.0.53\nwww.signed A {ADDRESS}\nwww.forged A {ADDRESS}\n",
    "org.": f"www.example A {ADDRESS}\n",
}


@contextlib.contextmanager
def internet(space, address, place, *, signing=True):
    """Serve it on an address of a namespace; yields the root's trust anchor, a DS record.

    Args:
        space: the namespace.
        address: one that an interface there has.
        place: an empty directory.
        signing: else the root has its key and no signature, as behind a server that drops them.
    """
    servers.require("named", "dnssec-keygen", "dnssec-signzone", "dnssec-dsfromkey")
    for name, records in _ZONES.items():
        (place / _file(name)).write_text(_SOA + records)
    root_key = _key(place, ".")
    if signing:
        _key(place, "example.")
        # A zone's signing leaves the DS records that its parent's takes up.
        _sign(place, "example.")
        _sign(place, ".", "-g")
        _forge(place / _file("example."))
    else:
        with (place / _file(".")).open("a") as root:
            root.write((place / f"{root_key}.key").read_text())
    zones = "".join(
        f'zone "{name}" {{ type primary; file "{_file(name)}"; }};\n' for name in _ZONES
    )
    (place / "named.conf").write_text(f"""\
options {{
  directory "{place}"; pid-file none; session-keyfile none;
  listen-on {{ {address}; }}; listen-on-v6 {{ none; }};
  recursion no; dnssec-validation no; empty-zones-enable no; allow-query {{ any; }};
}};
controls {{ }};
{zones}""")
    with (place / "log").open("wb") as log:
        process = space.popen(
            "named", "-g", "-n", "1", "-c", str(place / "named.conf"),
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=_environment(),
        )  # fmt: skip
    try:
        until(
            lambda: ADDRESS in dig(space, f"@{address}", "+short", SIGNED),
            (place / "log").read_text,
        )
        yield _said(place, "dnssec-dsfromkey", "-2", root_key)
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _file(zone):
    return f"zone-{zone.rstrip('.') or 'root'}"


def _key(place, zone):
    return _said(place, "dnssec-keygen", "-q", "-a", "ECDSAP256SHA256", "-f", "KSK", zone).strip()


def _sign(place, zone, *words):
    """Sign a zone with its key, which signs all of it, in place of its file."""
    argv = ["dnssec-signzone", "-q", "-S", "-z", "-o", zone, "-f", _file(zone), *words]
    _said(place, *argv, _file(zone))


def _forge(path):
    lines = path.read_text().splitlines()
    assert [line for line in lines if line.startswith(f"{FORGED}.")]
    for number, line in enumerate(lines):
        if line.startswith(f"{FORGED}."):
            lines[number] = line.replace(ADDRESS, OTHER)
    path.write_text("\n".join([*lines, ""]))


def _environment():
    return {**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}


def _said(place, *argv):
    done = subprocess.run(
        argv, check=False, capture_output=True, text=True, cwd=place, env=_environment()
    )
    assert done.returncode == 0, f"{argv}: {done.stderr}"
    return done.stdout
