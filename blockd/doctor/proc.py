"""Reads /proc: bound sockets and who holds them, settings, capabilities. Judges nothing."""

import contextlib
import ipaddress
import re
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

from blockd.doctor.dns import Listener
from blockd.doctor.finding import UnseenError
from blockd.doctor.host import Rights

PROC = Path("/proc")

_LISTENING = {"udp": "07", "tcp": "0A"}  # TCP_CLOSE and TCP_LISTEN: linux/tcp_states.h
_SOCKET = re.compile(r"socket:\[(\d+)\]")
_PEER = struct.Struct("3i")  # struct ucred: unix(7)


def listeners(proc: Path = PROC) -> list[Listener]:
    """Return the sockets of this network namespace that wait for anybody.

    Raises:
        UnseenError: the kernel does not show them.
    """
    bound = list(_bound(proc))
    holders = _holders(proc, {inode for *_, inode in bound})
    return [
        Listener(transport, address, port, tuple(holders.get(inode, ())))
        for transport, address, port, inode in bound
    ]


def _bound(proc: Path) -> Iterator[tuple[str, str, int, str]]:
    for transport, state in _LISTENING.items():
        for suffix in ("", "6"):
            try:
                lines = (proc / f"net/{transport}{suffix}").read_text("ascii").splitlines()[1:]
            except OSError as error:
                if suffix:
                    continue  # no IPv6 in this kernel
                raise UnseenError(f"{error.filename}: {error.strerror}") from None
            for line in lines:
                fields = line.split()
                if fields[3] == state:
                    address, _, port = fields[1].partition(":")
                    yield transport.upper(), _address(address), int(port, 16), fields[9]


def _address(text: str) -> str:
    """Return an address of /proc/net, which is of words in the host's order."""
    words = [int(text[at : at + 8], 16) for at in range(0, len(text), 8)]
    return str(ipaddress.ip_address(struct.pack(f"={len(words)}I", *words)))


def _holders(proc: Path, inodes: set[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for process in sorted(proc.glob("[0-9]*"), key=lambda each: int(each.name)):
        links: list[str] = []
        with contextlib.suppress(OSError):  # another user's, or it has ended
            for descriptor in list((process / "fd").iterdir()):
                with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                    links.append(str(descriptor.readlink()))
        held = {match[1] for link in links if (match := _SOCKET.fullmatch(link))} & inodes
        for inode in held:
            found.setdefault(inode, []).append(f"{_name(process)} ({process.name})")
    return found


def _name(process: Path) -> str:
    """Return what a process is called; of ours, the interpreter's name would say nothing."""
    try:
        words = (process / "cmdline").read_text("utf-8", "replace").split("\0")
        if any(word.rpartition("/")[2] == "blockd" for word in words[:4]):
            return "blockd"
        return (process / "comm").read_text("utf-8", "replace").strip()
    except OSError:
        return "a program that has ended"


def setting(name: str, proc: Path = PROC) -> int | None:
    """Return a setting of sysctl as a number; None: this kernel has none."""
    try:
        return int((proc / "sys" / name.replace(".", "/")).read_text("ascii"))
    except (OSError, ValueError):
        return None


def rp_filter(proc: Path = PROC) -> dict[str, int]:
    """Return the setting of each interface, `all` and `default` included."""
    found = {}
    for path in (proc / "sys/net/ipv4/conf").glob("*/rp_filter"):
        try:
            found[path.parent.name] = int(path.read_text("ascii"))
        except (OSError, ValueError):
            continue  # the interface has gone
    return found


def rights(daemon: int | None, proc: Path = PROC) -> Rights:
    """Return what processes here may do.

    Args:
        daemon: the process of the route daemon; None: it does not run.
        proc: where /proc is.

    Raises:
        UnseenError: the kernel does not show it.
    """
    bounding = _capabilities(proc / "self", "CapBnd")
    if bounding is None:
        raise UnseenError(f"{proc}/self/status says nothing of capabilities")
    effective = None if daemon is None else _capabilities(proc / str(daemon), "CapEff")
    first = setting("net.ipv4.ip_unprivileged_port_start", proc)
    return Rights(bounding, effective, 1024 if first is None else first)


def _capabilities(process: Path, which: str) -> int | None:
    try:
        text = (process / "status").read_text("ascii", "replace")
    except OSError:
        return None
    match = re.search(rf"^{which}:\s*([0-9a-f]+)$", text, re.MULTILINE)
    return int(match[1], 16) if match else None


def behind(path: Path) -> int | None:
    """Return the process that listens on a Unix socket; None: nobody does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(1.0)
        try:
            client.connect(str(path))
            packed = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
        except OSError:
            return None
    process = int(_PEER.unpack(packed)[0])
    return process or None  # 0: in a PID namespace that this one does not see
