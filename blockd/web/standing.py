"""How the gateway stands at one moment: the record in force and each daemon's own status.

Reads sockets and the state; what follows from it is decided in `health`, `metrics` and `page`.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from blockd.config import Config
from blockd.errors import StoreError, UnreachableError
from blockd.policy.record import Record
from blockd.policy.store import Store
from blockd.service import control

Status = dict[str, Any]
"""What a control socket answers; see `status` of each daemon."""


class Standing(NamedTuple):
    """One look at everything."""

    record: Record | None
    """Of the generation in force; None: there is none, or its record cannot be read."""
    daemons: dict[str, Status | None]
    """Those that this gateway is to run, by name; None: no answer."""
    verified: Status | None = None
    """What the last `blockd verify --record` left; None: none since boot."""

    def of(self, name: str) -> Status:
        """Return a daemon's status; empty where it gives none."""
        return self.daemons.get(name) or {}


def wanted(config: Config) -> list[str]:
    """Return the daemons that a gateway of this configuration runs."""
    return ["compiler", "resolver", *(["routes"] if config.routes.enabled else [])]


async def look(config: Config, store: Store, socket_of: Callable[[str], Path]) -> Standing:
    """Ask all daemons at once, and read the record in force.

    Args:
        config: says whether there are routes.
        store: the policy store; needs read access only.
        socket_of: the path of a daemon's control socket.
    """
    names = wanted(config)
    # The record first: a daemon may be ahead of it, and is then not taken to be behind.
    record = await asyncio.to_thread(in_force, store)
    answers = await asyncio.gather(*(asyncio.to_thread(_ask, socket_of(name)) for name in names))
    verified = await asyncio.to_thread(_left, socket_of("verify").with_suffix(".json"))
    return Standing(record, dict(zip(names, answers, strict=True)), verified)


def in_force(store: Store) -> Record | None:
    """Return the record of the generation in force, where it has a readable one."""
    number = store.current()
    try:
        return None if number is None else store.record(number)
    except StoreError:
        return None


def problems(status: Status) -> list[str]:
    """Return what a daemon says is wrong."""
    found = [str(problem) for problem in status.get("problems", ())]
    return [*found, str(status["problem"])] if status.get("problem") else found


def _left(path: Path) -> Status | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Status)
    except (OSError, msgspec.DecodeError):
        return None


def _ask(path: Path) -> Status | None:
    try:
        return control.ask(path)
    except UnreachableError:
        return None
