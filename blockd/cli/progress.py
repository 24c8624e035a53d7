"""Progress for a person at a terminal, on standard error; silence for a pipe or the journal."""

import sys
import time
from types import TracebackType
from typing import Any, Self

_PATIENCE = 0.4
"""Seconds before anything is shown: what is done by then needs no bar."""
_BETWEEN = 0.05  # seconds between two looks of a bar


class Progress:
    """Bars, one for each kind of work; to be called with its name, what is done, and the whole."""

    def __init__(self, *, shown: bool | None = None) -> None:
        """Show bars, or not; by default where standard error is a terminal."""
        self._shown = sys.stderr.isatty() if shown is None else shown
        self._bars: Any = None
        self._tasks: dict[str, Any] = {}
        self._next = 0.0

    def __enter__(self) -> Self:
        """Begin; nothing is shown yet."""
        self._next = time.monotonic() + _PATIENCE
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Take the bars away."""
        if self._bars is not None:
            self._bars.stop()

    def __call__(self, what: str, done: int, total: int) -> None:
        """Take how far a kind of work has come."""
        if not self._shown:
            return
        now = time.monotonic()
        if now < self._next and (self._bars is None or done < total):
            return
        self._next = now + _BETWEEN
        if self._bars is None:
            from rich.console import Console  # noqa: PLC0415 - for a terminal alone
            from rich.progress import Progress as Bars  # noqa: PLC0415

            self._bars = Bars(console=Console(stderr=True), transient=True)
            self._bars.start()
        if what not in self._tasks:
            self._tasks[what] = self._bars.add_task(what, total=total)
        self._bars.update(self._tasks[what], completed=done)
