"""The policy store: a directory of generations, and the one switch between them.

    lock                 flock: one writer at a time
    current              symbolic link to a generation's file; replaced by rename
    generations/N.mdb    compiled policies, immutable once current
    records/N.json       one record each; a record counts once `current` has reached its number
    sources/SHA256.gz    accepted source files, for expiry, rollback and audit
    serials.json         the last accepted edition of each signed source, see `serials`
    recompile            what the last compile remembers for the next one, see `remembered`

A commit writes the record and the generation under names that nothing refers to, syncs them,
and renames one link: killed at any point before that, the old generation stays current.
"""

import contextlib
import hashlib
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from blockd.errors import NoPolicyError, StoreError
from blockd.policy import locking
from blockd.policy import record as records
from blockd.policy.reader import Policy
from blockd.policy.record import Record

KEPT = 10
"""Generations whose files are kept for rollback; records are kept for ever."""

_SLICE = 1 << 19
"""Octets that are digested at once: some 0.4 ms."""


class Store:
    """A state directory. Reading needs no lock; writing happens inside `lock()`."""

    patience = locking.PATIENCE
    """Seconds that `lock()` waits for another writer."""

    def __init__(self, state: Path) -> None:
        """Name the directory; it is made by the first `lock()`."""
        self.state = state
        self._current = state / "current"
        self._generations = state / "generations"
        self._records = state / "records"
        self._ended = threading.Event()

    def current(self) -> int | None:
        """Return the number of the generation in force; None before the first commit.

        One readlink, cheap enough to ask before every batch of queries.
        """
        try:
            return _number(os.readlink(self._current)) or None  # noqa: PTH115 - asked before every batch: no Path is made
        except OSError:
            return None

    def open(self) -> Policy:
        """Open the current generation, or the newest good one before it; see `open_after`."""
        policy = self.open_after(None)
        if policy is None:  # cannot be: nothing was excluded
            raise NoPolicyError
        return policy

    def open_after(self, held: int | None, pause: float = 0.0) -> Policy | None:
        """Open the current generation, or the newest good one before it.

        The file's digest is checked against its record, so that a damaged file is noticed
        before it is adopted.

        Args:
            held: a generation that this process has open already. LMDB opens no file twice.
            pause: see `digest`.

        Returns:
            The policy; None when the held one is the newest good one.

        Raises:
            NoPolicyError: there is none yet.
            StoreError: there are some, and none of them is whole.
        """
        current = self.current()
        if current is None:
            raise NoPolicyError(
                f"no generation in {self.state} yet; run `blockd compile` (or start blockd.service)"
            )
        problems = []
        for number in range(current, max(0, current - KEPT), -1):
            if number == held:
                return None
            try:
                return self.open_generation(number, pause)
            except StoreError as error:
                problems.append(str(error))
        raise StoreError(f"no generation can be used: {problems[0]}; run `blockd compile`")

    def open_generation(self, number: int, pause: float = 0.0) -> Policy:
        """Open one generation after checking its digest (see there); raises StoreError."""
        return Policy(self._checked(number, pause))

    def is_whole(self, number: int) -> bool:
        """Tell whether a generation's file is there and undamaged."""
        try:
            self._checked(number)
        except StoreError:
            return False
        return True

    def _checked(self, number: int, pause: float = 0.0) -> Path:
        path = self.generation_path(number)
        expected = self.record(number).file_sha256
        try:
            found = digest(path, pause)
        except OSError as error:
            raise StoreError(f"{path}: {error.strerror}") from None
        if found != expected:
            raise StoreError(f"{path}: the file is damaged (its digest is not its record's)")
        return path

    def record(self, number: int) -> Record:
        """Return a generation's record; raises StoreError."""
        path = self.record_path(number)
        try:
            return records.decode(path.read_bytes())
        except (OSError, msgspec.DecodeError) as error:
            raise StoreError(f"{path}: no readable record: {error}") from None

    def history(self) -> list[Record]:
        """Return the records of all generations, the newest first; unreadable ones are left out."""
        found = []
        for number in range(self.current() or 0, 0, -1):
            with contextlib.suppress(StoreError):
                found.append(self.record(number))
        return found

    def generation_path(self, number: int) -> Path:
        """Where a generation's file is."""
        return self._generations / f"{number:08d}.mdb"

    def record_path(self, number: int) -> Path:
        """Where a generation's record is."""
        return self._records / f"{number:08d}.json"

    def source_path(self, sha256: str) -> Path:
        """Where the kept copy of an accepted source is."""
        return self.state / "sources" / f"{sha256}.gz"

    @contextlib.contextmanager
    def lock(self, *, wait: bool = True) -> Iterator[None]:
        """Hold the store for writing; waits for the writer before, unless it is told not to.

        Run by root, it takes on the directory's owner for the rest of the process, so that
        root's `blockd compile` leaves nothing that the service cannot write.

        Raises:
            BusyError: the writer before is still at work, or `stop_waiting` was called.
            StoreError: the directory cannot be made or written, then or within the lock.
        """
        try:
            for directory in (self._generations, self._records, self.state / "sources"):
                if not directory.is_dir():
                    self.state.mkdir(mode=0o750, parents=True, exist_ok=True)
                    become_owner(self.state)
                    directory.mkdir(mode=0o750, exist_ok=True)
            become_owner(self.state)
            path = self.state / "lock"
            handle = locking.opened(path)
        except OSError as error:
            raise StoreError(
                f"{self.state}: cannot be written: {error.strerror};"
                " choose another directory with --state, or run as its owner"
            ) from None
        try:
            locking.take(handle, path, self.patience if wait else 0, self._ended)
            yield
        except OSError as error:
            raise StoreError(
                f"{error.filename or self.state}: {error.strerror}; free space or mend permissions"
            ) from None
        finally:
            os.close(handle)

    def stop_waiting(self) -> None:
        """Have no thread wait for another writer any more: the process is to end."""
        self._ended.set()

    def publish(self, record: Record, generation: Path) -> None:
        """Make a written generation current, under the lock.

        Args:
            record: its record, numbered one above the current.
            generation: the written file, anywhere in the store; it is moved.
        """
        path = self.generation_path(record.number)
        generation.chmod(0o640)
        _sync(generation)
        generation.replace(path)
        _sync(self._generations)
        write_whole(self.record_path(record.number), records.encode(record))
        link = self.state / ".current"
        link.unlink(missing_ok=True)
        link.symlink_to(path.relative_to(self.state))
        link.replace(self._current)  # from here on it is in force
        _sync(self.state)

    def scratch(self) -> Path:
        """Return the name for a generation in the making; leftovers of a killed one go."""
        path = self._generations / ".next.mdb"
        path.unlink(missing_ok=True)
        return path

    def prune(self) -> None:
        """Delete generation files beyond the kept ones, and sources that none of these used."""
        current = self.current() or 0
        needed: set[str] = set()
        for path in self._generations.glob("*.mdb"):
            number = _number(path.name)
            if number > current or number <= current - KEPT:
                path.unlink()
        for number in range(max(1, current - KEPT + 1), current + 1):
            with contextlib.suppress(StoreError):
                record = self.record(number)
                needed.update((record.never, *(source.sha256 for source in record.sources)))
        for path in (self.state / "sources").iterdir():
            if path.name.removesuffix(".gz") not in needed:
                path.unlink()


def become_owner(directory: Path) -> None:
    """Where root works on another user's directory, go on as that user."""
    owner = directory.stat()
    if os.geteuid() == 0 and owner.st_uid != 0:
        os.setgroups([])
        os.setegid(owner.st_gid)
        os.seteuid(owner.st_uid)


def write_whole(path: Path, content: bytes) -> None:
    """Put a file in place whole or not at all: write beside, sync, rename, sync the directory."""
    beside = path.with_name(f".{path.name}")
    beside.unlink(missing_ok=True)
    with beside.open("xb") as file:  # made anew: it follows no link, whoever owns the directory
        os.fchmod(file.fileno(), 0o640)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    _sync(path.parent)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def digest(path: Path, pause: float = 0.0) -> str:
    """Return the SHA-256 of a file, as records hold it.

    Args:
        path: of the file.
        pause: seconds for which the processor is left to others after each half megabyte, for a
            thread beside one that answers queries: without it both get the same share of a core.
    """
    found = hashlib.sha256()
    room = memoryview(bytearray(_SLICE))
    with path.open("rb", buffering=0) as file:
        while size := file.readinto(room):
            found.update(room[:size])
            if pause:
                time.sleep(pause)
    return found.hexdigest()


def _number(name: str) -> int:
    stem = name.rpartition("/")[2].removesuffix(".mdb")
    return int(stem) if stem.isdigit() else 0
