"""Guards against blocking too much: what no list may name, and when a source is refused.

Pure decisions about parsed sources. What stands in a file is the formats' business; limits on
how much a change adds or removes come with the compiled policy.
"""

from collections.abc import Iterable
from enum import StrEnum

import msgspec
from msgspec import Struct

from blockd import names, prefixes
from blockd.config import GuardSection
from blockd.errors import BlockdError, GuardError, ListError, NameFormError
from blockd.prefixes import Prefix
from blockd.terms import Required
from blockd.watchlist.model import Issue, NameEntry, Parsed, PrefixEntry, Rule, Severity
from blockd.watchlist.never import Exceptions, Never

_ROOT = b""

_MOST_SAID = 20  # errors of a source that cannot be a list, in the sentence that refuses it

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


class PublicSuffixes:
    """Names under which anyone may register: the Public Suffix List, both its sections.

    Matching is on wire names and by set membership alone, since a million names pass here.
    """

    def __init__(self, rules: Iterable[str]) -> None:
        """Take the rules of the list's text form; comments and blank lines may be among them.

        The text is public_suffix_list.dat, which the library publicsuffixlist carries.
        """
        exact: set[bytes] = {_ROOT}
        above: set[bytes] = {_ROOT}  # the default rule `*`: every top-level name
        excepted: set[bytes] = set()
        for line in rules:
            rule = line.split(maxsplit=1)[0] if line.strip() else "//"
            if rule.startswith("//"):
                continue
            try:
                wire = names.parse(rule.removeprefix("!").removeprefix("*."))
            except NameFormError:
                continue  # a rule that is no name covers no listed one
            if rule.startswith("!"):
                excepted.add(wire)
                continue
            exact.add(wire)  # `*.ck` makes `ck` a public suffix too
            if rule.startswith("*."):
                above.add(wire)
        self._exact = frozenset(exact)
        self._above = frozenset(above)
        self._excepted = frozenset(excepted)

    def __contains__(self, wire: bytes) -> bool:
        """Tell whether a wire name is a public suffix, a top-level name or the root."""
        return (
            wire in self._exact or wire[1 + wire[0] :] in self._above
        ) and wire not in self._excepted

    def among(self, entries: Iterable[NameEntry]) -> list[NameEntry]:
        """Return the entries whose name is a public suffix; a million in a fraction of a second."""
        exact, above, excepted = self._exact, self._above, self._excepted
        return [
            entry
            for entry in entries
            if ((name := entry.name) in exact or name[1 + name[0] :] in above)
            and name not in excepted
        ]


class Blame(StrEnum):
    """Why a source is refused."""

    LIST = "list"
    """It has errors, or more bad entries than its budget: exit status 1."""
    GUARD = "guard"
    """It names what no list may: exit status 3."""


class Refusal(Struct, frozen=True):
    """The decision not to accept a source."""

    blame: Blame
    source: str
    message: str
    """A sentence, which quotes the first issue."""
    brief: str
    """The same without, for whoever has seen the issues."""

    def error(self) -> BlockdError:
        """Return the error that carries the sentence and the exit status."""
        kind = GuardError if self.blame is Blame.GUARD else ListError
        return kind(f"{self.source}: {self.message}")


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
    silent = [] if parsed.feed else _silent(parsed, limits)
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


def judge(parsed: Parsed, limits: GuardSection) -> Refusal | None:
    """Return why an inspected source is refused; None: it is acceptable.

    A native source may have no error and no objection. A feed may have bad entries, the
    guard's objections among them, up to the budget's share of its entries, good and bad.
    """
    bad, errors = parsed.bad, parsed.counted.get(Severity.ERROR, 0)
    blame, said, quoted = Blame.LIST, "", ""
    if parsed.refused:
        said = "it cannot be a list"
        kept = [issue for issue in parsed.issues if issue.severity is Severity.ERROR]
        quoted = "; ".join(map(_at, kept[:_MOST_SAID])) or said
        quoted += f"; and {errors - _MOST_SAID} more" if errors > _MOST_SAID else ""
    elif parsed.feed:
        said, quoted = _over_budget(parsed, bad, limits)
        lacking = [] if said else _lacking(parsed, limits)
        if lacking:
            blame = Blame.GUARD
            said = (
                f"the feed says no {' and no '.join(lacking)}, which [guard] require asks for;"
                " say it in the feed's [[list.source]] table"
            )
    elif errors:
        said, quoted = _counted(parsed, errors, "error", "errors")
    elif bad:
        blame = Blame.GUARD
        one, many = "entry that no list may hold", "entries that no list may hold"
        said, quoted = _counted(parsed, bad, one, many)
    if not said:
        return None
    return Refusal(blame, parsed.source, f"refused: {quoted or said}", f"refused: {said}")


def _silent(parsed: Parsed, limits: GuardSection) -> list[tuple[Rule, list[Required]]]:
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


def _lacking(parsed: Parsed, limits: GuardSection) -> list[Required]:
    """Return what a feed leaves out; its entries leave with the feed, on no day of their own."""
    found = {key for _, lacking in _silent(parsed, limits) for key in lacking}
    return [key for key in limits.require if key in found and key is not Required.EXPIRES]


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


def _over_budget(parsed: Parsed, lines: int, limits: GuardSection) -> tuple[str, str]:
    """Return why a feed is refused for what it has of good and bad, and the same with a quote."""
    whole = parsed.entries + lines
    allowed = limits.budget.of(whole)
    if lines > allowed:
        bad = f"{lines} of {whole} entries are bad"
        rest = f"; a budget of {limits.budget} allows {allowed}: mend them, or raise [guard] budget"
        return f"{bad}{rest}", f"{bad}, the first {_at(min(parsed.errors()))}{rest}"
    return "" if parsed.names or parsed.prefixes else "no entry is left of it", ""


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


def _counted(parsed: Parsed, count: int, one: str, many: str) -> tuple[str, str]:
    """Return how many issues there are, and the same with the first of them."""
    first = _at(min(parsed.errors(), key=lambda issue: (issue.severity, issue)))
    if count == 1:
        return f"1 {one}", f"1 {one}, {first}"
    return f"{count} {many}", f"{count} {many}, the first {first}"


def _at(issue: Issue) -> str:
    return f"at line {issue.origin.line}: {issue.message}" if issue.origin.line else issue.message
