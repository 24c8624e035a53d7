"""A small Debian to install blockd in, the package, and what a disk holds before and after.

`root` has mmdebstrap make what a fresh installation of a small server is, from the package
archives that this machine uses; `package` builds the package from this checkout. Both are made
once a test session (`tests.shared`).
`nspawn.machine(space, lower=root)` boots such a root, with a tmpfs over it, so that every machine
begins as fresh.
"""

import contextlib
import hashlib
import os
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import nspawn, readme, shared, topology
from tests.nspawn import Machine

PACKAGES = (
    "bind9-dnsutils", # dig
    "curl",
    "iproute2",
    "procps",
    "python3",
    "systemd",
)  # fmt: skip
"""What is installed besides the required ones: what blockd's package depends on, and clients."""
SERVER = ("systemd-resolved", "libnss-resolve", "python3-venv")
"""For a host that resolves names by systemd-resolved, and can install by pip: `root(*SERVER)`."""

BUILD = {
    "BLOCKD_PURE": "1",
    "DPKG_DEB_COMPRESSOR_TYPE": "none",
    "SOURCE_DATE_EPOCH": "1700000000",
}
"""Environment variables of a build that takes less time: nothing is compiled or compressed."""

SOURCES = (Path("/etc/apt/sources.list.d/debian.sources"), Path("/etc/apt/sources.list"))


def require() -> None:
    """Skip the calling test, with the reason, where no such root can be made or booted."""
    nspawn.require()
    if shutil.which("mmdebstrap") is None:
        reason = "needs mmdebstrap"
        if os.environ.get("CI") == "true":
            pytest.fail(f"{reason}, and CI must not skip it", pytrace=False)
        pytest.skip(reason)


@contextlib.contextmanager
def root(*more: str) -> Iterator[Path]:
    """Give the root directory of a Debian of this machine's release, with further packages."""
    require()

    def bootstrap(place: Path) -> None:
        release = _os_release()["VERSION_CODENAME"]
        sources = [str(path) for path in SOURCES if path.is_file()][:1]
        # Mirrors fail now and then.
        options = ["--aptopt=Acquire::Retries 3", '--aptopt=Acquire::Languages "none"']
        _run(
            "mmdebstrap", "--quiet", "--mode=root", "--variant=apt", *options,
            f"--include={','.join((*PACKAGES, *more))}", release, str(place / "root"), *sources,
        )  # fmt: skip

    with shared.directory("-".join(("debian", *more)), bootstrap) as place:
        yield place / "root"


@contextlib.contextmanager
def package() -> Iterator[Path]:
    """Give blockd's package, built as the README says, in a copy of this checkout.

    It is of pure Python, which differs from a compiled one in speed alone.
    """

    def build(place: Path) -> None:
        checkout = place / "checkout"
        leave = shutil.ignore_patterns(".*", "build", "dist", "__pycache__")
        shutil.copytree(topology.repository(), checkout, ignore=leave)
        command = readme.command("package: build")
        _run("sh", "-ec", command, env={**os.environ, **BUILD}, cwd=checkout)

    with shared.directory("package", build) as place:
        (built,) = (place / "checkout").glob("blockd_*.deb")
        yield built


def repacked(
    built: Path, place: Path, version: str, change: Callable[[Path], None] | None = None
) -> Path:
    """Return the same package as another version, with its files changed.

    Args:
        built: the package.
        place: an empty directory.
        version: the new one.
        change: is given the directory of its files, and may change them.
    """
    tree = place / "tree"
    _run("dpkg-deb", "--raw-extract", str(built), str(tree))
    control = tree / "DEBIAN/control"
    text = control.read_text().partition("\nVersion: ")
    control.write_text(f"{text[0]}\nVersion: {version}\n{text[2].partition(chr(10))[2]}")
    if change is not None:
        change(tree)
    # dpkg(1) takes sums that do not fit for a damage that was done later.
    (tree / "DEBIAN/md5sums").unlink()
    made = place / f"blockd_{version}.deb"
    _run("dpkg-deb", "-Znone", "--root-owner-group", "--build", str(tree), str(made))
    shutil.rmtree(tree)
    return made


def apt(machine: Machine, *words: str, check: bool = True) -> str:
    """Run apt-get as an operator does, without a terminal; return what it prints."""
    argv = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-y", *words]
    done = machine.run(*argv, check=check, timeout=100)
    return done.stdout + done.stderr


def install(machine: Machine, built: Path, *words: str, check: bool = True) -> str:
    """Have apt install a package's file; return what it prints."""
    shutil.copyfile(built, machine.path(f"/root/{built.name}"))
    said = apt(machine, "install", *words, f"/root/{built.name}", check=check)
    machine.path(f"/root/{built.name}").unlink()
    return said


Seen = tuple[str, int, int, str | None]
"""Mode, user and group of a path, and the content: a digest of a file's, what a link leads to."""

IGNORED = (
    "/proc", "/sys", "/dev", "/tmp", "/var/log", "/var/cache", "/var/tmp", "/var/lib/apt",
    # dpkg's own, and what the programs that keep users leave beside their files.
    "/var/lib/dpkg", "/etc/.pwd.lock",
    "/etc/passwd-", "/etc/group-", "/etc/shadow-", "/etc/gshadow-",
    # systemd's own: it comes and goes with what happens on the host.
    "/run/systemd", "/run/log", "/run/udev", "/run/utmp", "/var/lib/systemd/random-seed",
)  # fmt: skip
"""What differs on a host where nothing happened to blockd."""


def snapshot(machine: Machine) -> dict[str, Seen]:
    """Return what a host's disk holds, by path."""
    found: dict[str, Seen] = {}
    left = ["/"]
    while left:
        directory = left.pop()
        for path in machine.path(directory).iterdir():
            inside = f"{directory.rstrip('/')}/{path.name}"
            if inside not in IGNORED:
                found[inside] = _seen(path)
                if path.is_dir() and not path.is_symlink():
                    left.append(inside)
    return found


def _seen(path: Path) -> Seen:
    status = path.lstat()
    content = None
    if stat.S_ISLNK(status.st_mode):
        content = str(path.readlink())
    elif stat.S_ISREG(status.st_mode):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
    return oct(status.st_mode), status.st_uid, status.st_gid, content


def differences(before: dict[str, Seen], after: dict[str, Seen]) -> set[str]:
    """Return the paths that two snapshots show differently."""
    return {path for path in before | after if before.get(path) != after.get(path)}


def _os_release() -> dict[str, str]:
    lines = Path("/etc/os-release").read_text().splitlines()
    pairs = (line.partition("=") for line in lines)
    return {key: value.strip('"') for key, _, value in pairs}


def _run(*argv: str, env: dict[str, str] | None = None, cwd: Path | None = None) -> None:
    done = subprocess.run(
        argv, check=False, capture_output=True, text=True, timeout=200, env=env, cwd=cwd
    )
    assert done.returncode == 0, f"{argv}: {done.returncode}\n{done.stdout}{done.stderr}"
