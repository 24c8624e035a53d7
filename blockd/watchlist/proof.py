"""What a rule set must do, and must not do, before it may be put in force.

Pure decisions about a whole compiled list: canaries, and the address space that it covers. Single
entries are the guard's business, what a change adds and removes is the policy's.
"""

from collections.abc import Iterator

from blockd import names, prefixes
from blockd.config import GuardSection
from blockd.prefixes import Prefix, Range
from blockd.values import Target
from blockd.watchlist import extent
from blockd.watchlist.compile import RuleSet, slots
from blockd.watchlist.model import NameEntry, Origin


def objections(rules: RuleSet, limits: GuardSection) -> list[str]:
    """Return what speaks against a rule set, a sentence each; empty: nothing."""
    blocking = {entry.prefix: not entry.rule.allow for entry in rules.prefixes}
    found = [said] if (said := extent.objection(blocking)) else []
    canaries = (*limits.must_resolve, *limits.must_block)
    ranges = prefixes.flatten(blocking) if any(c.prefix is not None for c in canaries) else []
    for canary in limits.must_resolve:
        by = _blocked_in_part(canary, rules, ranges)
        if by:
            found.append(
                f"[guard] must_resolve: {canary} would be blocked by {by}; mend the list, or"
                " except it"
            )
    found += [
        f"[guard] must_block: {canary} would not be blocked any more; mend the list"
        for canary in limits.must_block
        if not _blocked_whole(canary, rules, ranges)
    ]
    return found


def deciding(rules: RuleSet, name: bytes) -> NameEntry | None:
    """Return the entry that decides about a name: the longest match; None: none does."""
    for place, at in enumerate(names.suffixes(name)):
        entry = rules.names.get(at)
        if entry is not None:
            both = slots(entry)
            found = both.below if place else both.itself
            if found is not None:
                return found
    return None


def _blocked_in_part(canary: Target, rules: RuleSet, ranges: list[Range[bool]]) -> str:
    """Return what blocks a canary, or for a prefix any part of it; empty: nothing does."""
    if canary.name is not None:
        entry = deciding(rules, canary.name)
        if entry is None or entry.rule.allow:
            return ""
        return f"{names.to_text(entry.name)} at {Origin(entry.rule.source, entry.line)}"
    prefix = _prefix(canary)
    if not any(found.value for found in _within(prefix, ranges)):
        return ""
    entries = (e for e in rules.prefixes if not e.rule.allow and _overlap(e.prefix, prefix))
    return next((f"{e.prefix} at {Origin(e.rule.source, e.line)}" for e in entries), "")


def _blocked_whole(canary: Target, rules: RuleSet, ranges: list[Range[bool]]) -> bool:
    if canary.name is not None:
        entry = deciding(rules, canary.name)
        return entry is not None and not entry.rule.allow
    prefix = _prefix(canary)
    blocked = (found for found in _within(prefix, ranges) if found.value)
    covered = sum(
        min(found.last, prefix.last) - max(found.first, prefix.network) + 1 for found in blocked
    )
    return covered == prefix.last - prefix.network + 1


def _prefix(canary: Target) -> Prefix:
    assert canary.prefix is not None  # noqa: S101 - a target is a name or a prefix
    return canary.prefix


def _within(prefix: Prefix, ranges: list[Range[bool]]) -> Iterator[Range[bool]]:
    return (
        found
        for found in ranges
        if found.family == prefix.family
        and found.first <= prefix.last
        and prefix.network <= found.last
    )


def _overlap(one: Prefix, other: Prefix) -> bool:
    return one.covers(other) or other.covers(one)
