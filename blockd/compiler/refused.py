"""What is refused at this moment, since when, and what was mended last, as the status tells it.

Pure: times are passed in. When to compile is the daemon's business, and so is what it logs.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from blockd.errors import BlockdError, ChangeError
from blockd.watchlist.model import Issue, Severity

MOST_ISSUES = 100
"""Issues in the status, which has to stay below what a control socket gives; and their count."""


class Refused:
    """The last compile's problem, or that there is none."""

    def __init__(self) -> None:
        self.problem = ""
        """Why the lists are refused; empty: they are not."""
        self._since: datetime | None = None
        self._mended: dict[str, Any] | None = None
        self._change: ChangeError | None = None
        self._issues: tuple[Issue, ...] = ()
        self._issue_count = 0

    def refuse(self, error: BlockdError, issues: Sequence[Issue], now: datetime) -> bool:
        """Take why a compile changed nothing; returns whether that is news.

        Args:
            error: the cause.
            issues: those of the lists, as far as it came to them.
            now: when.
        """
        again = str(error) == self.problem
        self.problem = str(error)
        self._since = self._since or now
        self._change = error if isinstance(error, ChangeError) else None
        self._show(issues, 0)
        return not again

    def accept(self, issues: Sequence[Issue], more: int, now: datetime) -> bool:
        """Take a compile that was accepted; returns whether the one before was refused.

        Args:
            issues: those that refuse nothing.
            more: how many there are besides.
            now: when.
        """
        mended = bool(self.problem)
        if mended:
            self._mended = {"problem": self.problem, "since": self._since, "until": now}
        self.problem, self._since, self._change = "", None, None
        self._show(issues, more)
        return mended

    def status(self) -> dict[str, Any]:
        """Return what the status says of it, but for the problem itself."""
        return {
            "problem_since": self._since,
            # The last problem that is none any more; None: there was none since the start.
            "last_refused": self._mended,
            # The first of them, those before all that refuse a list.
            "issues": [str(issue) for issue in self._issues],
            "issue_count": self._issue_count,
            "refused_change": None if self._change is None else self._change.digest,
            "refused_by": [] if self._change is None else list(self._change.beyond),
        }

    def _show(self, issues: Sequence[Issue], more: int) -> None:
        self._issue_count = len(issues) + more
        graver = sorted(issues, key=lambda issue: issue.severity is Severity.WARNING)
        self._issues = tuple(graver[:MOST_ISSUES])
