"""What the compiler logs of a compile: its issues, and what it changed, platform by platform.

With the fields by which somebody searches for it later: generation, platform, source and line.
Nothing is decided here.
"""

import logging
from collections import Counter
from collections.abc import Sequence

from blockd.counting import counted
from blockd.policy.publish import Outcome
from blockd.service import logs
from blockd.watchlist.model import Issue

MOST_ISSUES = 20
"""Issues of one compile that are logged; `blockd check` shows all."""

MOST_PLATFORMS = 200
"""Platforms of one change that have a line each."""

FIRST_PLATFORMS = 5
"""Platforms of one change that a person at a terminal is shown."""

MOST_ENTRIES = 20_000
"""Entries of one change up to which it is told by platform. A feed that brings a million at once
brings them for one platform, or for so many that nobody reads of each."""

_log = logging.getLogger("blockd.compiler")


def issues(found: Sequence[Issue], level: int, more: int = 0) -> None:
    """Log what is wrong with sources and their entries.

    Args:
        found: all of it; the first ones are logged, and how many more there are.
        level: of the `logging` module.
        more: how many there are besides.
    """
    for issue in found[:MOST_ISSUES]:
        _log.log(level, "%s", issue, extra=issue.origin._asdict())
    more += max(0, len(found) - MOST_ISSUES)
    if more:
        _log.log(level, "and %d more: see `blockd check`", more)


def committed(outcome: Outcome) -> None:
    """Log a new generation: a line for the whole, and one for each platform that it changes.

    At a terminal, where the first start would fill the screen, only for the first ones.
    """
    difference, number = outcome.difference, outcome.number
    kinds = {
        "added": difference.added,
        "removed": difference.removed,
        "changed": difference.changed,
    }
    sizes = {kind: len(entries) for kind, entries in kinds.items()}
    _log.info("generation %d: %s", number, _said(sizes), extra={"generation": number})
    if sum(sizes.values()) > MOST_ENTRIES:
        return
    counts: dict[str, Counter[str]] = {}
    for kind, entries in kinds.items():
        for _, platform in entries:
            counts.setdefault(platform, Counter())[kind] += 1
    few = FIRST_PLATFORMS if len(counts) > FIRST_PLATFORMS + 1 else len(counts)
    for place, platform in enumerate(sorted(counts)[:MOST_PLATFORMS]):
        said = _said({kind: count for kind in kinds if (count := counts[platform][kind])})
        _log.info(
            "generation %d: %s: %s",
            number,
            platform,
            said,
            extra={
                "generation": number,
                "platform": platform,
                **({} if place < few else logs.JOURNAL),
            },
        )
    if len(counts) > few:
        _log.info(
            "generation %d: and %s; `blockd report` shows all that is in force",
            number,
            counted(len(counts) - few, "more platform"),
            extra={"generation": number, **logs.PERSON},
        )
    if len(counts) > MOST_PLATFORMS:
        _log.info(
            "generation %d: and %d more platforms: see `blockd history`",
            number,
            len(counts) - MOST_PLATFORMS,
            extra={"generation": number, **logs.JOURNAL},
        )


def whole(number: int, why: str) -> None:
    """Log that every list is read with each change, and why."""
    _log.info(
        "generation %d: each change reads every list anew: %s",
        number, why,
        extra={"generation": number},
    )  # fmt: skip


def _said(sizes: dict[str, int]) -> str:
    return ", ".join(f"{size} {kind}" for kind, size in sizes.items())
