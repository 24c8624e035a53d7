"""What is remembered of each generation: one record, chained to the one before. Types only.

A record says when, from which files, and what changed. It holds no names and no clients.
"""

import hashlib
from datetime import date, datetime

import msgspec
from msgspec import Struct

from blockd.config import GuardSection, Terms
from blockd.minisign.signature import Signed
from blockd.watchlist.model import Expiry


class SourceRecord(Struct, frozen=True, kw_only=True):
    """One file as it was accepted."""

    path: str
    sha256: str
    """Of the content; names the kept copy in the store."""
    names: int
    prefixes: int
    dropped: int
    """Bad entries of a feed that were left out."""
    terms: Terms = Terms()
    """What the operator said about it."""
    signed: Signed | None = None
    """Who vouched for it; None: nobody was asked to."""


class Acceptance(Struct, frozen=True, kw_only=True):
    """Somebody's word that a change is meant, though it is beyond the guard's limits."""

    digest: str
    """Of exactly that change, see `difference`."""
    by: str
    """Who confirmed it, as the system knows them."""
    beyond: tuple[str, ...] = ()
    """The limits, and by how much."""


class Record(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One generation."""

    number: int
    committed: datetime
    reason: str
    """`changed`, `expiry`, `rollback`, `mended` after damage to the files, or `clock` after it
    went back to an earlier day."""
    inputs: str
    """Digest of the sources and of the settings that decide about them."""
    content: str
    """Digest of what is enforced; equal where only lines moved or comments changed."""
    file_sha256: str
    """Of the generation's LMDB file."""
    sources: tuple[SourceRecord, ...]
    rules: int
    names: int
    prefixes: int
    added: int
    removed: int
    changed: int
    shadow: int = 0
    """Entries that are matched and counted only."""
    shortest_v4: int
    shortest_v6: int
    """The guard's limits when the sources were accepted; they decide what feeds lost."""
    never: str = ""
    """Digest of the kept copy of what no list might touch; empty: nothing."""
    changes_on: date | None = None
    """The first day on which an entry in force will have expired."""
    expiries: tuple[Expiry, ...] = ()
    """What leaves by itself on the first days on which something does."""
    rolled_back_to: int | None = None
    held_inputs: str | None = None
    """After a rollback: the sources that were refused by it, ignored until they change."""
    accepted: Acceptance | None = None
    """Who confirmed the change; None: nobody had to."""
    previous: str = ""
    """SHA-256 of the previous record's file; empty for the first."""

    @property
    def next_expiry(self) -> date | None:
        """The last day of what leaves next, in force until its end; None: nothing leaves."""
        return self.expiries[0].last_day if self.expiries else None

    def limits(self) -> GuardSection:
        """Return the limits under which the sources were accepted."""
        return GuardSection(shortest_v4=self.shortest_v4, shortest_v6=self.shortest_v6)


def encode(record: Record) -> bytes:
    """Return the record as the JSON text that is stored and chained."""
    return msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n"


def decode(content: bytes) -> Record:
    """Return the record of a stored text; raises msgspec.DecodeError."""
    return msgspec.json.decode(content, type=Record)


def chained(content: bytes) -> str:
    """Return what the next record says as its `previous`."""
    return hashlib.sha256(content).hexdigest()
