"""The status of several workers as the status of one resolver. Pure."""

from collections.abc import Sequence
from typing import Any

_LEAST = frozenset({"generation", "names"})
"""All workers hold these: what the last of them holds is what the resolver enforces."""

_MEAN = frozenset({"rtt_ms"})
_ANY = frozenset({"suspected"})
"""A truth that one worker is enough for; any other needs all of them."""

_SAME = frozenset({"bounds", "workers"})


def added(statuses: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return one status for many of the same shape.

    Numbers are added, in whatever depth; of the generation the least counts, and none is less
    than any. `ready`, like other truths, needs all. Upstreams are merged by zone and address.
    Texts that differ are all shown.
    """
    names = dict.fromkeys(name for status in statuses for name in status)
    return {name: _one(name, [s[name] for s in statuses if name in s]) for name in names}


def _one(name: str, values: list[Any]) -> Any:
    if name in _LEAST:
        return None if None in values else min(values)
    present = [value for value in values if value is not None]
    if not present or name in _SAME:
        return present[0] if present else None
    total: Any
    match present[0]:
        case bool():
            total = any(present) if name in _ANY else all(present)
        case int() | float():
            total = sum(present)
            total = round(total / len(present), 3) if name in _MEAN else total
        case dict():
            total = added(present)
        case list():
            total = _lists(present)
        case _:
            total = "; ".join(dict.fromkeys(str(value) for value in present if value != ""))
    return total


def _lists(lists: list[list[Any]]) -> list[Any]:
    entries = [entry for each in lists for entry in each]
    if all(isinstance(entry, dict) and "address" in entry for entry in entries):
        merged: dict[Any, list[dict[str, Any]]] = {}
        for entry in entries:
            merged.setdefault((entry.get("zone"), entry["address"]), []).append(entry)
        return [added(same) for same in merged.values()]
    numbers = all(isinstance(entry, int | float) for entry in entries)
    if numbers and len({len(each) for each in lists}) == 1:
        return [sum(column) for column in zip(*lists, strict=True)]
    return [entry for place, entry in enumerate(entries) if entry not in entries[:place]]
