"""How far one change may go: what it blocks anew, what it lifts, and which limit that is beyond.

Pure decisions about numbers. Which entries differ is `difference`'s business, what a confirmed
change leaves in the history `publish`'s.
"""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from msgspec import Struct

from blockd.config import GuardSection, Share
from blockd.watchlist.model import Rule

FEWEST = 10
"""What a share allows at least: of a short list, a few entries are soon more than a fifth."""


class Moved(Struct, frozen=True):
    """What a change does to the names, or to the prefixes."""

    before: int = 0
    """How many are in force."""
    blocked: int = 0
    """Blocked anew: added, no exception any more, or enforced from now on."""
    lifted: int = 0
    """Not blocked any more, but for those whose day is over."""


class Excess(NamedTuple):
    """A limit that a change is beyond."""

    key: str
    """Of `[guard]`."""
    sentence: str
    """Which limit, and by how much."""


class Scale:
    """Weighs entries one by one, those of the generation in force against those to come."""

    def __init__(self, today: date | None) -> None:
        """Begin.

        Args:
            today: entries whose last day lies before it are not counted as lifted, nor as
                blocked where they were exceptions; None: none is over.
        """
        self._today = today
        self.blocked = 0
        self.lifted = 0

    def add(self, old: Sequence[Rule | None], new: Sequence[Rule | None]) -> None:
        """Weigh an entry by its rules, for the name itself and for those below; None: no rule.

        An exception weighs against a block: made, it lifts; taken away, it blocks.
        """
        if all(rule is None for rule in new) and self._is_over(old):
            return
        steps = [_weight(after) - _weight(before) for before, after in zip(old, new, strict=True)]
        self.blocked += max(steps) > 0
        self.lifted += min(steps) < 0

    def _is_over(self, rules: Sequence[Rule | None]) -> bool:
        return self._today is not None and all(over(rule, self._today) for rule in rules)

    def moved(self, before: int) -> Moved:
        """Return the sum."""
        return Moved(before, self.blocked, self.lifted)


def over(rule: Rule | None, today: date) -> bool:
    """Tell whether nothing of a rule can be in force on a day, since its last day is past."""
    return rule is None or (rule.expires is not None and rule.expires < today)


def beyond(names: Moved, prefixes: Moved, limits: GuardSection) -> list[Excess]:
    """Return the limits that a change is beyond; each kind of entry has them for itself.

    Of nothing there is no share: the first names, and the first prefixes, are a first load.
    """
    found = []
    for what, moved in (("names", names), ("prefixes", prefixes)):
        for key, number, limit, does in (
            ("max_added", moved.blocked, limits.max_added, "blocks {} more {}, where {} are"),
            ("max_removed", moved.lifted, limits.max_removed, "lifts {} {} of {} that are"),
        ):
            most = allowed(limit, moved.before)
            if most is not None and number > most:
                share = f", {_percent(100 * number / moved.before)} %" if moved.before else ""
                said = does.format(f"{number:,}", what, f"{moved.before:,}")
                found.append(
                    Excess(key, f"{said} in force{share}; [guard] {key} = {limit} allows {most:,}")
                )
    return found


def allowed(limit: Share, before: int) -> int | None:
    """Return how many entries a limit allows; None: any number."""
    if limit.number is not None:
        return limit.number
    if not before:
        return None
    return max(limit.of(before), FEWEST) if limit.percent else 0


def _percent(number: float) -> str:
    """Return a number above zero in three digits, or as a whole; never with an exponent."""
    if number < 0.01:
        return "less than 0.01"
    return f"{number:.3g}" if number < 999.5 else f"{number:,.0f}"


def _weight(rule: Rule | None) -> int:
    if rule is None or not rule.enforce:
        return 0
    return -1 if rule.allow else 1
