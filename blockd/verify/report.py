"""What a verification found: counts by kind, the first failures, what could not be checked.

The report is JSON for programs and for the file that `status` reads. No printing here.
"""

from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec import Struct

from blockd.policy.store import write_whole
from blockd.verify.expected import Found, Outcome

NAMES = "names"
"""What is not checked without dnspython."""

SHOWN = 100
"""Failures that are kept; the others are counted."""


class Count(Struct):
    """How many of a kind were checked, by what was found."""

    right: int = 0
    wrong: int = 0
    unclear: int = 0


class Failure(NamedTuple):
    """Something that is not as it should be."""

    kind: str
    what: str
    """The name or address."""
    why: str


class Report(Struct, kw_only=True):
    """One verification."""

    generation: int
    server: str
    place: str
    """`gateway` or `client`."""
    started: datetime
    seconds: float = 0.0
    checked: dict[str, Count] = {}
    failures: list[Failure] = []
    """The first of them."""
    unclear: list[Failure] = []
    """The first of those that prove nothing."""
    not_checked: dict[str, str] = {}
    """What could not be looked at, and why."""

    def add(self, kind: str, what: str, outcome: Outcome) -> None:
        """Count one check."""
        count = self.checked.setdefault(kind, Count())
        if outcome.found is Found.RIGHT:
            count.right += 1
            return
        if outcome.found is Found.WRONG:
            count.wrong += 1
        else:
            count.unclear += 1
        kept = self.failures if outcome.found is Found.WRONG else self.unclear
        if len(kept) < SHOWN:
            kept.append(Failure(kind, what, outcome.why))

    @property
    def wrong(self) -> int:
        """How much is not as it should be."""
        return sum(count.wrong for count in self.checked.values())

    @property
    def right(self) -> int:
        """How much is as it should be."""
        return sum(count.right for count in self.checked.values())


def write(report: Report, path: Path) -> None:
    """Leave a report in a file, whole or not at all; raises OSError."""
    write_whole(path, msgspec.json.encode(report) + b"\n")


def read(path: Path) -> Report | None:
    """Return the report of a file; None: there is none that can be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Report)
    except (OSError, msgspec.DecodeError):
        return None
