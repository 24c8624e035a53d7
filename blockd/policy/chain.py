"""Whether the history is whole: each record vouches for the one before, and for its files.

Reads the store and changes nothing. What a record holds is `record`'s business.
"""

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from blockd.policy import record as records
from blockd.policy.record import Record
from blockd.policy.store import KEPT, Store, digest


class Fault(NamedTuple):
    """Something that is not as it was when it was written."""

    number: int
    """The generation; 0: the history as a whole."""
    what: str

    def __str__(self) -> str:
        """Return a line for a person."""
        return f"generation {self.number}: {self.what}" if self.number else self.what


class Verified(NamedTuple):
    """What was found."""

    records: int
    """How many records were read."""
    head: str
    """SHA-256 of the newest record. It vouches for all before it, so whoever notes it down
    elsewhere can tell later whether the end of the history was cut off or written anew."""
    faults: tuple[Fault, ...]


def verify(store: Store, noted: str = "") -> Verified:
    """Read every record and every kept file, and compare their digests.

    Args:
        store: the state.
        noted: a head that somebody noted down before, which must be in the history.
    """
    current = store.current() or 0
    faults: list[Fault] = []
    found, head, heads = 0, "", set()
    for number in range(1, current + 1):
        path = store.record_path(number)
        content = _read(path)
        if content is None:
            faults.append(Fault(number, f"{path} is missing or cannot be read"))
            head = ""
            continue
        found += 1
        try:
            record = records.decode(content)
        except msgspec.DecodeError as error:
            faults.append(Fault(number, f"{path} is no record: {error}"))
        else:
            faults += _of_record(store, record, number, head, current)
        head = records.chained(content)
        heads.add(head)
    if noted and noted.lower() not in heads:
        faults.append(
            Fault(0, f"no record has the digest {noted}: the history was cut off or written anew")
        )
    return Verified(found, head, tuple(faults))


def _of_record(
    store: Store, record: Record, number: int, before: str, current: int
) -> Iterator[Fault]:
    """Yield what is wrong with a record and its files, where `before` is the last one's digest."""
    if record.number != number:
        yield Fault(number, f"its record says that it is generation {record.number}")
    if record.previous != before:
        if before:
            yield Fault(
                number - 1, "its record was changed: the next one vouches for another content"
            )
        elif number > 1:
            yield Fault(number, "its record vouches for one that is gone")
        else:
            yield Fault(number, "the first record vouches for one before it, which is gone")
    if number <= current - KEPT:
        return  # its files are not kept any more
    path = store.generation_path(number)
    try:
        if digest(path) != record.file_sha256:
            yield Fault(number, f"{path} was changed or is damaged")
    except OSError as error:
        yield Fault(number, f"{path}: {error.strerror}")
    named = {source.sha256: source.path for source in record.sources}
    if record.never:
        named[record.never] = "what no list may touch"
    for sha256, what in named.items():
        if not _is_whole(store.source_path(sha256), sha256):
            yield Fault(number, f"the kept copy of {what} is missing or was changed")


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _is_whole(path: Path, sha256: str) -> bool:
    try:
        with gzip.open(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except (OSError, EOFError, zlib.error):
        return False
