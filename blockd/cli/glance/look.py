"""One look at the gateway: every daemon asked, and the state read. No judgement here."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from blockd.cli.setting import Setting
from blockd.errors import StoreError, UnreachableError
from blockd.service import control
from blockd.service.standing import Standing, Status, wanted

if TYPE_CHECKING:
    from blockd.fetch.spool import Note
    from blockd.policy.record import Record
    from blockd.verify.report import Report
    from blockd.watchlist.model import Expiry


class Look(NamedTuple):
    """What one look at the gateway found."""

    at: datetime
    state: Path
    standing: Standing
    unread: str
    """Why there is no record; empty where there is one."""
    silent: dict[str, UnreachableError]
    """Daemons without an answer, and why there is none."""
    fetched: "Sequence[Note]"
    verified: "Report | None"
    expiring: "Sequence[Expiry]"
    to_start: str = ""
    """How the daemons are started, as the rest of a sentence."""


def look(given: Setting, days: int) -> Look:
    """Ask and read everything.

    Args:
        given: says where sockets and state are.
        days: how far ahead entries that expire are looked for.

    Raises:
        UnreachableError: the state is closed to this user, who would see a gateway without any.
    """
    now = datetime.now(UTC)
    # The record first: a daemon may be ahead of it, and is then not taken to be behind.
    record, unread = _record(given)
    daemons: dict[str, Status | None] = {}
    silent: dict[str, UnreachableError] = {}
    for name in wanted(given.config):
        try:
            daemons[name] = control.ask(given.control(name))
        except UnreachableError as error:
            daemons[name], silent[name] = None, error
    until = now.date() + timedelta(days=max(days, 0))
    return Look(
        now,
        given.state,
        Standing(record, daemons, notice=_notice(given)),
        unread,
        silent,
        _fetched(given),
        _verified(given),
        [expiry for expiry in record.expiries if expiry.last_day <= until] if record else [],
        given.to_start,
    )


def _record(given: Setting) -> "tuple[Record | None, str]":
    """Return the record of the generation in force, or why there is none."""
    number = given.store.current()
    if number is None:
        return None, f"no generation in {given.state} yet; run `blockd compile`"
    try:
        return given.store.record(number), ""
    except StoreError as error:
        return None, str(error)


def _notice(given: Setting) -> Status | None:
    """Return what the notice service says; where it does not run, nobody misses it."""
    try:
        return control.ask(given.control("notice"))
    except UnreachableError:
        return None


def _fetched(given: Setting) -> "list[Note]":
    """Return what the spool knows of the sources that have a URL; of the others it is nothing."""
    urls = [source.url for source in given.config.list.source if source.url is not None]
    if not urls:
        return []
    from blockd.fetch.spool import Note, Spool  # noqa: PLC0415 - few gateways have any

    spool = Spool(given.config.fetch.spool)
    return [
        spool.note(url) or Note(url=str(url), problem="was never fetched: run `blockd fetch`")
        for url in urls
    ]


def _verified(given: Setting) -> "Report | None":
    """Return what the last `blockd verify --record` found; None: there was none since boot."""
    if not os.access(given.verified, os.R_OK):
        return None
    from blockd.verify import report  # noqa: PLC0415 - on gateways that verify alone

    return report.read(given.verified)
