"""What a compile remembers for the next one: of each source all but its entries, and rivals.

Together with the generation that it was written for, it is the parsed form of every source. It
lies beside the generations as `recompile`, is of use with the newest alone, and may be missing or
damaged at any time: the next compile then reads every list anew.
"""

import hashlib
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import idna
import msgspec
from msgspec import Struct
from publicsuffixlist import PSLFILE

from blockd import watchlist
from blockd.policy import layout
from blockd.policy.record import Record, SourceRecord
from blockd.policy.store import Store, write_whole
from blockd.prefixes import Prefix
from blockd.watchlist.compile import Rivals, RuleSet
from blockd.watchlist.model import NameEntry, Parsed, PrefixEntry, Rule, Scope
from blockd.watchlist.never import Exceptions
from blockd.watchlist.zones import Lost

MOST = 200_000
"""Rules, rivals, lost entries and issues that are worth remembering: more take too long to read."""

_DIGEST = hashlib.sha256().digest_size

_Place = tuple[int, int]
"""A source, and one of its rules."""
_Names = tuple[tuple[bytes, tuple[tuple[_Place, Scope, int], ...]], ...]
_Prefixes = tuple[tuple[bytes, tuple[tuple[_Place, int], ...]], ...]


class Excepted(Struct, frozen=True):
    """The exceptions of a source, as the guard asks for them."""

    subtrees: tuple[bytes, ...]
    exact: tuple[bytes, ...]
    prefixes: tuple[bytes, ...]


class KeptSource(Struct, frozen=True):
    """A source as it was accepted, without its entries."""

    content: str
    """Digest of its path, its content and its terms: the same source has the same."""
    parsed: Parsed
    record: SourceRecord
    rules: tuple[tuple[Rule, int], ...]
    """Each with how many entries it has."""
    excepted: Excepted


class Remembered(Struct, frozen=True):
    """All that is remembered."""

    generation: str
    """SHA-256 of the generation's file."""
    day: date
    """What had expired before it is in no rival."""
    program: str
    """Which program it was, see `program`."""
    settings: str
    """Digest of what decides about sources beside themselves; empty: not known."""
    sources: tuple[KeptSource, ...]
    names: _Names
    prefixes: _Prefixes
    shadow_names: _Names
    shadow_prefixes: _Prefixes
    lost_names: tuple[tuple[bytes, _Place, Scope, int], ...]
    lost_prefixes: tuple[tuple[bytes, _Place, int], ...]

    def rivals(self) -> tuple[Rivals, Rivals]:
        """Return what has several entries, among what is enforced and among what is not.

        Their rules are those of `sources`, by identity too.
        """
        return (
            Rivals(self._of_names(self.names), self._of_prefixes(self.prefixes)),
            Rivals(self._of_names(self.shadow_names), self._of_prefixes(self.shadow_prefixes)),
        )

    def lost(self) -> Lost:
        """Return the entries about which an earlier zone decides; their rules are as above."""
        return Lost(
            tuple(NameEntry(name, s, self._rule(at), n) for name, at, s, n in self.lost_names),
            tuple(
                PrefixEntry(layout.unpack_prefix(key), self._rule(at), line)
                for key, at, line in self.lost_prefixes
            ),
        )

    def _of_names(self, found: _Names) -> dict[bytes, list[NameEntry]]:
        return {
            name: [NameEntry(name, scope, self._rule(at), line) for at, scope, line in entries]
            for name, entries in found
        }

    def _of_prefixes(self, found: _Prefixes) -> dict[Prefix, list[PrefixEntry]]:
        return {
            prefix: [PrefixEntry(prefix, self._rule(at), line) for at, line in entries]
            for prefix, entries in ((layout.unpack_prefix(key), rest) for key, rest in found)
        }

    def _rule(self, at: _Place) -> Rule:
        return self.sources[at[0]].rules[at[1]][0]


def obstacle(sources: Sequence[KeptSource], rules: RuleSet) -> str:
    """Return why nothing can be remembered of a compile, as a clause; empty: it can."""
    items = sum(len(source.rules) + len(source.parsed.issues) for source in sources)
    items += sum(len(each.names) + len(each.prefixes) for each in (*_both(rules), rules.lost))
    if items > MOST:
        return (
            f"{items:,} rules, issues and entries that several rules have are more than the"
            f" {MOST:,} that are remembered"
        )
    if len({source.record.path for source in sources}) < len(sources):
        return "the same list is configured twice"
    return ""


def remember(
    generation: str, day: date, settings: str, sources: Sequence[KeptSource], rules: RuleSet
) -> Remembered:
    """Return what to remember of a compile that has no `obstacle`."""
    both = _both(rules)
    places: dict[Rule, _Place] = {}
    for at, source in enumerate(sources):
        for number, (rule, _) in enumerate(source.rules):
            places.setdefault(rule, (at, number))
    return Remembered(
        generation, day, program(), settings, tuple(sources),
        _names(both[0], places), _prefixes(both[0], places),
        _names(both[1], places), _prefixes(both[1], places),
        tuple((e.name, places[e.rule], e.scope, e.line) for e in rules.lost.names),
        tuple(
            (layout.pack_prefix(e.prefix), places[e.rule], e.line) for e in rules.lost.prefixes
        ),
    )  # fmt: skip


def keep(store: Store, what: Remembered | None) -> None:
    """Write it in place of what was there, under the store's lock; None: there is nothing."""
    path = _path(store)
    try:
        if what is None:
            path.unlink(missing_ok=True)
            return
        packed = msgspec.msgpack.encode(what)
        write_whole(path, hashlib.sha256(packed).digest() + packed)
    except OSError:
        return  # the generation is in force; the next compile takes longer, nothing else


def read(store: Store, record: Record) -> Remembered | None:
    """Return what this program remembers with a generation; None: nothing that is whole."""
    try:
        content = _path(store).read_bytes()
        packed = content[_DIGEST:]
        if hashlib.sha256(packed).digest() != content[:_DIGEST]:
            return None
        found = msgspec.msgpack.decode(packed, type=Remembered)
    except (OSError, msgspec.DecodeError):
        return None
    is_of_it = found.generation == record.file_sha256 and found.program == program()
    return found if is_of_it else None


def excepted(exceptions: Exceptions) -> Excepted:
    """Return exceptions as they are kept."""
    return Excepted(
        tuple(sorted(exceptions.subtrees)),
        tuple(sorted(exceptions.exact)),
        tuple(layout.pack_prefix(prefix) for prefix in sorted(exceptions.prefixes)),
    )


def exceptions(kept: Excepted) -> Exceptions:
    """Return kept exceptions as the guard takes them."""
    prefixes = frozenset(map(layout.unpack_prefix, kept.prefixes))
    return Exceptions(frozenset(kept.subtrees), frozenset(kept.exact), prefixes)


def program() -> str:
    """Return a digest that tells one installation of all that makes a generation from another one.

    Of this package too: what a fault in `revise` left out must not outlive its repair.
    """
    package = Path(watchlist.__file__).parent
    files = [Path(PSLFILE), Path(idna.__file__), *sorted(package.parent.glob("*.py"))]
    files += [*sorted(package.rglob("*.py")), *sorted(Path(__file__).parent.glob("*.py"))]
    stats = [(file.name, file.stat()) for file in files]
    told = repr((layout.VERSION, [(name, s.st_size, s.st_mtime_ns) for name, s in stats]))
    return hashlib.sha256(told.encode()).hexdigest()


def _both(rules: RuleSet) -> tuple[Rivals, Rivals]:
    return rules.rivals, rules.shadow.rivals


def _names(rivals: Rivals, places: dict[Rule, _Place]) -> _Names:
    return tuple(
        (name, tuple((places[e.rule], e.scope, e.line) for e in entries))
        for name, entries in sorted(rivals.names.items())
    )


def _prefixes(rivals: Rivals, places: dict[Rule, _Place]) -> _Prefixes:
    return tuple(
        (layout.pack_prefix(prefix), tuple((places[e.rule], e.line) for e in entries))
        for prefix, entries in sorted(rivals.prefixes.items())
    )


def _path(store: Store) -> Path:
    return store.state / "recompile"
