"""Kept copies of accepted sources: what an expiry or a rollback compiles again.

Each is stored once under its digest. Which generations still need one is `store.prune`'s
business.
"""

import gzip
import hashlib
import zlib

from blockd.errors import StoreError
from blockd.policy.record import Record, SourceRecord
from blockd.policy.store import Store, write_whole
from blockd.watchlist import never as nevers
from blockd.watchlist.never import Never
from blockd.watchlist.sources import Source

_UNREADABLE = (OSError, EOFError, zlib.error)  # gzip.BadGzipFile is an OSError


def keep(store: Store, source: Source) -> None:
    """Keep a copy of a source as it was read."""
    _keep_content(store, source.content)


def keep_never(store: Store, items: Never) -> str:
    """Keep what decided about feeds beside the sources; return its digest, empty for nothing."""
    return _keep_content(store, nevers.write(items.items)) if items else ""


def sources(store: Store, record: Record) -> list[Source]:
    """Return the sources of a generation as they were accepted; raises StoreError."""
    found = []
    for source in record.sources:
        content = _of_generation(store, record, source.sha256, source.path)
        found.append(Source(source.path, content, source.terms, signed=source.signed))
    return found


def content(store: Store, source: SourceRecord) -> bytes:
    """Return the kept copy of one source; raises StoreError."""
    try:
        return _content(store, source.sha256, source.path)
    except _UNREADABLE as error:
        raise StoreError(f"{source.path} is not kept any more: {error}") from None


def never(store: Store, record: Record) -> Never:
    """Return what no list might touch when a generation was accepted; raises StoreError."""
    if not record.never:
        return Never()
    content = _of_generation(store, record, record.never, "what no list may touch")
    return Never(nevers.kept(content))


def _keep_content(store: Store, content: bytes) -> str:
    sha256 = hashlib.sha256(content).hexdigest()
    path = store.source_path(sha256)
    if not path.exists():
        write_whole(path, gzip.compress(content, compresslevel=1, mtime=0))
    return sha256


def _of_generation(store: Store, record: Record, sha256: str, what: str) -> bytes:
    try:
        return _content(store, sha256, what)
    except _UNREADABLE as error:
        raise StoreError(
            f"the sources of generation {record.number} are not kept any more: {error}"
        ) from None


def _content(store: Store, sha256: str, what: str) -> bytes:
    path = store.source_path(sha256)
    content = gzip.decompress(path.read_bytes())
    if hashlib.sha256(content).hexdigest() != sha256:
        raise StoreError(f"{path}: the kept copy of {what} is damaged")
    return content
