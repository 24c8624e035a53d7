"""A table of names in an open generation, as rows: one by its name, or all, a batch at a time.

What a row means is `rows`' business. Imports nothing of how lists are compiled, since the planes'
reader lends its tables.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from blockd.policy import layout, relined

BATCH = 4096
"""Rows that are handled together."""

Rows = tuple[Sequence[bytes], Sequence[bytes]]
"""Names in order, and their values."""


class Table:
    """A table of names."""

    def __init__(
        self, transaction: Any, database: Any, moved: Mapping[int, Sequence[int]] | None = None
    ) -> None:
        """Take the open file and one of its databases.

        Args:
            transaction: the open file.
            database: which one.
            moved: by the numbers of rules, where their lines stand now, see `relined`.
        """
        self._transaction = transaction
        self._database = database
        self._moved = moved or {}

    def get(self, name: bytes) -> bytes | None:
        """Return the value of a name; None: it has no entry, be it between others or not."""
        if not name:
            return None  # the root, which no list may hold, and which LMDB has no key for
        value: bytes | None = self._transaction.get(name, db=self._database)
        if value is None or value == layout.BETWEEN:
            return None
        return relined.relined((value,), self._moved)[0] if self._moved else value

    def octets(self) -> int:
        """Return how many octets its pages have."""
        stat = self._transaction.stat(self._database)
        pages: int = stat["leaf_pages"] + stat["branch_pages"] + stat["overflow_pages"]
        return pages * int(stat["psize"])

    def batches(self) -> Iterator[Rows]:
        """Yield all rows in order, those between others among them."""
        with self._transaction.cursor(self._database) as cursor:
            rows = cursor.iternext(keys=True, values=True)
            while batch := list(islice(rows, BATCH)):
                names, values = zip(*batch, strict=True)
                yield names, relined.relined(values, self._moved) if self._moved else values
