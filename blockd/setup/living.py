"""Reads what lives on a host: units, sockets, lists, generations, routes. Judges nothing."""

import re
import shutil
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

from blockd.config import Config
from blockd.doctor import proc
from blockd.doctor.dns import Listener
from blockd.doctor.finding import UnseenError
from blockd.errors import BlockdError
from blockd.policy.store import Store
from blockd.routes.kernel import Kernel
from blockd.routes.withdraw import rules_of_ours
from blockd.setup import layout
from blockd.setup.facts import UnitState
from blockd.watchlist import configured, sources

_PROPERTIES = (
    "Id",
    "UnitFileState",
    "ActiveState",
    "NeedDaemonReload",
    "ActiveEnterTimestampMonotonic",
)
_UNIT = re.compile(r"/([^/]+\.(?:service|socket|scope))$")


def units(names: Iterable[str]) -> dict[str, UnitState]:
    """Return what systemd says of units; those that it does not know are disabled and inactive."""
    program = shutil.which("systemctl")
    if program is None:
        return {}
    done = subprocess.run(  # noqa: S603 - fixed names
        [program, "show", f"--property={','.join(_PROPERTIES)}", *names],
        check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    if done.returncode:
        raise UnseenError(f"systemctl shows no units: {done.stderr.strip()}")
    booted = time.time() - time.clock_gettime(time.CLOCK_MONOTONIC)
    found = {}
    for block in done.stdout.split("\n\n"):
        said = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        entered = int(said.get("ActiveEnterTimestampMonotonic", "0")) / 1e6
        found[said.get("Id", "")] = UnitState(
            said.get("UnitFileState", ""),
            said.get("ActiveState", "inactive"),
            booted + entered,
            said.get("NeedDaemonReload") == "yes",
        )
    return found


def listeners() -> tuple[tuple[Listener, ...], dict[str, str]]:
    """Return the bound sockets, and the unit of each program that holds one."""
    try:
        found = proc.listeners()
    except UnseenError:
        return (), {}
    owners = {}
    for program in {each for held in found for each in held.programs}:
        number = program.rpartition("(")[2].rstrip(")")
        said = _cgroup(number)
        match = next((m for line in said.splitlines() if (m := _UNIT.search(line))), None)
        if match and number != "1":
            owners[program] = match[1]
    return tuple(found), owners


def _cgroup(process: str) -> str:
    try:
        return Path(f"/proc/{process}/cgroup").read_text("ascii", "replace")
    except OSError:
        return ""


def is_listed(config: Config) -> bool:
    """Tell whether there is a list."""
    if any(each.url or Path(each.path).exists() for each in config.list.source):
        return True
    for path in config.list.paths:
        try:
            if Path(path).exists() and sources.find([path])[0]:
                return True
        except BlockdError:
            continue  # it holds none, or is not there: `check` says it better
    return False


def is_unfetched(config: Config) -> bool:
    """Tell whether a list with a URL is not in the spool yet."""
    urls = [each.url for each in config.list.source if each.url]
    return any(not configured.spooled(config.fetch.spool, url).exists() for url in urls)


def has_generation(config: Config) -> bool:
    """Tell whether a list has been compiled."""
    try:
        return Store(Path(config.service.state or layout.STATE)).current() is not None
    except (BlockdError, OSError):
        return False


def has_routes(config: Config) -> bool:
    """Tell whether the kernel holds routes or rules of blockd's."""
    routes = config.routes
    try:
        with Kernel(routes.table, routes.protocol) as kernel:
            if rules_of_ours(kernel.rules(), routes.protocol):
                return True
            held = (*kernel.routes(routes.table), *kernel.routes(routes.table + 1))
            return any(each.protocol == routes.protocol for each in held)
    except BlockdError:
        return False
