"""Blocked names that stand alone, since an exception lies below them (RFC 8020).

Pure decisions about names whose conflicts are settled already, see `conflicts`.
"""

from collections.abc import Iterable

from blockd import names
from blockd.watchlist.conflicts import Slots, slots
from blockd.watchlist.model import NameEntry


def excepts(entry: NameEntry | Slots) -> bool:
    """Tell whether an exception decides about a name or about those below it."""
    if isinstance(entry, NameEntry):
        return entry.rule.allow
    return any(slot is not None and slot.rule.allow for slot in entry)


def open_paths(
    excepted: Iterable[bytes], chosen: dict[bytes, NameEntry | Slots]
) -> frozenset[bytes]:
    """Mark every blocked name above an exception as standing alone.

    NXDOMAIN for such a name would say that nothing exists below it, and a resolver that
    follows RFC 8020 would cut off the exception.

    Args:
        excepted: every name of which `excepts` holds.
        chosen: what decides about each name above one of these, and perhaps about others; a
            mark is put into it.

    Returns:
        Those of the names that have no entry themselves.
    """
    between: set[bytes] = set()
    for name in excepted:
        is_blocked = False
        for ancestor in reversed(list(names.above(name))):
            entry = chosen.get(ancestor)
            if entry is None:
                if is_blocked:
                    between.add(ancestor)
                continue
            below = slots(entry).below
            if below is not None:
                is_blocked = not below.rule.allow
            if isinstance(entry, NameEntry) and not entry.rule.allow:
                chosen[ancestor] = slots(entry)  # two slots say that the name stands alone
    return frozenset(between)
