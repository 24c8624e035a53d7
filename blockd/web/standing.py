"""How the gateway stands at one moment: the record in force and each daemon's own status.

Reads sockets and the state; what follows from it is decided in `service.standing`, `metrics` and
`pages`.
"""

import asyncio
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from blockd.config import Config
from blockd.errors import StoreError, UnreachableError
from blockd.policy.record import Record
from blockd.policy.store import Store
from blockd.service import control
from blockd.service.standing import Fetched, Standing, Status, wanted
from blockd.watchlist.configured import spooled


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
    verified = await asyncio.to_thread(_left, socket_of("verify").with_name("report.json"))
    notice = await asyncio.to_thread(_ask, socket_of("notice"))
    fetched = await asyncio.to_thread(_fetched, config)
    return Standing(record, dict(zip(names, answers, strict=True)), verified, notice, fetched)


def in_force(store: Store) -> Record | None:
    """Return the record of the generation in force, where it has a readable one."""
    number = store.current()
    try:
        return None if number is None else store.record(number)
    except StoreError:
        return None


def _fetched(config: Config) -> Fetched | None:
    """Read the notes of the spool; see `fetch.spool`."""
    urls = [source.url for source in config.list.source if source.url is not None]
    spool = config.fetch.spool
    # Closed to this user, it would look like one into which nothing was ever fetched.
    if not urls or (Path(spool).exists() and not os.access(spool, os.R_OK | os.X_OK)):
        return None
    notes = [_note(spooled(spool, url)) for url in urls]
    confirmed = [note.confirmed for note in notes if note and note.confirmed]
    problems = sum(note is None or bool(note.problem) for note in notes)
    return Fetched(problems, min(confirmed, default=None))


class _Note(Struct, frozen=True):
    """What is looked at in a note about a URL."""

    problem: str = ""
    confirmed: datetime | None = None


def _note(copy: Path) -> _Note | None:
    try:
        return msgspec.json.decode(copy.with_name(f"{copy.name}.json").read_bytes(), type=_Note)
    except (OSError, msgspec.DecodeError):
        return None


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
