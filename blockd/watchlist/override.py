"""What an operator says about a whole source, beside or in place of what it says itself.

The words of `action` are those that resolvers have for response policy zones, and hold for any
feed:

given       what the source says
nxdomain, nodata, drop, tcp-only   that action
passthru    all of it is an exception
disabled    counted, and nothing is blocked or excepted
cname NAME  the records of NAME
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from blockd.config import Terms
from blockd.errors import ConfigError, RecordFormError
from blockd.terms import Action, Basis, Override
from blockd.watchlist.model import NameEntry, Parsed, PrefixEntry, Rule, Scope

_ACTIONS = {
    str(action): action for action in (Action.NXDOMAIN, Action.NODATA, Action.DROP, Action.TCP_ONLY)
}
WORDS = tuple(f"{word} NAME" if word == Override.CNAME else str(word) for word in Override)

Change = Callable[[Rule], Rule]

_name_entry: Callable[[tuple[object, ...]], NameEntry] = partial(tuple.__new__, NameEntry)
"""`_make` without its check: the tuples here have the right number of fields."""

_BATCH = 1 << 14
"""Entries that are replaced at a time: a million new ones beside the old would be 100 MB."""


def change(text: str) -> Change | None:
    """Return what an override does to a rule; None: nothing.

    An action is for what is blocked: the source's exceptions stay exceptions, since how names
    are answered is no reason to answer for more of them.

    Raises:
        ConfigError: the text is no override.
    """
    word, _, target = text.strip().partition(" ")
    word, target = word.lower(), target.strip()
    if word == Override.CNAME and target:
        from blockd import records  # noqa: PLC0415 - dnslib is slow to load

        try:
            record = records.parse(f"CNAME {target}")
        except RecordFormError as error:
            raise ConfigError(f"action {text!r}: {error}") from None
        return _answering(Action.RECORDS, (record.text,))
    if not target:
        if word == Override.GIVEN:
            return None
        if word in _ACTIONS:
            return _answering(_ACTIONS[word], ())
        if word == Override.PASSTHRU:
            return _passing
        if word == Override.DISABLED:
            return _idle
    raise ConfigError(f"action {text!r} is none; write one of {', '.join(WORDS)}")


def agreed(parsed: Parsed, terms: Terms) -> Parsed:
    """Return a source under all of the operator's terms but its format; raises ConfigError."""
    changes = [change(terms.action)]
    if not terms.enforce:
        changes.append(_idle)
    if parsed.feed:
        changes.append(_attributing(terms))
    return _changed(parsed, [each for each in changes if each is not None])


def overridden(parsed: Parsed, text: str) -> Parsed:
    """Return a source under an override alone; raises ConfigError."""
    return agreed(parsed, Terms(action=text))


def _changed(parsed: Parsed, changes: list[Change]) -> Parsed:
    if not changes:
        return parsed
    listed, covered = parsed.names, parsed.prefixes
    # Held until the end, so that no new rule can have the identity of an old one.
    before = {id(rule): rule for _, _, rule, _ in listed}
    before.update({id(rule): rule for _, rule, _ in covered})
    same: dict[Rule, Rule] = {}
    after: dict[int, Rule] = {}
    for identity, rule in before.items():
        new = rule
        for each in changes:
            new = each(new)
        # The line of a feed's rule tells one action from another, and now they are one.
        key = msgspec.structs.replace(new, line=0) if parsed.feed else new
        after[identity] = same.setdefault(key, new)
    for at in range(0, len(listed), _BATCH):
        listed[at : at + _BATCH] = [
            _name_entry((wire, scope, after[id(rule)], line))
            for wire, scope, rule, line in listed[at : at + _BATCH]
        ]
    covered[:] = [PrefixEntry(prefix, after[id(rule)], line) for prefix, rule, line in covered]
    whole = _whole(listed)
    linewise = parsed.linewise and len(whole) == len(listed)
    return msgspec.structs.replace(parsed, names=whole, linewise=linewise)


def _attributing(terms: Terms) -> Change | None:
    """Return what says on whose word a feed stands, wherever it does not say so itself."""
    said = {
        "authority": terms.authority,
        "reference": terms.reference,
        "contact": terms.contact,
    }
    said = {key: value for key, value in said.items() if value}
    basis = terms.basis
    if not said and basis is None:
        return None

    def attributing(rule: Rule) -> Rule:
        new: dict[str, Any] = {key: said[key] for key in said if not getattr(rule, key)}
        if basis is not None and rule.basis is Basis.POLICY:
            new["basis"] = basis
        return msgspec.structs.replace(rule, **new) if new else rule

    return attributing


def _answering(action: Action, records: tuple[str, ...]) -> Change:
    def answering(rule: Rule) -> Rule:
        if rule.allow:
            return rule
        return msgspec.structs.replace(rule, action=action, records=records, addresses=())

    return answering


def _idle(rule: Rule) -> Rule:
    return msgspec.structs.replace(rule, enforce=False)


def _passing(rule: Rule) -> Rule:
    return msgspec.structs.replace(
        rule, allow=True, reason=rule.reason or "the source's override is passthru",
        action=None, records=(), addresses=(),
    )  # fmt: skip


def _whole(listed: list[NameEntry]) -> list[NameEntry]:
    """Join `=x` and `*.x` that have become one in what they say."""
    below = {entry.name: entry for entry in listed if entry.scope is Scope.BELOW}
    joined: set[int] = set()
    found = []
    for entry in listed:
        other = below.get(entry.name) if entry.scope is Scope.EXACT else None
        if other is not None and other.rule is entry.rule:
            joined.add(id(other))
            found.append(entry._replace(scope=Scope.SUBTREE))
        else:
            found.append(entry)
    return [entry for entry in found if id(entry) not in joined] if joined else found
