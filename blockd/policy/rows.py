"""What stands in the rows of a table of names: from entries to values and back, in columns.

A million names pass here several times in a compile, nearly all of them listed with all that is
below, so what is the same for a batch is settled for the batch. `layout` says what a row holds,
`table` reads rows.
"""

import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from blockd.policy import layout
from blockd.watchlist.compile import Slots, slots
from blockd.watchlist.model import NameEntry, Rule, Scope

LINE_OF = itemgetter(3)
_RULE_OF, _SCOPE_OF = itemgetter(2), itemgetter(1)


class Numbers(dict[int, int]):
    """Numbers of rules by the identities of rules: hashing a rule visits all its fields."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        """Number the rules by their places."""
        super().__init__()
        self._by_value = {rule: place for place, rule in enumerate(rules)}
        self._held: list[Rule] = []

    def has(self, rule: Rule) -> bool:
        """Tell whether a rule has a number."""
        return rule in self._by_value

    def of(self, rule: Rule) -> int:
        """Return the number of a rule, or of one that is equal to it."""
        number = self.get(id(rule))
        if number is None:
            number = self[id(rule)] = self._by_value[rule]
            self._held.append(rule)  # its identity stays its own
        return number


def plain(entries: Sequence[Any]) -> list[Rule] | None:
    """Return the rules of entries that are all listed with what is below; None: some are not."""
    try:
        rules: list[Rule] = list(map(_RULE_OF, entries))
    except (IndexError, TypeError):  # slots, or no entry
        return None
    scopes = list(map(_SCOPE_OF, entries))
    return rules if scopes.count(Scope.SUBTREE) == len(scopes) else None


def distinct(rules: Iterable[Rule]) -> Iterable[Rule]:
    """Return the rules by identity, each once."""
    listed = list(rules)
    return dict(zip(map(id, listed), listed, strict=True)).values()


def pack(entry: NameEntry | Slots, number: Callable[[Rule], int]) -> bytes:
    """Return the stored value of a name."""
    if isinstance(entry, NameEntry) and entry.scope is Scope.SUBTREE:
        return layout.ONE.pack(number(entry.rule), entry.line)
    itself, below = slots(entry)
    return layout.TWO.pack(*_slot(itself, number), *_slot(below, number))


def numbers_in(values: Sequence[bytes]) -> tuple[int, ...]:
    """Return the numbers of rules in values, in their order; `layout.NONE` where there is none.

    There are as many as values where each has one.
    """
    joined = b"".join(values)
    return struct.unpack(f"<{len(joined) // 4}I", joined)[::2]


def single(name: bytes, value: bytes, rules: Sequence[Rule]) -> NameEntry | None:
    """Return the entry of a name that has one alone; None: the value tells of several."""
    if len(value) == layout.ONE.size:
        number, line = layout.ONE.unpack(value)
        return NameEntry(name, Scope.SUBTREE, rules[number], line)
    itself, line, below, line_below = layout.TWO.unpack(value)
    if below == layout.NONE:
        return NameEntry(name, Scope.EXACT, rules[itself], line)
    if itself == layout.NONE:
        return NameEntry(name, Scope.BELOW, rules[below], line_below)
    # Listed with all that is below, and standing alone for the sake of an exception there.
    both = (itself, line) == (below, line_below)
    return NameEntry(name, Scope.SUBTREE, rules[itself], line) if both else None


def renumbered(values: Sequence[bytes], numbers: Mapping[int, int]) -> list[bytes]:
    """Return values under other numbers of the same rules."""
    if len(set(map(len, values))) == 1 and len(values[0]) == layout.ONE.size:
        joined = b"".join(values)
        flat = struct.unpack(f"<{2 * len(values)}I", joined)
        return list(map(layout.ONE.pack, map(numbers.__getitem__, flat[::2]), flat[1::2]))
    found = []
    for value in values:
        fields = list(struct.unpack(f"<{len(value) // 4}I", value))
        fields[::2] = [n if n == layout.NONE else numbers[n] for n in fields[::2]]
        found.append(struct.pack(f"<{len(fields)}I", *fields))
    return found


def enforced(names: Sequence[bytes], values: Sequence[bytes]) -> bytes:
    """Return what of the rows a digest takes in: all but the lines."""
    return b"".join(
        [name + b"\0" + value[:4] + value[8:12] for name, value in zip(names, values, strict=True)]
    )


def _slot(entry: NameEntry | None, number: Callable[[Rule], int]) -> tuple[int, int]:
    return (layout.NONE, 0) if entry is None else (number(entry.rule), entry.line)
