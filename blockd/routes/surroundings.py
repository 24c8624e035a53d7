"""What must stay reachable around the null routes, kept up to date at little cost.

Addresses and links are read again whenever they change. A full routing table is not: what a
single new route says comes with its notice, and all are read again when what mattered goes, and
now and then, but never so often that it would cost more than a hundredth of a core.
"""

from collections.abc import Callable, Mapping

from blockd.config import Config
from blockd.prefixes import Prefix
from blockd.routes import facts, once
from blockd.routes.events import News, Touched
from blockd.routes.kernel import Kernel

_SHARE = 100
"""Others' tables are read at most so seldom that it takes one part in so many of the time."""


class Surroundings:
    """The facts of the host and the configuration, with the reasons."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Know nothing yet.

        Args:
            clock: seconds that never go back.
        """
        self._clock = clock
        self.facts: Mapping[Prefix, str] = {}
        """Another object whenever it differs."""
        self._host: dict[Prefix, str] | None = None
        self._elsewhere: dict[Prefix, str] = {}
        self.tables: dict[int, set[int]] = {4: set(), 6: set()}
        """By family, which tables of others the host goes by."""
        self._read = False
        self._wanted = False
        self._not_before = 0.0

    @property
    def postponed(self) -> float | None:
        """In how many seconds a reading of others' tables may be made that was put off, if any."""
        return max(self._not_before - self._clock(), 0.0) if self._wanted else None

    def look(self, kernel: Kernel, config: Config, news: News) -> bool:
        """Take on what news there is; tell whether the facts differ from before.

        Raises:
            KernelError: no complete dump.
        """
        if self._host is None or news.touched & Touched.HOST:
            self._host = kernel.host_facts()
        if news.touched & (Touched.ELSEWHERE | Touched.RULES) or not self._read:
            tables = kernel.tables_elsewhere(kernel.rules())
            self._wanted = self._wanted or Touched.ELSEWHERE in news.touched
            # What was told is cut out first, and the rest read in the next pass.
            due = self._wanted and not news.facts and self._clock() >= self._not_before
            if due or tables != self.tables:
                self._look_elsewhere(kernel, tables)
        for family, table, prefix, why in news.facts:
            if table in self.tables[family]:
                self._elsewhere.setdefault(prefix, why)
        found = facts.merged((once.configured_facts(config), self._host, self._elsewhere))
        if found == self.facts:
            return False
        self.facts = found
        return True

    def _look_elsewhere(self, kernel: Kernel, tables: dict[int, set[int]]) -> None:
        started = self._clock()
        self._elsewhere = kernel.elsewhere(tables)
        self.tables, self._read, self._wanted = tables, True, False
        ended = self._clock()
        self._not_before = ended + _SHARE * (ended - started)
