"""What a watched list consists of: entries, the rules they belong to, and issues.

The types that every other room speaks of, and how many issues are kept of a source, so that what
is wrong with a list takes no more memory than what is right. No parsing, no input or output.
"""

from collections.abc import Iterable, Iterator
from datetime import date
from enum import IntEnum, StrEnum
from typing import NamedTuple

from msgspec import Struct

from blockd.prefixes import Prefix
from blockd.terms import Action, Basis, RouteType

MOST_ISSUES = 1_000
"""Issues of one severity, or of lines that are not taken, that are kept of a source."""

MOST_KINDS = 100
"""Kinds of such lines that are told apart; a list can have as many as it has lines."""

_OTHER = "of other kinds"


class Scope(IntEnum):
    """Which names an entry covers; the numbers are stored in generations."""

    SUBTREE = 0
    """`name`: itself and all below it."""
    EXACT = 1
    """`=name`: only itself."""
    BELOW = 2
    """`*.name`: only what is below it."""


class Severity(StrEnum):
    """How much an issue weighs."""

    ERROR = "error"
    GUARD = "guard"
    """A guard's hit: refuses a native file, drops the entry of a feed."""
    WARNING = "warning"


class Origin(NamedTuple):
    """Where something stands: a source's path and a line, counted from 1 (0: the whole file)."""

    source: str
    line: int

    def __str__(self) -> str:
        """Return `file:line`, as compilers print it."""
        return f"{self.source}:{self.line}" if self.line else self.source


class Issue(Struct, frozen=True, order=True):
    """Something wrong with a source or one of its entries."""

    origin: Origin
    severity: Severity
    message: str

    def __str__(self) -> str:
        """Return `file:line: severity: message`."""
        return f"{self.origin}: {self.severity}: {self.message}"


class Rule(Struct, frozen=True, order=True, kw_only=True, omit_defaults=True):
    """What holds for all entries of one platform, of one exception, or of one feed."""

    id: str
    """The platform's id; a feed's file name; for an exception `allow`."""
    source: str
    line: int = 0
    """The line of the platform or exception in its source; 0 for a feed."""
    list_name: str = ""
    name: str = ""
    authority: str = ""
    basis: Basis = Basis.POLICY
    reference: str = ""
    contact: str = ""
    listed: date | None = None
    expires: date | None = None
    """In force until the end of that day, UTC."""
    action: Action | None = None
    """None: the configuration's, or NODATA for an entry that covers only itself."""
    addresses: tuple[str, ...] = ()
    """With `action = "address"`: IPv4 and IPv6 addresses in canonical text."""
    records: tuple[str, ...] = ()
    """With `action = "records"`: see `blockd.records`, in canonical text."""
    ttl: int | None = None
    """Seconds; None: the configuration's."""
    route: RouteType | None = None
    """None: the configuration's."""
    check_cname: bool | None = None
    """Whether its names block answers whose CNAME, DNAME or SVCB chain leads to them; None: the
    configuration's."""
    check_addresses: bool | None = None
    """Whether its prefixes block answers that contain their addresses; None: the
    configuration's."""
    enforce: bool = True
    allow: bool = False
    """An exception: its entries are not blocked."""
    reason: str = ""
    """Why the exception was made."""
    owner: str = ""
    """Who answers for the exception."""

    @property
    def origin(self) -> Origin:
        """Where the rule stands."""
        return Origin(self.source, self.line)


class NameEntry(NamedTuple):
    """One listed or excepted name."""

    name: bytes
    """Canonical wire form, see `blockd.names`."""
    scope: Scope
    rule: Rule
    line: int


class PrefixEntry(NamedTuple):
    """One listed or excepted prefix."""

    prefix: Prefix
    rule: Rule
    line: int


class Expiry(Struct, frozen=True, order=True):
    """What is in force, or in shadow, until the end of a day."""

    last_day: date
    entries: int
    platforms: tuple[str, ...]
    """Their ids, the first in order; of a feed with a platform a line there may be many."""


class Parsed(Struct, kw_only=True):
    """What a parser found in one source; nothing in it is judged yet.

    `lines = entries + comments + blanks + faults` is each line-based parser's promise: a line
    counts once. A line with an issue counts as that one issue and not as an entry, be it bad, or
    a duplicate that adds nothing, or one of several names of which only some are wrong. The
    promise holds unless the source is refused whole.

    Issues are counted without end, and kept up to a bound: `faults` is `len(issues)` and what
    `unkept` says. Whoever decides asks the counts; `issues` is for showing.
    """

    source: str
    feed: bool
    """A feed may have bad entries within the budget; a native file may not."""
    names: list[NameEntry] = []
    prefixes: list[PrefixEntry] = []
    issues: list[Issue] = []
    """The first `MOST_ISSUES` of each severity and of all that is `unsupported`, and besides the
    first of each kind of that."""
    counted: dict[Severity, int] = {}
    """How many issues there are but for those of `unsupported`, kept or not."""
    mixed: dict[int, str] = {}
    """Lines that have an issue and list something all the same: as what each is counted, a
    severity or a kind of `unsupported`."""
    refused: bool = False
    """The source as a whole cannot be a list: no budget lets it through."""
    format: str = ""
    """What it was read as, see `formats.FORMATS`; empty when refused before that."""
    linewise: bool = False
    """What a line says follows from that line alone, but for repetitions of what stands above."""
    head: int = 0
    """Of a `linewise` source: how many lines at its top say how all others are to be read."""
    order: int = 0
    """Its place among sources of which the first that says anything counts, from 1, see `zones`;
    0: it has none, and the longest match decides."""
    lines: int = 0
    comments: int = 0
    blanks: int = 0
    entries: int = 0
    """Entry lines taken, however many names each has; in the native format, names and prefixes
    taken."""
    unsupported: dict[str, int] = {}
    """Lines that are well formed and that blockd has nothing for, by kind; each is an issue."""
    shown: dict[str, int] = {}
    """How many of those are kept, by kind."""
    shown_of_all: int = 0
    """And of all kinds, of which a list can have many with many lines each."""
    omitted: int = 0
    """Issues that were counted and not kept, whatever became of the counts since."""

    @property
    def faults(self) -> int:
        """How many issues there are, kept or not; of a feed: lines that have one."""
        return sum(self.counted.values()) + sum(self.unsupported.values())

    @property
    def bad(self) -> int:
        """How many of them are more than warnings."""
        return self.counted.get(Severity.ERROR, 0) + self.counted.get(Severity.GUARD, 0)

    def errors(self) -> Iterable[Issue]:
        """Yield the kept issues that are more than warnings: the first ones, if there are any."""
        return (issue for issue in self.issues if issue.severity is not Severity.WARNING)

    def keeps(self, severity: Severity) -> bool:
        """Tell whether the next issue is kept, for callers whose sentences take time to write."""
        return self.counted.get(severity, 0) < MOST_ISSUES

    def note(self, line: int, severity: Severity, sentence: str, kind: str = "") -> str:
        """Count an issue, and keep it if it is one of the first.

        Args:
            line: where; 0: the whole file.
            severity: how much it weighs.
            sentence: what is wrong.
            kind: of what is not taken, see `unsupported`; empty: it is something else.

        Returns:
            As what it is counted, as `mixed` has it.
        """
        if kind:
            kinds = self.unsupported
            sort = kind if kind in kinds or len(kinds) < MOST_KINDS else _OTHER
            kinds[sort] = kinds.get(sort, 0) + 1
            kept = self.shown_of_all < MOST_ISSUES or sort not in self.shown
            if kept:
                self.shown[sort] = self.shown.get(sort, 0) + 1
                self.shown_of_all += 1
        else:
            sort = severity
            count = self.counted[severity] = self.counted.get(severity, 0) + 1
            kept = count <= MOST_ISSUES
        if kept:
            self.issues.append(Issue(Origin(self.source, line), severity, sentence))
        else:
            self.omitted += 1
        return sort

    def unkept(self) -> Iterator[Issue]:
        """Yield, for each sort of issues of which not all are kept, how many there are."""
        several = [
            (severity, _MANY[severity], n, MOST_ISSUES) for severity, n in self.counted.items()
        ]
        several += [
            (Severity.WARNING, f"lines not taken: {kind}", n, self.shown.get(kind, 0))
            for kind, n in self.unsupported.items()
        ]
        for severity, what, count, shown in several:
            if count > shown:
                first = f"the first {shown:,} are" if shown > 1 else "the first is"
                sentence = f"{count:,} {what}; {first} shown"
                yield Issue(Origin(self.source, 0), severity, sentence)

    def told(self) -> list[Issue]:
        """Return what to show of the issues, in order of lines."""
        return sorted([*self.unkept(), *self.issues])


_MANY = {
    Severity.ERROR: "errors",
    Severity.GUARD: "entries that no list may hold",
    Severity.WARNING: "warnings",
}
