"""What the resolver counts: outcomes and platforms, never clients.

Plain cells, so that the hot path adds one without a look-up.
"""

from bisect import bisect_left


class Count:
    """One counter."""

    __slots__ = ("n",)

    def __init__(self) -> None:
        self.n = 0


BOUNDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Upper bounds of the latency histogram, in seconds."""


class Histogram:
    """How long forwarded questions took."""

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        self.total = 0.0

    def add(self, seconds: float) -> None:
        """Count one."""
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.total += seconds

    def snapshot(self) -> dict[str, object]:
        """Return bounds with counts of their own (not cumulated), for a status."""
        return {
            "bounds": list(BOUNDS),
            "counts": list(self.counts),
            "seconds": round(self.total, 6),
        }


class Counters:
    """Counters by outcome and by platform id; they start at zero with the process."""

    def __init__(self) -> None:
        """Start at zero."""
        self.outcomes: dict[str, Count] = {
            outcome: Count()
            for outcome in (
                "sinkholed", "local", "cached", "stale", "forwarded", "failed", "refused",
                "limited", "dropped", "malformed", "not_implemented",
            )
        }  # fmt: skip
        self.latency = Histogram()
        self.platforms: dict[str, Count] = {}
        self.shadowed: dict[str, Count] = {}
        """What platforms would have blocked that are not enforced."""

    def __getitem__(self, outcome: str) -> Count:
        """Return the cell of an outcome."""
        return self.outcomes[outcome]

    def total(self) -> int:
        """Return the number of queries so far."""
        return sum(cell.n for cell in self.outcomes.values())

    def platform(self, identifier: str) -> Count:
        """Return the cell of a platform, by the id of its rule."""
        cell = self.platforms.get(identifier)
        if cell is None:
            cell = self.platforms[identifier] = Count()
        return cell

    def shadow(self, identifier: str) -> Count:
        """Return the cell of a platform that is not enforced."""
        cell = self.shadowed.get(identifier)
        if cell is None:
            cell = self.shadowed[identifier] = Count()
        return cell

    def snapshot(self) -> dict[str, dict[str, int]]:
        """Return all values, for a status."""
        return {
            "outcomes": {name: cell.n for name, cell in self.outcomes.items()},
            "platforms": {name: cell.n for name, cell in sorted(self.platforms.items())},
            "shadowed": {name: cell.n for name, cell in sorted(self.shadowed.items())},
        }
