"""Which edition of each signed source was accepted last, so that none before it is taken again.

Kept beside the generations and not within them: a rollback enforces an older edition, and a newer
signature of the same content makes no generation, yet neither may let the past in again.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from blockd.errors import ListError, StoreError
from blockd.policy.store import Store, write_whole
from blockd.watchlist.sources import Source

Serials = dict[str, dict[str, int]]
"""By source and by the number of the key. A new key begins anew once the old one is not pinned
any more; as long as both are, neither may go back behind the other."""


def require_forward(store: Store, sources: Sequence[Source]) -> None:
    """Return when no source's edition is older than the last accepted one.

    Raises:
        ListError: one is; nothing was changed.
        StoreError: what was accepted last cannot be read.
    """
    signed = [(source, source.signed) for source in sources if source.signed is not None]
    accepted = read(store) if signed else {}
    for source, by in signed:
        known = accepted.get(source.path, {})
        last = max((known.get(key, 0) for key in source.keys), default=0)
        if by.serial < last:
            raise ListError(
                f"{source.path}: its signature is refused: edition {by.serial} is older"
                f" than {last}, which was accepted before; nothing was changed. If its publisher"
                " counts anew, that needs a new key, or its entry taken out of"
                f" {_path(store)}"
            )


def keep(store: Store, sources: Sequence[Source]) -> None:
    """Remember the editions of accepted sources, under the store's lock; raises StoreError."""
    signed = [(source.path, source.signed) for source in sources if source.signed is not None]
    if not signed:
        return
    accepted = read(store)
    before = msgspec.json.encode(accepted)
    for path, by in signed:
        known = accepted.setdefault(path, {})
        known[by.key] = max(known.get(by.key, 0), by.serial)
    after = msgspec.json.encode(accepted)
    if after != before:
        write_whole(_path(store), msgspec.json.format(after, indent=2) + b"\n")


def read(store: Store) -> Serials:
    """Return the last accepted editions; raises StoreError."""
    path = _path(store)
    try:
        return msgspec.json.decode(path.read_bytes(), type=Serials)
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.DecodeError) as error:
        raise StoreError(
            f"{path}: which editions were accepted cannot be read: {error}; restore the file, or"
            " remove it and so take any edition that is signed"
        ) from None


def _path(store: Store) -> Path:
    return store.state / "serials.json"
