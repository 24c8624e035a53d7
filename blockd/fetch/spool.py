"""The spool: the last good copy of each list, the signature beside it, a note about its fetching.

    DIGEST-NAME            the list, which the compiler reads
    DIGEST-NAME.minisig    its signature, where the source demands one
    DIGEST-NAME.json       what is known of it: the server's word for its edition, the last problem

Each file is replaced whole by a rename. A list and its signature are renamed one right behind the
other, once both are on the disk; where a crash comes between, the digest in the note tells.
"""

import contextlib
import hashlib
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from blockd.errors import StoreError
from blockd.minisign.signature import SUFFIX
from blockd.policy import locking
from blockd.policy.store import become_owner
from blockd.publishers import Url
from blockd.watchlist.configured import spooled

_NOTE = ".json"


class Note(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known about the copy of one URL."""

    url: str
    etag: str = ""
    modified: str = ""
    """Last-Modified, as the server sent it."""
    sha256: str = ""
    """Of list and signature; other files than these are fetched anew."""
    changed: datetime | None = None
    """When the copy came."""
    confirmed: datetime | None = None
    """When the server last said that it is current."""
    problem: str = ""
    """Why the last attempt failed; empty: it did not."""
    since: datetime | None = None
    """When that began."""
    failures: int = 0
    """Attempts in a row that failed."""
    not_before: datetime | None = None
    """When the timer may try again."""


class Copy(Struct, frozen=True):
    """What the spool holds of one URL."""

    note: Note
    content: bytes | None = None
    """None: nothing that could be used."""
    signature: bytes = b""


class Spool:
    """A directory of copies."""

    patience = locking.PATIENCE
    """Seconds that `lock()` waits for another fetcher."""

    def __init__(self, directory: str) -> None:
        """Name it; it is made by the first `lock()`."""
        self.directory = Path(directory)

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other fetchers out; waits for one that is at work.

        Run by root, it takes on the directory's owner, so that root's `blockd fetch` leaves
        nothing that the service cannot replace.

        Raises:
            BusyError: the one before is still at work.
            StoreError: the directory cannot be made or written.
        """
        try:
            self.directory.mkdir(mode=0o750, parents=True, exist_ok=True)
            become_owner(self.directory)
            path = self.directory / ".lock"
            handle = locking.opened(path)
        except OSError as error:
            raise StoreError(
                f"{self.directory}: cannot be written: {error.strerror}; choose another [fetch]"
                " spool, or run as its owner"
            ) from None
        try:
            locking.take(handle, path, self.patience)
            yield
        finally:
            os.close(handle)

    def note(self, url: Url) -> Note | None:
        """Return what is known of a URL; None: nothing, or nothing that can be read."""
        try:
            return msgspec.json.decode(self._beside(url, _NOTE).read_bytes(), type=Note)
        except (OSError, msgspec.DecodeError):
            return None

    def copy(self, url: Url) -> Copy:
        """Return what is held of a URL, with the server's word for it only if it is still that."""
        note = self.note(url) or Note(url=str(url))
        try:
            content = spooled(str(self.directory), url).read_bytes()
        except OSError:
            return Copy(msgspec.structs.replace(note, etag="", modified=""))
        try:
            signature = self._beside(url, SUFFIX).read_bytes()
        except OSError:
            signature = b""
        if note.sha256 != digest(content, signature):
            note = msgspec.structs.replace(note, etag="", modified="")
        return Copy(note, content, signature)

    def put(self, url: Url, content: bytes, signature: bytes) -> None:
        """Replace a copy; raises StoreError, and then the one before is whole."""
        path = spooled(str(self.directory), url)
        files = [(self._beside(url, SUFFIX), signature)] if signature else []
        self._replace([*files, (path, content)])

    def remember(self, url: Url, note: Note) -> None:
        """Replace the note about a URL; raises StoreError."""
        text = msgspec.json.format(msgspec.json.encode(note), indent=2) + b"\n"
        self._replace([(self._beside(url, _NOTE), text)])

    def _beside(self, url: Url, suffix: str) -> Path:
        path = spooled(str(self.directory), url)
        return path.with_name(path.name + suffix)

    def _replace(self, files: list[tuple[Path, bytes]]) -> None:
        made: list[Path] = []
        try:
            for path, content in files:
                made.append(path.with_name(f".{path.name}"))
                with made[-1].open("wb") as file:
                    made[-1].chmod(0o640)
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
            for beside, (path, _) in zip(made, files, strict=True):
                beside.replace(path)
            handle = os.open(self.directory, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
        except OSError as error:
            for beside in made:
                with contextlib.suppress(OSError):
                    beside.unlink(missing_ok=True)
            raise StoreError(
                f"{error.filename or self.directory}: {error.strerror}; free space or mend"
                " permissions. The copy before stays"
            ) from None


def digest(content: bytes, signature: bytes) -> str:
    """Return what a note remembers a copy by."""
    hashed = hashlib.sha256(content)
    hashed.update(hashlib.sha256(signature).digest())
    return hashed.hexdigest()
