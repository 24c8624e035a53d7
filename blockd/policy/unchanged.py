"""Which sources are as they were at the last compile, and what is left of them.

Where there is any doubt, none is: then every list is read anew. How the rule set follows from what
is left is `revise`'s business.
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import date

import msgspec
from msgspec import Struct

from blockd.config import Config
from blockd.policy import remembered as remembering
from blockd.policy.reader import Policy
from blockd.policy.record import Record
from blockd.policy.remembered import KeptSource, Remembered
from blockd.policy.revise import Last
from blockd.policy.store import Store
from blockd.watchlist import never as nevers
from blockd.watchlist.examine import Examined, Known
from blockd.watchlist.never import Never
from blockd.watchlist.sources import Source

_SMALL_NAMES, _SMALL_OCTETS = 10_000, 1 << 20
_SHARE = 2  # what has changed is at most one of so many parts of what has not


class Basis(Struct, frozen=True):
    """What the last compile left."""

    policy: Policy
    """The generation in force, whole and open."""
    remembered: Remembered

    def last(self, places: Iterable[int]) -> Last:
        """Return what is left of some of its sources."""
        block, shadow = self.remembered.rivals()
        rules = [self.remembered.sources[place].rules for place in places]
        return Last(self.policy, rules, block, shadow)


class Unchanged(Struct, frozen=True):
    """The sources that are as they were."""

    basis: Basis
    places: dict[int, int]
    """By their places now: their places then."""

    def known(self) -> Known:
        """Return what the examination of all sources need not find out again."""
        kept = self.basis.remembered.sources
        sources = {
            place: (_placed(kept[then], place).parsed, remembering.exceptions(kept[then].excepted))
            for place, then in self.places.items()
        }
        return Known(sources, [remembering.exceptions(each.excepted) for each in kept])

    def kept(self, place: int, source: Source) -> KeptSource:
        """Return what to remember again of a source, which may be signed anew."""
        was = _placed(self.basis.remembered.sources[self.places[place]], place)
        record = msgspec.structs.replace(was.record, signed=source.signed)
        return msgspec.structs.replace(was, record=record)

    def examined(self) -> Examined:
        """Return what was accepted, where all sources are as they were."""
        kept = self.basis.remembered.sources
        return Examined(
            parsed=tuple(each.parsed for each in kept),
            issues=tuple(sorted(issue for each in kept for issue in each.parsed.told())),
            known=frozenset(range(len(kept))),
            excepted=tuple(remembering.exceptions(each.excepted) for each in kept),
        )


def basis(store: Store, last: Record | None, policy: Policy | None, today: date) -> Basis | None:
    """Return what the last compile left; None: nothing that is of use on this day."""
    if last is None or policy is None or policy.number != last.number:
        return None
    found = remembering.read(store, last)
    if found is None or found.day > today:
        return None
    return Basis(policy, found)


def match(basis: Basis | None, sources: Sequence[Source], settings: str) -> Unchanged | None:
    """Return the sources that are as they were; None: none is, or too few to be of help."""
    if basis is None or basis.remembered.settings != settings:
        return None
    kept = basis.remembered.sources
    then = {source.content: place for place, source in enumerate(kept)}
    places = {
        place: then[key] for place, source in enumerate(sources) if (key := key_of(source)) in then
    }
    staying = sum(_entries(kept[place]) for place in places.values())
    going = sum(map(_entries, kept)) - staying
    same = sum(len(sources[place].content) for place in places)
    new = sum(len(source.content) for source in sources) - same
    if _SHARE * going > max(staying, _SMALL_NAMES) or _SHARE * new > max(same, _SMALL_OCTETS):
        return None
    return Unchanged(basis, places) if places else None


def all_of(basis: Basis | None) -> Unchanged | None:
    """Return all sources of the last compile, as they were."""
    if basis is None:
        return None
    return Unchanged(basis, {place: place for place in range(len(basis.remembered.sources))})


def key_of(source: Source) -> str:
    """Return what is the same for the same source under the same terms."""
    sha256 = hashlib.sha256(source.content).hexdigest()
    return "\0".join((source.path, sha256, repr(source.terms), repr(source.budget)))


def settings_of(config: Config, never: Never) -> str:
    """Return a digest of what decides about sources beside themselves and the program."""
    said = repr((config.guard, nevers.write(never.items)))
    return hashlib.sha256(said.encode()).hexdigest()


def _entries(source: KeptSource) -> int:
    return source.record.names + source.record.prefixes


def _placed(source: KeptSource, place: int) -> KeptSource:
    """Return a source where it stands now: zones have an order."""
    if not source.parsed.order:
        return source
    parsed = msgspec.structs.replace(source.parsed, order=place + 1)
    return msgspec.structs.replace(source, parsed=parsed)
