"""Reads what programs beside the kernel say: networkd, nft, the clock, the disk. Judges nothing."""

import ctypes
import os
import shutil
import subprocess
from pathlib import Path

from blockd.config import Endpoint
from blockd.doctor.finding import UnseenError
from blockd.doctor.host import Disk
from blockd.resolver import resolvconf

_CONF_DIRECTORIES = ("etc", "run", "usr/local/lib", "usr/lib")
"""Where drop-ins are, the most important first: systemd.unit(5), "drop-in"."""
_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised
_TIMEX = 256  # octets, more than struct timex has; `modes` is 0: nothing is changed
_ST_RDONLY = os.ST_RDONLY


def networkd(root: Path = Path("/")) -> dict[str, str] | None:
    """Return the settings of [Network] in force in networkd.conf; None: it does not run."""
    if not (root / "run/systemd/netif/state").exists():
        return None
    files: dict[str, Path] = {}
    for place in reversed(_CONF_DIRECTORIES):
        directory = root / place / "systemd/networkd.conf.d"
        files |= {path.name: path for path in directory.glob("*.conf")}
    mains = (root / place / "systemd/networkd.conf" for place in _CONF_DIRECTORIES)
    main = next((path for path in mains if path.exists()), None)
    ordered = [*([main] if main else []), *(files[name] for name in sorted(files))]
    found: dict[str, str] = {}
    for path in ordered:
        section = ""
        try:
            lines = path.read_text("utf-8", "replace").splitlines()
        except OSError:
            continue  # a link to /dev/null takes a file of less importance away
        for line in map(str.strip, lines):
            if line.startswith("["):
                section = line
            elif section == "[Network]" and "=" in line and not line.startswith(("#", ";")):
                key, _, value = line.partition("=")
                found[key.strip()] = value.strip()
    return found


def flowtables() -> str:
    """Return nft's list of flowtables as JSON; empty: nothing here can have made one.

    Raises:
        UnseenError: it cannot be asked.
    """
    program = shutil.which("nft", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if program is None:
        return ""
    try:
        done = subprocess.run(  # noqa: S603 - a fixed command
            [program, "--json", "list", "flowtables"],
            check=False, capture_output=True, text=True, timeout=10,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnseenError(f"nft gives no answer: {error}") from None
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["it says nothing"])[0]
        raise UnseenError(f"nft lists no flowtables: {said}; run it as root")
    return done.stdout


def synchronised() -> bool:
    """Tell whether somebody sets the kernel's clock: adjtimex(2)."""
    return int(ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX))) != _TIME_ERROR


def disk(place: Path) -> Disk:
    """Return what the file system of a directory has left; raises UnseenError."""
    try:
        found = os.statvfs(place)
    except OSError as error:
        raise UnseenError(f"{place}: {error.strerror}") from None
    inodes = found.f_favail if found.f_files else None
    return Disk(found.f_bavail * found.f_frsize, inodes, bool(found.f_flag & _ST_RDONLY))


def nameservers(text: str) -> list[Endpoint]:
    """Return the servers that a resolv.conf names; scoped addresses without their scope."""
    found = []
    for address in resolvconf.named(text):
        try:
            found.append(Endpoint.parse(address.partition("%")[0].join("[]")))
        except ValueError:
            continue  # the resolver says itself what is no address
    return found
