"""Where the shipped files go on a host, and what systemd makes of them. Pure."""

import posixpath
from collections.abc import Mapping, Sequence
from typing import NamedTuple

CONFIG = "/etc/blockd/blockd.toml"
RULES = "/etc/blockd/rules.d"
UNITS = "/etc/systemd/system"
PACKAGED = "/usr/lib/systemd/system/blockd.service"
"""Where it stands, a package has installed the units, the users and the directories."""
LINK = "/usr/local/bin/blockd"
PROGRAM = "/opt/blockd/bin/blockd"
"""What the shipped units start."""
EXAMPLES = "/usr/local/share/doc/blockd/examples"
STATE, SPOOL, RUN = "/var/lib/blockd", "/var/spool/blockd", "/run/blockd"
OLD = ".blockd-old"
"""What the name of a file ends in that was set aside."""
BESIDE = ".blockd-setup-"
"""What the name of a directory begins with in which a file is written before it is put in place."""
STAMPS = "/var/lib/systemd/timers"
NETWORKD = "networkd.conf.d/blockd.conf"
SYSUSERS = "sysusers.d/blockd.conf"
TMPFILES = "tmpfiles.d/blockd.conf"

COMPILER, ROUTES = "blockd.service", "blockd-routes.service"
RESOLVER, SOCKET = "blockd-resolver.service", "blockd-resolver.socket"
WEB = "blockd-web.service"
NOTICE_SOCKET = "blockd-notice.socket"
FETCH, VERIFY = "blockd-fetch.timer", "blockd-verify.timer"

_PLACES = {
    SYSUSERS: "/usr/lib/sysusers.d/blockd.conf",
    TMPFILES: "/usr/lib/tmpfiles.d/blockd.conf",
    NETWORKD: "/usr/lib/systemd/networkd.conf.d/blockd.conf",
}


class Placed(NamedTuple):
    """A shipped file and its place."""

    path: str
    content: bytes
    source: str
    """Where it comes from; empty: it differs from what was shipped."""


def unit_names(shipped: Mapping[str, bytes]) -> list[str]:
    """Return the shipped units."""
    return sorted(name for name in shipped if "/" not in name)


def files(
    shipped: Mapping[str, bytes], origin: str, program: str, *, networkd: bool
) -> list[Placed]:
    """Return what setup installs for systemd.

    Args:
        shipped: the directory `systemd`, by path below it.
        origin: where that directory is.
        program: what the units are to start.
        networkd: whether systemd-networkd is installed; its drop-in goes nowhere else.
    """
    found = []
    for name, content in sorted(shipped.items()):
        if "/" in name and (name not in _PLACES or (name == NETWORKD and not networkd)):
            continue
        placed = content.replace(PROGRAM.encode(), program.encode())
        source = posixpath.join(origin, name) if placed == content else ""
        found.append(Placed(_PLACES.get(name) or posixpath.join(UNITS, name), placed, source))
    return found


def users(sysusers: str) -> list[str]:
    """Return the users that a file for sysusers.d(5) makes."""
    words = [line.split() for line in sysusers.splitlines()]
    return [each[1] for each in words if each[:1] == ["u"]]


def made(tmpfiles: str) -> list[str]:
    """Return the paths that a file for tmpfiles.d(5) makes."""
    words = [line.split() for line in tmpfiles.splitlines()]
    return [each[1] for each in words if len(each) > 1 and not each[0].startswith("#")]


def drop_in(unit: str, name: str) -> str:
    """Return the path of a drop-in."""
    return f"{UNITS}/{unit}.d/{name}"


def above(path: str) -> Sequence[str]:
    """Return the directories above a path, the nearest first, the root left out."""
    found = []
    while (path := posixpath.dirname(path)) != "/":
        found.append(path)
    return found
