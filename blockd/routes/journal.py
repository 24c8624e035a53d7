"""One verb a route in the log, and never a flood of them. Nothing else is logged from here."""

import logging
from collections.abc import Callable, Sequence


class Journal:
    """Tells what happens to routes: `lines` a verb in each `period` of seconds, then numbers."""

    def __init__(
        self,
        log: logging.Logger,
        clock: Callable[[], float],
        *,
        lines: int = 20,
        period: float = 10.0,
    ) -> None:
        self._log = log
        self._clock = clock
        self._lines = lines
        self._period = period
        self._spent: dict[str, tuple[float, int]] = {}
        self.generation: int | None = None
        """On whose account it all happens; each line carries it."""

    def tell(self, verb: str, routes: Sequence[object], level: int = logging.INFO) -> None:
        """Log `verb: route` for each, as far as there is room, and the number of the rest.

        Args:
            verb: seen, installing, withdrawing, restoring, foreign or refused.
            routes: what it is about; each one's text is logged.
            level: of the `logging` module.
        """
        if not routes:
            return
        now = self._clock()
        since, spent = self._spent.get(verb, (now, 0))
        if now - since >= self._period:
            since, spent = now, 0
        extra = {"generation": self.generation}
        room = max(self._lines - spent, 0)
        for route in routes[:room]:
            self._log.log(level, "%s: %s", verb, route, extra=extra)
        if len(routes) > room and spent <= self._lines:
            self._log.log(level, "%s: %d more", verb, len(routes) - room, extra=extra)
            spent += 1
        self._spent[verb] = (since, spent + min(room, len(routes)))
