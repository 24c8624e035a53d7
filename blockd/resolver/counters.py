"""What the resolver counts: outcomes and platforms, never clients.

Plain cells, so that the hot path adds one without a look-up.
"""


class Count:
    """One counter."""

    __slots__ = ("n",)

    def __init__(self) -> None:
        self.n = 0


class Counters:
    """Counters by outcome and by platform id; they start at zero with the process."""

    def __init__(self) -> None:
        """Start at zero."""
        self.outcomes: dict[str, Count] = {
            outcome: Count()
            for outcome in (
                "sinkholed", "cached", "forwarded", "failed", "refused", "dropped",
                "malformed", "not_implemented",
            )
        }  # fmt: skip
        self.platforms: dict[str, Count] = {}

    def __getitem__(self, outcome: str) -> Count:
        """Return the cell of an outcome."""
        return self.outcomes[outcome]

    def platform(self, identifier: str) -> Count:
        """Return the cell of a platform, by the id of its rule."""
        cell = self.platforms.get(identifier)
        if cell is None:
            cell = self.platforms[identifier] = Count()
        return cell

    def snapshot(self) -> dict[str, dict[str, int]]:
        """Return all values, for a status."""
        return {
            "outcomes": {name: cell.n for name, cell in self.outcomes.items()},
            "platforms": {name: cell.n for name, cell in sorted(self.platforms.items())},
        }
