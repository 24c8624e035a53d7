"""What a rule set would change against a generation: names and prefixes, counted and shown."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from blockd import names
from blockd.policy import layout
from blockd.policy.reader import Policy
from blockd.watchlist import compile as compiling
from blockd.watchlist.compile import RuleSet, Slots
from blockd.watchlist.model import NameEntry, Rule, Scope

Shown = tuple[str, str]
"""An entry as its list writes it, and its platform's id."""

Meaning = tuple[Rule | None, Rule | None]
"""The rules, without their lines, for a name itself and for the names below it."""


class Difference(Struct, frozen=True):
    """What appears, disappears, and stays under another meaning; each part sorted."""

    added: tuple[Shown, ...] = ()
    removed: tuple[Shown, ...] = ()
    changed: tuple[Shown, ...] = ()

    def __bool__(self) -> bool:
        """Tell whether anything differs."""
        return bool(self.added or self.removed or self.changed)


def difference(old: Policy | None, new: RuleSet) -> Difference:
    """Return what changes when the rule set takes the generation's place.

    Lines do not matter: an entry that moved within its file is the same entry. Without an
    old generation everything is added.
    """
    before: dict[Any, Any] = {}
    after: dict[Any, Any] = {}
    placeless = _Placeless()
    if old is not None:
        by_number = [placeless(rule) for rule in old.rules()]
        before = {name: _stored(value, by_number) for name, value in old.names()}
        before |= {e.prefix: (placeless(e.rule), placeless(e.rule)) for e in old.prefixes()}
    after = {name: _meaning(entry, placeless) for name, entry in new.names.items()}
    after |= {e.prefix: (placeless(e.rule), placeless(e.rule)) for e in new.prefixes}
    return _compare(before, after)


class _Placeless:
    """Turns equal rules into one object without line, so that meanings compare by identity."""

    def __init__(self) -> None:
        self._by_identity: dict[int, tuple[Rule, Rule]] = {}
        self._by_value: dict[Rule, Rule] = {}

    def __call__(self, rule: Rule) -> Rule:
        known = self._by_identity.get(id(rule))
        if known is None:
            bare = msgspec.structs.replace(rule, line=0)
            known = (rule, self._by_value.setdefault(bare, bare))
            self._by_identity[id(rule)] = known  # holds the rule: its identity stays its own
        return known[1]


def _stored(value: bytes, by_number: list[Rule]) -> Meaning:
    if len(value) == layout.ONE.size:
        rule = by_number[layout.ONE.unpack(value)[0]]
        return rule, rule
    itself, _, below, _ = layout.TWO.unpack(value)
    return (
        None if itself == layout.NONE else by_number[itself],
        None if below == layout.NONE else by_number[below],
    )


def _meaning(entry: NameEntry | Slots, placeless: Callable[[Rule], Rule]) -> Meaning:
    if isinstance(entry, NameEntry) and entry.scope is Scope.SUBTREE:
        rule = placeless(entry.rule)
        return rule, rule
    itself, below = compiling.slots(entry)
    return (
        None if itself is None else placeless(itself.rule),
        None if below is None else placeless(below.rule),
    )


def _compare(before: Mapping[Any, Meaning], after: Mapping[Any, Meaning]) -> Difference:
    added = [_shown(key, meaning) for key, meaning in after.items() if key not in before]
    removed = [_shown(key, meaning) for key, meaning in before.items() if key not in after]
    changed = [
        _shown(key, meaning)
        for key, meaning in after.items()
        if key in before and before[key] != meaning
    ]
    return Difference(tuple(sorted(added)), tuple(sorted(removed)), tuple(sorted(changed)))


def _shown(key: Any, meaning: Meaning) -> Shown:
    itself, below = meaning
    rule = itself or below
    sign = "" if itself is not None and below is not None else "=" if itself else "*."
    text = sign + names.to_text(key) if isinstance(key, bytes) else str(key)
    return text, rule.id if rule else ""
