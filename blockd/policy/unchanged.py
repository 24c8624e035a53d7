"""Which sources are as they were at the last compile, or nearly, and what is left of them.

Where there is any doubt, none is: then every list is read anew. How the rule set follows from what
is left is `revise`'s business, what a few other lines make of a source `patch`'s.
"""

import hashlib
from collections.abc import Callable, Sequence
from datetime import date

import msgspec
from msgspec import Struct

from blockd.config import Config
from blockd.policy import remembered as remembering
from blockd.policy.patch import Patch
from blockd.policy.reader import Policy
from blockd.policy.record import Record
from blockd.policy.remembered import KeptSource, Remembered
from blockd.policy.revise import Last
from blockd.policy.store import Store
from blockd.watchlist import never as nevers
from blockd.watchlist.compile import Rivals
from blockd.watchlist.examine import Examined, Known
from blockd.watchlist.model import Parsed, Rule
from blockd.watchlist.never import Never
from blockd.watchlist.sources import Source
from blockd.watchlist.zones import Lost

_SMALL_NAMES, _SMALL_OCTETS = 10_000, 1 << 20
_SHARE = 2  # what has changed is at most one of so many parts of what has not


class Basis(Struct, frozen=True):
    """What the last compile left."""

    policy: Policy
    """The generation in force, whole and open."""
    remembered: Remembered
    rivals: tuple[Rivals, Rivals]
    """Those that are remembered, as entries."""
    lost: Lost
    """The entries about which an earlier zone decides."""


class Unchanged(Struct, frozen=True):
    """The sources that are as they were, but for a few lines of some."""

    basis: Basis
    places: dict[int, int]
    """By their places now: their places then."""
    patches: dict[int, Patch] = {}
    """By their places now, those in which a few lines are others."""

    def known(self) -> Known:
        """Return what the examination of all sources need not find out again."""
        kept = self.basis.remembered.sources
        sources = {}
        for place, then in self.places.items():
            sources[place] = self._parsed(place), remembering.exceptions(kept[then].excepted)
        return Known(sources, [remembering.exceptions(each.excepted) for each in kept])

    def last(self) -> Last:
        """Return what is left of these sources."""
        kept, patches = self.basis.remembered.sources, self.patches
        rules = [
            _rules(patches[place]) if place in patches else kept[then].rules
            for place, then in self.places.items()
        ]
        return Last(
            self.basis.policy, rules, *self.basis.rivals, list(patches.values()), self.basis.lost,
            was_zone=frozenset(each.parsed.source for each in kept if each.parsed.order),
            orders=self._orders(),
        )  # fmt: skip

    def kept(self, place: int, source: Source) -> KeptSource:
        """Return what to remember again of a source, which may be signed anew."""
        was = self.basis.remembered.sources[self.places[place]]
        record = msgspec.structs.replace(was.record, signed=source.signed)
        parsed = self._parsed(place)
        patch = self.patches.get(place)
        if patch is None:
            return msgspec.structs.replace(was, parsed=parsed, record=record)
        record = msgspec.structs.replace(
            record, sha256=source.sha256(), names=patch.names, prefixes=patch.prefixes,
            dropped=patch.parsed.bad,
        )  # fmt: skip
        return KeptSource(key_of(source), parsed, record, _rules(patch), was.excepted)

    def examined(self) -> Examined:
        """Return what was accepted, where all sources are as they were."""
        kept = self.basis.remembered.sources
        return Examined(
            parsed=tuple(each.parsed for each in kept),
            issues=tuple(sorted(issue for each in kept for issue in each.parsed.told())),
            known=frozenset(range(len(kept))),
            excepted=tuple(remembering.exceptions(each.excepted) for each in kept),
        )

    def _parsed(self, place: int) -> Parsed:
        """Return a source as it is known, without entries, where it stands now."""
        was = self.basis.remembered.sources[self.places[place]].parsed
        parsed = self.patches[place].parsed if place in self.patches else was
        return msgspec.structs.replace(parsed, order=place + 1 if was.order else 0)

    def _orders(self) -> dict[str, int]:
        """Return which of these sources are zones, and their order."""
        found = {}
        for place, then in self.places.items():
            was = self.basis.remembered.sources[then].parsed
            if was.order:
                found[was.source] = place + 1
        return found


Patching = Callable[[KeptSource, Source], Patch | None]
"""Takes a source as it was and as it is; None: it has to be read whole."""


def basis(store: Store, last: Record | None, policy: Policy | None, today: date) -> Basis | None:
    """Return what the last compile left; None: nothing that is of use on this day."""
    if last is None or policy is None or policy.number != last.number:
        return None
    found = remembering.read(store, last)
    if found is None or found.day > today:
        return None
    return Basis(policy, found, found.rivals(), found.lost())


def match(
    basis: Basis, sources: Sequence[Source], settings: str, patched: Patching
) -> Unchanged | None:
    """Return the sources that are as they were, but for a few lines of some.

    Args:
        basis: what the last compile left.
        sources: as they are now.
        settings: see `settings_of`.
        patched: asked of each source that was there, under the same terms and with other content.

    Returns:
        None: no source is as it was, or too few to be of help.
    """
    if basis.remembered.settings != settings:
        return None
    if len({source.path for source in sources}) < len(sources):
        return None  # which of two was which, nobody knows
    kept = basis.remembered.sources
    then = {source.content: place for place, source in enumerate(kept)}
    named = {_but_content(source.content): place for place, source in enumerate(kept)}
    places: dict[int, int] = {}
    patches: dict[int, Patch] = {}
    for place, source in enumerate(sources):
        key = key_of(source)
        if key in then:
            places[place] = then[key]
        elif (was := named.get(_but_content(key))) is not None:
            patch = patched(kept[was], source)
            if patch is not None:
                places[place], patches[place] = was, patch
    staying = sum(_entries(kept[place]) for place in places.values())
    going = sum(map(_entries, kept)) - staying
    same = sum(len(sources[place].content) for place in places)
    new = sum(len(source.content) for source in sources) - same
    if _SHARE * going > max(staying, _SMALL_NAMES) or _SHARE * new > max(same, _SMALL_OCTETS):
        return None
    then_too = [was for place, was in sorted(places.items()) if kept[was].parsed.order]
    if then_too != sorted(then_too):
        return None  # zones have changed places, and all that follows from them may be another
    return Unchanged(basis, places, patches) if places else None


def all_of(basis: Basis | None) -> Unchanged | None:
    """Return all sources of the last compile, as they were."""
    if basis is None:
        return None
    return Unchanged(basis, {place: place for place in range(len(basis.remembered.sources))})


def key_of(source: Source) -> str:
    """Return what is the same for the same source under the same terms."""
    return "\0".join((source.path, source.sha256(), repr(source.terms), repr(source.budget)))


def _but_content(key: str) -> tuple[str, ...]:
    """Return what of a key is the same whatever the source holds."""
    path, _, *terms = key.split("\0")
    return path, *terms


def _rules(patch: Patch) -> tuple[tuple[Rule, int], ...]:
    return ((patch.rule, patch.names + patch.prefixes),)


def settings_of(config: Config, never: Never) -> str:
    """Return a digest of what decides about sources beside themselves and the program."""
    said = repr((config.guard, nevers.write(never.items)))
    return hashlib.sha256(said.encode()).hexdigest()


def _entries(source: KeptSource) -> int:
    return source.record.names + source.record.prefixes
