"""Kept copies of accepted sources: what an expiry or a rollback compiles again.

Each is stored once under its digest. Which generations still need one is `store.prune`'s
business.
"""

import gzip
import hashlib
import zlib

from blockd.errors import StoreError
from blockd.policy.record import Record
from blockd.policy.store import Store, write_whole
from blockd.watchlist import never as nevers
from blockd.watchlist.never import Never
from blockd.watchlist.sources import Source


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
        content = _content(store, record, source.sha256, source.path)
        found.append(Source(source.path, content, source.terms, signed=source.signed))
    return found


def never(store: Store, record: Record) -> Never:
    """Return what no list might touch when a generation was accepted; raises StoreError."""
    if not record.never:
        return Never()
    return Never(nevers.kept(_content(store, record, record.never, "what no list may touch")))


def _keep_content(store: Store, content: bytes) -> str:
    sha256 = hashlib.sha256(content).hexdigest()
    path = store.source_path(sha256)
    if not path.exists():
        write_whole(path, gzip.compress(content, compresslevel=1, mtime=0))
    return sha256


def _content(store: Store, record: Record, sha256: str, what: str) -> bytes:
    path = store.source_path(sha256)
    try:
        content = gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:  # gzip.BadGzipFile is an OSError
        raise StoreError(
            f"the sources of generation {record.number} are not kept any more: {error}"
        ) from None
    if hashlib.sha256(content).hexdigest() != sha256:
        raise StoreError(f"{path}: the kept copy of {what} is damaged")
    return content
