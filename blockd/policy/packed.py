"""The names of a whole compile as rows in order: packed once, compared and written from there.

A million entries lie in memory as their lists have them; so they are visited in that order, once,
and what is visited in the order of names is a few flat columns. Where most rows stay as they were
is `revised`'s business.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from io import BytesIO
from itertools import accumulate, islice, pairwise, repeat

from blockd.policy import layout, rows
from blockd.policy.rows import Numbers
from blockd.policy.table import BATCH, Rows
from blockd.watchlist.compile import Slots
from blockd.watchlist.model import NameEntry


class Packed:
    """Rows, of which any stretch can be had."""

    def __init__(
        self,
        names: Mapping[bytes, NameEntry | Slots],
        between: Iterable[bytes],
        numbers: Numbers,
    ) -> None:
        """Pack what decides about names.

        Args:
            names: each with its entry.
            between: names without an entry, each of which has a row.
            numbers: the numbers of all their rules.
        """
        self._numbers, self._lines = array("I"), array("I")
        odd: dict[int, bytes] = {}  # the values that are not one number and one line
        entries = iter(names.values())
        while batch := list(islice(entries, BATCH)):
            self._take(batch, numbers, odd)
        keys = [*names, *between]
        # Flat: the numbers of a sorted list lie as far from each other as the names do.
        order = array("I", sorted(range(len(keys)), key=keys.__getitem__))
        whole, lengths = BytesIO(), array("B")  # RFC 1035 2.3.4: a name has 255 octets at most
        for at in range(0, len(order), BATCH):
            batch_of_keys = list(map(keys.__getitem__, order[at : at + BATCH]))
            whole.write(b"".join(batch_of_keys))
            lengths.extend(map(len, batch_of_keys))
        self._names = whole.getvalue()
        self._starts = array("I", accumulate(lengths, initial=0))
        for column in (self._numbers, self._lines):
            column.extend(repeat(0, len(keys) - len(column)))
        self._numbers = array("I", map(self._numbers.__getitem__, order))
        self._lines = array("I", map(self._lines.__getitem__, order))
        odd.update(dict.fromkeys(range(len(names), len(keys)), layout.BETWEEN))
        self._odd = {at: odd[was] for at, was in enumerate(order) if was in odd} if odd else {}

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self._lines)

    def octets(self) -> int:
        """Return about how many octets the rows take in a file."""
        return 64 * len(self) + len(self._names)

    def upto(self, name: bytes, start: int = 0) -> int:
        """Return where the rows from a place on are beyond a name."""
        return bisect_right(range(len(self)), name, start, key=self._name)

    def stretch(self, start: int, end: int) -> Rows:
        """Return the rows between two places."""
        whole, starts = self._names, self._starts[start : end + 1]
        names = [whole[begin:stop] for begin, stop in pairwise(starts)]
        values = list(map(layout.ONE.pack, self._numbers[start:end], self._lines[start:end]))
        if self._odd:
            for at in range(start, start + len(values)):
                if at in self._odd:
                    values[at - start] = self._odd[at]
        return names, values

    def numbers(self, start: int, names: Sequence[bytes]) -> Sequence[int] | None:
        """Return the rules' numbers of the rows from a place on, where they have these names.

        None: they have others, or some of them are decided otherwise below.
        """
        end = start + len(names)
        ends = array("I", accumulate(map(len, names), initial=self._starts[start]))
        if ends != self._starts[start : end + 1]:
            return None
        if b"".join(names) != self._names[ends[0] : ends[-1]]:
            return None
        if self._odd and not self._odd.keys().isdisjoint(range(start, end)):
            return None
        return self._numbers[start:end]

    def rest(self, start: int = 0) -> Iterator[Rows]:
        """Yield all rows from a place on, some thousand at a time."""
        for at in range(start, len(self), BATCH):
            yield self.stretch(at, min(at + BATCH, len(self)))

    def _name(self, at: int) -> bytes:
        return self._names[self._starts[at] : self._starts[at + 1]]

    def _take(
        self, batch: list[NameEntry | Slots], numbers: Numbers, odd: dict[int, bytes]
    ) -> None:
        rules = rows.plain(batch)
        if rules is not None:
            for rule in rows.distinct(rules):
                numbers.of(rule)
            self._numbers.extend(map(numbers.__getitem__, map(id, rules)))
            self._lines.extend(map(rows.LINE_OF, batch))
            return
        for entry in batch:
            value = rows.pack(entry, numbers.of)
            number, line = layout.ONE.unpack(value[: layout.ONE.size])
            if len(value) != layout.ONE.size:
                odd[len(self._numbers)] = value
            self._numbers.append(number)
            self._lines.append(line)
