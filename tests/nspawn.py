"""A real systemd as PID 1 of a container, inside a network namespace of a test's topology.

systemd-nspawn boots an overlay over the machine's own `/`, or over another root, in about half a
second; what is written goes to a tmpfs and is gone afterwards. All of it is in a mount and a
process namespace around the container's own, whose first process the kernel kills with the one
that made it: even a test run that is killed leaves nothing behind but empty cgroups and a log,
which the next one removes. What is installed in the container is the business of whoever boots it.
"""

import contextlib
import itertools
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import topology
from tests.topology import PREFIX, Namespace

PATIENCE = 30.0
"""Seconds until something that takes a fraction of one counts as never."""

_PROGRAMS = {
    "systemd-nspawn": "systemd-container",
    "nsenter": "util-linux",
    "setpriv": "util-linux",
    "unshare": "util-linux",
}
"""What is used here, and which Debian package brings it."""

_MOST_STEPS = 200
_MARK = f"{PREFIX}machine-"
_numbers = itertools.count()

_SCRIPT = r"""
set -eu
name=$1 namespace=$2 cgroups=$3 lower=$4
shift 4
for each in $cgroups; do echo $$ >"$each/cgroup.procs"; done
# Any empty directory serves: this mount namespace is nobody else's.
mount -t tmpfs -o mode=755 tmpfs /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay -o lowerdir="$lower",upperdir=/mnt/upper,workdir=/mnt/work overlay /mnt/root
cd /mnt/root
# An empty machine-id is a first boot. Nothing of this machine's own is enabled or kept.
: >etc/machine-id
if [ "$lower" = / ]; then
    rm -rf etc/systemd/system/*.wants var/log/journal \
        etc/blockd var/lib/blockd var/spool/blockd opt/blockd
fi
exec env SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1 systemd-nspawn --quiet --directory=/mnt/root \
    --machine="$name" --register=no --keep-unit --network-namespace-path="$namespace" \
    --boot --notify-ready=yes --console=read-only --capability=all --system-call-filter=bpf \
    --resolv-conf=off --timezone=off --link-journal=no "$@" \
    -- --unit=basic.target systemd.firstboot=off
"""


def require() -> None:
    """Skip the calling test, with the reason, where no container can be booted."""
    topology.require()
    for program, package in _PROGRAMS.items():
        if shutil.which(program) is None:
            reason = f"needs {program} (Debian: {package})"
            if os.environ.get("CI") == "true":
                pytest.fail(f"{reason}, and CI must not skip it", pytrace=False)
            pytest.skip(reason)


@dataclass
class Machine:
    """A booted container; its network is that of the namespace it was booted in."""

    space: Namespace
    leader: int
    """Its PID 1, as this machine numbers processes."""
    process: "subprocess.Popen[bytes]"
    """The nspawn that runs it."""

    def path(self, inside: str) -> Path:
        """Return where a file of the container is for this process.

        Not to be written through links: this process would follow an absolute one to this
        machine's own files. `real` follows them as the container does.
        """
        return Path(f"/proc/{self.leader}/root") / inside.lstrip("/")

    def real(self, inside: str) -> Path:
        """Return the same without links, each of them followed inside."""
        left, found = inside.split("/")[::-1], Path("/")
        for _ in range(_MOST_STEPS):
            if not left:
                return self.path(str(found))
            step = left.pop()
            if step in {"", ".."}:
                found = found.parent if step else found
            elif (link := self.path(str(found / step))).is_symlink():
                target = str(link.readlink())
                found = Path("/") if target.startswith("/") else found
                left += target.split("/")[::-1]
            else:
                found /= step
        raise AssertionError(f"{inside}: links that lead in circles")

    def write(self, inside: str, text: str, mode: int = 0o644) -> None:
        """Write a file, its directories included."""
        path = self.real(inside)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)

    def argv(self, *argv: str) -> list[str]:
        """Return the command line that runs a program in it, as root."""
        return ["nsenter", "--target", str(self.leader), "--all", *argv]

    def run(
        self, *argv: str, check: bool = True, stdin: str | None = None, timeout: float = PATIENCE
    ) -> "subprocess.CompletedProcess[str]":
        """Run a program to its end; its output is captured as text."""
        done = subprocess.run(
            self.argv(*argv),
            check=False, input=stdin, capture_output=True, text=True, timeout=timeout,
            env={"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", "LANG": "C.UTF-8"},
        )  # fmt: skip
        if check and done.returncode:
            raise AssertionError(f"{argv}: status {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def systemctl(self, *words: str, check: bool = True) -> str:
        """Run systemctl; return what it prints. A failed job is shown with the journal's end."""
        done = self.run("systemctl", "--no-pager", *words, check=False)
        if check and done.returncode:
            journal = self.run("journalctl", "--no-pager", "--lines=40", check=False).stdout
            said = f"{done.stdout}{done.stderr}\n{journal}"
            raise AssertionError(f"systemctl {words}: {done.returncode}\n{said}")
        return done.stdout

    def show(self, unit: str, name: str) -> str:
        """Return one property of a unit."""
        return self.systemctl("show", f"--property={name}", "--value", unit).rstrip("\n")

    def journal(self, unit: str) -> str:
        """Return the messages of a unit, one a line, oldest first."""
        argv = ["journalctl", "--no-pager", "--output=cat", f"--unit={unit}"]
        return self.run(*argv).stdout

    def poweroff(self) -> None:
        """Shut it down as `systemctl poweroff` does, and wait for its end."""
        os.kill(self.leader, signal.SIGRTMIN + 4)  # systemd(1)
        self.process.wait(PATIENCE)


@contextlib.contextmanager
def machine(
    space: Namespace,
    binds: Mapping[Path, str] | None = None,
    lower: Path = Path("/"),
    kept: Mapping[Path, str] | None = None,
) -> Iterator[Machine]:
    """Boot systemd in a namespace; remove all of it at the end.

    Args:
        space: the network namespace that it lives in.
        binds: directories of this machine, each with the place where the container sees it,
            read-only.
        lower: the root that it is a copy of; nothing is written there.
        kept: as `binds`, for what it writes and a next one shall find again.
    """
    require()
    name = f"{_MARK}{os.getpid()}-{next(_numbers)}"
    cgroups = [root / name for root in cgroup_roots()]
    sweep()
    options = [f"--bind-ro={source}:{place}" for source, place in (binds or {}).items()]
    options += [f"--bind={source}:{place}" for source, place in (kept or {}).items()]
    console = Path(f"/run/{name}.console")
    with contextlib.ExitStack() as undo:
        for cgroup in cgroups:
            cgroup.mkdir()
            undo.callback(_remove_group, cgroup)
        undo.callback(_forget, name)
        undo.callback(console.unlink, missing_ok=True)
        notices = undo.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        notices.bind(f"\0{name}")
        with console.open("wb") as output:
            process = subprocess.Popen(
                # Ends with this process, however that ends.
                ["setpriv", "--pdeathsig", "KILL",
                 "unshare", "--mount", "--propagation", "private",
                 "--pid", "--mount-proc", "--kill-child",
                 "sh", "-c", _SCRIPT, "sh", name, f"/run/netns/{space.name}",
                 " ".join(map(str, cgroups)), str(lower), *options],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                env={**os.environ, "NOTIFY_SOCKET": f"@{name}"},
            )  # fmt: skip
        undo.callback(_end, process)
        _await_ready(process, notices, console)
        # Whatever happens in there is told here. Unread, it would block nspawn once there is more
        # than the socket holds (unix(7)); closed, it is told to nobody.
        notices.close()
        leader = _leader(cgroups[0])
        undo.callback(_kill, leader, process)
        yield Machine(space, leader, process)


def _await_ready(process: "subprocess.Popen[bytes]", notices: socket.socket, console: Path) -> None:
    """Return once systemd says that it is up: sd_notify(3), by way of nspawn."""
    deadline = time.monotonic() + PATIENCE
    notices.settimeout(0.1)
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(TimeoutError):
            if "READY=1" in notices.recv(4096).decode().splitlines():
                return
    raise AssertionError(f"systemd did not come up:\n{console.read_text(errors='replace')}")


def _leader(cgroup: Path) -> int:
    """Return the container's PID 1, in the second process namespace below ours."""
    for path in cgroup.rglob("cgroup.procs"):
        for number in path.read_text().split():
            with contextlib.suppress(OSError):  # others come and go
                status = Path(f"/proc/{number}/status").read_text()
                numbers = status.split("\nNSpid:")[1].splitlines()[0].split()
                if len(numbers) == 3 and numbers[-1] == "1":
                    return int(number)
    raise AssertionError(f"no PID 1 of a container below {cgroup}")


def _kill(leader: int, process: "subprocess.Popen[bytes]") -> None:
    """End the container with everything in it; nspawn sees that, and tidies up after itself."""
    if process.poll() is None:
        os.kill(leader, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE)


def _end(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.kill()
    process.wait()


def cgroup_roots() -> list[Path]:
    """Return where systemd's groups are: the unified tree, and beside v1 its named one."""
    roots = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        mount, _, source = line.partition(" - ")
        kind, _, options = source.split(" ", 2)
        if kind == "cgroup2" or (kind == "cgroup" and "name=systemd" in options.split(",")):
            roots.append(Path(mount.split()[4]))
    return roots


def _forget(name: str) -> None:
    """Remove nspawn's directory for passing mounts in; it does so only where /run is a tmpfs."""
    with contextlib.suppress(FileNotFoundError):
        Path(f"/run/systemd/nspawn/propagate/{name}").rmdir()


def _remove_group(group: Path) -> None:
    """Remove a cgroup and those below it, once the last of its processes has gone."""
    deadline = time.monotonic() + PATIENCE
    while group.exists():
        try:
            below = sorted((p for p in group.rglob("*") if p.is_dir()), reverse=True)
            for each in (*below, group):
                each.rmdir()
        except OSError:
            assert time.monotonic() < deadline, f"{group} is still in use"
            time.sleep(0.01)


def sweep() -> None:
    """Remove what killed runs left; the first number in its name is that of their process."""
    for root in cgroup_roots():
        for group in root.glob(f"{_MARK}*"):
            if _orphaned(group):
                _remove_group(group)
    for console in Path("/run").glob(f"{_MARK}*.console"):
        if _orphaned(console):
            _forget(console.stem)
            console.unlink(missing_ok=True)


def _orphaned(path: Path) -> bool:
    owner = path.name.removeprefix(_MARK).partition("-")[0]
    return not Path(f"/proc/{owner}").exists()
