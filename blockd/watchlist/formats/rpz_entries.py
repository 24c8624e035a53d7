"""The entries of one response policy zone while it is read: one policy an owner, each counted once.

Several records of local data are one answer; `x` and `*.x` of one policy are one subtree; where
policies of one owner disagree, the first counts, but for an exception.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import compress, repeat
from typing import Any, TypeVar

import msgspec

from blockd.prefixes import Prefix
from blockd.watchlist.formats import feed, rpz_actions
from blockd.watchlist.formats.rpz_actions import Local, Outcome
from blockd.watchlist.model import NameEntry, Parsed, PrefixEntry, Rule, Scope

K = TypeVar("K")
E = TypeVar("E", NameEntry, PrefixEntry)


class Objection(Exception):  # noqa: N818 - no error of the program, a word about a line
    """A record gives no entry, for the reason that it carries."""


class Repeated(Objection):
    """The same stands there already: nothing is lost."""


class Instead(Objection):
    """It counts in place of what its owner had before."""


class Entries:
    """What the zone lists so far."""

    def __init__(self, source: str) -> None:
        """Begin with nothing."""
        self._feed = feed.rule(source)
        self._rules: dict[Outcome, Rule] = {}
        self._exact: dict[bytes, NameEntry] = {}
        self._below: dict[bytes, NameEntry] = {}
        self._prefixes: dict[Prefix, PrefixEntry] = {}
        self._local: dict[tuple[int, object], rpz_actions.Answer] = {}

    def rule(self, outcome: Outcome, line: int) -> Rule:
        """Return the one rule for all entries of this zone that lead to the same.

        Its line is the first that asked for it, which tells the rules of a zone apart.
        """
        rule = self._rules.get(outcome)
        if rule is None:
            if outcome.action is None:
                said: dict[str, Any] = {"allow": True, "reason": "rpz-passthru"}
            else:
                said = outcome._asdict()
            rule = msgspec.structs.replace(self._feed, line=line, **said)
            self._rules[outcome] = rule
        return rule

    def name(self, scope: Scope, wire: bytes, said: Outcome | Local, line: int) -> None:
        """Take one record of a name; raises Objection."""
        place = self._below if scope is Scope.BELOW else self._exact
        self._put(place, wire, NameEntry(wire, scope, self._feed, line), said)

    def prefix(self, prefix: Prefix, said: Outcome | Local, line: int) -> None:
        """Take one record of a prefix; raises Objection."""
        self._put(self._prefixes, prefix, PrefixEntry(prefix, self._feed, line), said)

    def bulk(self, wires: Sequence[bytes], outcome: Outcome, line: int) -> bool:
        """Take names of successive lines that have one action, unless one of them stands there.

        Args:
            wires: canonical wire names, the first label of a wildcard an asterisk.
            outcome: the action.
            line: of the first of them.

        Returns:
            False: none was taken; they are to be taken one by one.
        """
        rule, count = self.rule(outcome, line), len(wires)
        numbers: Sequence[int] = range(line, line + count)
        below: dict[bytes, NameEntry] = {}
        if count > 1 and wires[1::2] == [_WILD + wire for wire in wires[::2]]:
            # `x` and `*.x` in turn: each pair is a subtree.
            exact = below = _made(wires[::2], Scope.SUBTREE, rule, numbers[::2])
        else:
            wild = [wire[:2] == _WILD for wire in wires]
            if any(wild):
                names = [wire[2:] for wire in compress(wires, wild)]
                below = _made(names, Scope.BELOW, rule, list(compress(numbers, wild)))
                tame = [not each for each in wild]
                wires, numbers = list(compress(wires, tame)), list(compress(numbers, tame))
            exact = _made(wires, Scope.EXACT, rule, numbers)
        if (
            len(exact) + len(below) < count
            or not self._exact.keys().isdisjoint(exact)
            or not self._below.keys().isdisjoint(below)
        ):
            return False
        self._exact.update(exact)
        self._below.update(below)
        return True

    def finish(self, parsed: Parsed) -> None:
        """Hand the entries over: local data put together, subtrees made of their two halves."""
        self._answer(self._exact)
        self._answer(self._below)
        self._answer(self._prefixes)
        exact, below = self._exact, self._below
        for wire, entry in below.items():
            other = exact.get(wire)
            if other is not None and other is not entry and other.rule is entry.rule:
                exact[wire] = below[wire] = other._replace(scope=Scope.SUBTREE)
        for place, others, own in ((exact, below, Scope.EXACT), (below, exact, Scope.BELOW)):
            for wire, entry in place.items():
                if entry.scope is Scope.SUBTREE and others[wire] is not entry:
                    place[wire] = entry._replace(scope=own)  # an exception took the other half
        parts = [entry for entry in below.values() if entry.scope is not Scope.SUBTREE]
        parsed.names = [*exact.values(), *parts]
        parsed.prefixes = list(self._prefixes.values())

    def _put(self, place: dict[K, E], key: K, entry: E, said: Outcome | Local) -> None:
        first = place.setdefault(key, entry)
        if isinstance(said, Outcome):
            place[key] = entry = entry._replace(rule=self.rule(said, entry.line))
            if first.line != entry.line:
                place[key] = first
                self._rival(place, key, entry)
            return
        local = self._local.get((id(place), key))
        if local is None:
            if first is not entry:
                raise Objection(f"the policy at line {first.line} says otherwise; that one counts")
            local = self._local[id(place), key] = rpz_actions.Answer()
        if local.has(said):
            raise Repeated("the owner has the same record already")
        objection = local.take(said)
        if objection:
            raise Objection(f"{objection}; the records from line {first.line} on count")

    def _rival(self, place: dict[K, E], key: K, entry: E) -> None:
        """Decide between an action and what its owner had before."""
        first = place[key]
        local = self._local.get((id(place), key))
        if first.rule is entry.rule and not local:
            raise Repeated(f"the same policy stands at line {first.line} already")
        if entry.rule.allow:  # in doubt it blocks less
            place[key] = entry
            self._local.pop((id(place), key), None)
            raise Instead(f"the policy at line {first.line} says otherwise; the exception counts")
        raise Objection(f"the policy at line {first.line} says otherwise; that one counts")

    def _answer(self, place: dict[K, E]) -> None:
        for key, entry in place.items() if self._local else ():
            local = self._local.get((id(place), key))
            if local:
                outcome = rpz_actions.together(local.records)
                place[key] = entry._replace(rule=self.rule(outcome, entry.line))


_WILD = b"\1*"

_name_entry: Callable[[Iterable[object]], NameEntry] = partial(tuple.__new__, NameEntry)
"""`NameEntry._make` without its check: the batches here always have four fields."""


def _made(
    wires: Sequence[bytes], scope: Scope, rule: Rule, numbers: Sequence[int]
) -> dict[bytes, NameEntry]:
    entries = map(_name_entry, zip(wires, repeat(scope), repeat(rule), numbers))
    return dict(zip(wires, entries, strict=True))
