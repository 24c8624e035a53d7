"""From the kept copy of a source and the source of now to a patch: reads what both take.

What a patch is, and which sources can have one, is `patch`'s business.
"""

from blockd.config import GuardSection
from blockd.errors import StoreError
from blockd.policy import kept as copies
from blockd.policy import patch as patches
from blockd.policy import remembered
from blockd.policy.entries import Entries
from blockd.policy.patch import Bounds, Patch
from blockd.policy.remembered import KeptSource
from blockd.policy.store import Store
from blockd.policy.unchanged import Basis
from blockd.watchlist import examine
from blockd.watchlist.formats import opened
from blockd.watchlist.never import Never
from blockd.watchlist.sources import Source


class Patcher:
    """Patches sources on the basis of one compile."""

    def __init__(self, store: Store, basis: Basis, limits: GuardSection, never: Never) -> None:
        """Take what decides about sources beside themselves: the guard's limits and names."""
        self._store = store
        self._basis = basis
        self._limits = limits
        self._never = never
        self._excepted = examine.together(
            remembered.exceptions(each.excepted) for each in basis.remembered.sources
        )

    def patched(self, kept: KeptSource, source: Source) -> Patch | None:
        """Return what has become of a source; None: that has to be found out by reading it."""
        if not patches.may(kept):
            return None
        try:
            was = copies.content(self._store, kept.record)
        except StoreError:
            return None  # it is of use, and not needed
        form = source.terms.format or ""
        before, then = opened(was, source.path, form)
        del was
        text, now = opened(source.content, source.path, form)
        if not now == then == kept.parsed.format:
            return None
        entries = Entries(
            self._basis.policy, self._basis.rivals, self._basis.lost, kept.rules[0][0]
        )
        limits = examine.limits_for(source, self._limits)
        bounds = Bounds(limits, self._never, self._excepted, examine.public_suffixes)
        return patches.patch(kept, before, text, source.terms, entries, bounds)
