"""Guards against blocking too much: what speaks against the single entries of a source.

Pure decisions. What stands in a file is the formats' business; whether the whole source is
accepted is `refusal`'s; limits on how much a change adds or removes come with the compiled policy.
"""

import msgspec

from blockd import names, prefixes
from blockd.config import GuardSection
from blockd.prefixes import Prefix
from blockd.terms import Required
from blockd.watchlist.model import NameEntry, Parsed, PrefixEntry, Rule, Severity
from blockd.watchlist.never import Exceptions, Never
from blockd.watchlist.suffixes import PublicSuffixes

_ROOT = b""

NOTHING, NONE = Never(), Exceptions()

_SPECIAL = tuple(
    (prefixes.parse(text), what)
    for text, what in (
        ("0.0.0.0/8", "unspecified (RFC 1122 3.2.1.3)"),
        ("::/128", "unspecified (RFC 4291 2.5.2)"),
        ("127.0.0.0/8", "loopback (RFC 1122 3.2.1.3)"),
        ("::1/128", "loopback (RFC 4291 2.5.3)"),
        ("169.254.0.0/16", "link-local (RFC 3927)"),
        ("fe80::/10", "link-local (RFC 4291 2.5.6)"),
        ("224.0.0.0/4", "multicast (RFC 5771)"),
        ("ff00::/8", "multicast (RFC 4291 2.7)"),
        ("10.0.0.0/8", "private (RFC 1918)"),
        ("172.16.0.0/12", "private (RFC 1918)"),
        ("192.168.0.0/16", "private (RFC 1918)"),
        ("100.64.0.0/10", "shared by carriers (RFC 6598)"),
        ("fc00::/7", "unique local (RFC 4193)"),
        ("::ffff:0:0/96", "IPv4-mapped (RFC 4291 2.5.5.2)"),
        ("64:ff9b::/96", "translated IPv4 (RFC 6052)"),
    )
)


def inspect(
    parsed: Parsed,
    limits: GuardSection,
    suffixes: PublicSuffixes,
    never: Never = NOTHING,
    excepted: Exceptions = NONE,
) -> Parsed:
    """Return the source with the guard's objections among its issues.

    From a feed the entries objected to are dropped, and a line of them is one issue; a native
    source keeps them, since it is refused whole. Exceptions may be wide, since they block
    nothing; but not the root, which would switch everything off.
    """
    bad_names = [
        entry
        for entry in suffixes.among(parsed.names)
        if not entry.rule.allow or entry.name == _ROOT
    ]
    bad_prefixes = [
        (entry, objection)
        for entry in parsed.prefixes
        if not entry.rule.allow and (objection := _prefix_objection(entry.prefix, limits))
    ]
    touching: list[tuple[NameEntry | PrefixEntry, str]] = [
        *never.names(parsed.names, excepted),
        *never.prefixes(parsed.prefixes, excepted),
    ]
    silent = [] if parsed.feed else incomplete(parsed, limits)
    if not (bad_names or bad_prefixes or touching or silent):
        return parsed
    objections: list[tuple[NameEntry | PrefixEntry, str]] = [
        *((entry, "") for entry in bad_names),  # a million sentences take room, and few are kept
        *bad_prefixes,
    ]
    already = {id(entry) for entry, _ in objections}
    objections += [each for each in touching if id(each[0]) not in already]
    inspected = msgspec.structs.replace(
        parsed,
        issues=list(parsed.issues),
        counted=dict(parsed.counted),
        unsupported=dict(parsed.unsupported),
        mixed=dict(parsed.mixed),
    )
    noted: set[int] = set()
    for entry, objection in objections:
        if parsed.feed:
            if entry.line in noted:
                continue
            noted.add(entry.line)
            _count_once(inspected, entry.line)
        sentence = objection
        if not sentence and isinstance(entry, NameEntry) and inspected.keeps(Severity.GUARD):
            sentence = _name_objection(entry.name)
        inspected.note(entry.line, Severity.GUARD, sentence)
    for rule, lacking in silent:
        sentence = (
            f"says no {' and no '.join(lacking)}, which [guard] require asks for; write it, or"
            " write it under [list] for all"
        )
        inspected.note(rule.line, Severity.GUARD, sentence)
    inspected.issues.sort()
    if parsed.feed:
        dropped = {id(entry) for entry, _ in objections}
        inspected.names = [entry for entry in parsed.names if id(entry) not in dropped]
        inspected.prefixes = [entry for entry in parsed.prefixes if id(entry) not in dropped]
    return inspected


def incomplete(parsed: Parsed, limits: GuardSection) -> list[tuple[Rule, list[Required]]]:
    """Return the rules that leave out what is required, exceptions aside."""
    if not limits.require:
        return []
    rules = {id(entry.rule): entry.rule for entry in parsed.names}
    rules |= {id(entry.rule): entry.rule for entry in parsed.prefixes}
    return [
        (rule, lacking)
        for rule in rules.values()
        if not rule.allow and (lacking := [key for key in limits.require if not getattr(rule, key)])
    ]


def _count_once(parsed: Parsed, line: int) -> None:
    """Take a line of a feed out of what it is counted as: it is about to be counted again."""
    sort = parsed.mixed.get(line)
    if sort is None:
        parsed.entries -= 1
    elif sort in parsed.unsupported:
        parsed.unsupported[sort] -= 1
    else:
        parsed.counted[Severity(sort)] -= 1
    parsed.mixed[line] = Severity.GUARD


def _name_objection(wire: bytes) -> str:
    if wire == _ROOT:
        return "the root covers every name there is; list the names that are meant"
    text = names.to_unicode(wire)
    if wire[0] + 1 == len(wire):
        return f"{text} is a top-level name: all below it is many people's; list a name below it"
    return f"{text} is a public suffix: anyone may register below it; list a name below it"


def _prefix_objection(prefix: Prefix, limits: GuardSection) -> str:
    """Return what speaks against a prefix; empty: nothing."""
    network, last = prefix.network, prefix.last
    touched = next(
        (
            (special, what)
            for special, what in _SPECIAL
            if special.family == prefix.family
            and network <= special.last
            and special.network <= last
        ),
        None,
    )
    v4 = prefix.family == 4
    shortest = limits.shortest_v4 if v4 else limits.shortest_v6
    # A wide prefix that is not itself special is refused for its width, the plainer reason.
    if prefix.length < shortest and not (touched and touched[0].covers(prefix)):
        key = "shortest_v4" if v4 else "shortest_v6"
        return (
            f"{prefix} is wider than /{shortest}; list the narrower prefixes that are meant,"
            f" or lower [guard] {key}"
        )
    if touched:
        return f"{prefix} holds {touched[1]} addresses, which no list may name; remove it"
    return ""
