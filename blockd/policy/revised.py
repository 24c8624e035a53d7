"""Names of a new generation as those of the last one with some of them changed.

To whoever asks it is a mapping like that of a whole compile; the writer and the difference use
that most rows stay as they were. Which names change is `revise`'s business.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence

from blockd.policy import layout, rows
from blockd.policy.rows import Numbers
from blockd.policy.table import BATCH, Rows, Table
from blockd.watchlist import conflicts
from blockd.watchlist.compile import Slots
from blockd.watchlist.model import NameEntry, Rule


class Revised(Mapping[bytes, NameEntry | Slots]):
    """What decides about each name; reads the last generation, which stays open meanwhile."""

    def __init__(
        self,
        table: Table,
        rules: Sequence[Rule],
        size: int,
        changes: dict[bytes, NameEntry | Slots | None],
        several: Mapping[bytes, Sequence[NameEntry]],
    ) -> None:
        """Begin with what was there.

        Args:
            table: the names of the last generation.
            rules: its rules, by their numbers.
            size: how many names have an entry there.
            changes: the names that may have changed, with what decides now; None: nothing. Among
                them are all that stood alone for an exception's sake, or do now.
            several: the entries, ranked, of all names that have more than one.
        """
        self.table = table
        self.changes = changes
        self.before = {name: value for name in changes if (value := table.get(name)) is not None}
        """What the last generation has of the changed names."""
        self._rules = rules
        self._several = several
        there = sum(entry is not None for entry in changes.values())
        self._size = size - len(self.before) + there

    def __len__(self) -> int:
        """Return how many names have an entry."""
        return self._size

    def __getitem__(self, name: bytes) -> NameEntry | Slots:
        """Return what decides about a name; raises KeyError."""
        if name in self.changes:
            entry = self.changes[name]
        elif name in self._several:
            entry = conflicts.deciding(self._several[name])
        else:
            value = self.table.get(name)
            entry = None if value is None else rows.single(name, value, self._rules)
        if entry is None:
            raise KeyError(name)
        return entry

    def __iter__(self) -> Iterator[bytes]:
        """Yield every name that has an entry."""
        for names, values in self.table.batches():
            for name, value in zip(names, values, strict=True):
                if value != layout.BETWEEN and name not in self.changes:
                    yield name
        yield from (name for name, entry in self.changes.items() if entry is not None)

    def batches(self, between: Iterable[bytes], numbers: Numbers) -> Iterator[Rows]:
        """Yield the rows in order.

        Args:
            between: names without an entry, each of which has a row.
            numbers: the numbers of the rules now.
        """
        now = {n: numbers.of(rule) for n, rule in enumerate(self._rules) if numbers.has(rule)}
        same = all(number == new for number, new in now.items())
        inside = frozenset(between)
        changed = sorted({*self.changes, *inside})
        at = 0
        for batch in self.table.batches():
            upto = bisect_right(changed, batch[0][-1], at)
            mixed = upto > at or layout.BETWEEN in batch[1]
            names, values = self._without_changes(batch) if mixed else batch
            stay = values if same or not values else rows.renumbered(values, now)
            if mixed:
                merged = self._merged((names, stay), changed[at:upto], inside, numbers)
            else:
                merged = names, stay
            at = upto
            if merged[0]:
                yield merged
        for start in range(at, len(changed), BATCH):
            merged = self._merged(((), ()), changed[start : start + BATCH], inside, numbers)
            if merged[0]:
                yield merged

    def _without_changes(self, batch: Rows) -> Rows:
        kept = [
            (name, value)
            for name, value in zip(*batch, strict=True)
            if value != layout.BETWEEN and name not in self.changes
        ]
        return [name for name, _ in kept], [value for _, value in kept]

    def _merged(
        self, kept: Rows, changed: Sequence[bytes], inside: frozenset[bytes], numbers: Numbers
    ) -> Rows:
        both = dict(zip(*kept, strict=True))
        for name in changed:
            entry = self.changes.get(name)
            if entry is not None:
                both[name] = rows.pack(entry, numbers.of)
            elif name in inside:
                both[name] = layout.BETWEEN
        names = sorted(both)
        return names, [both[name] for name in names]
