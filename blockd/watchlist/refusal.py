"""Whether an inspected source is accepted, and the sentence that refuses it.

Pure decisions about a source as a whole: its errors, and a feed's budget. What speaks against
single entries is `guard`'s to say.
"""

from enum import StrEnum

from msgspec import Struct

from blockd.config import GuardSection
from blockd.errors import BlockdError, GuardError, ListError
from blockd.terms import Required
from blockd.watchlist import guard
from blockd.watchlist.model import Issue, Parsed, Severity

_MOST_SAID = 20  # errors of a source that cannot be a list, in the sentence that refuses it


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


def _lacking(parsed: Parsed, limits: GuardSection) -> list[Required]:
    """Return what a feed leaves out; its entries leave with the feed, on no day of their own."""
    found = {key for _, lacking in guard.incomplete(parsed, limits) for key in lacking}
    return [key for key in limits.require if key in found and key is not Required.EXPIRES]


def _over_budget(parsed: Parsed, lines: int, limits: GuardSection) -> tuple[str, str]:
    """Return why a feed is refused for what it has of good and bad, and the same with a quote."""
    whole = parsed.entries + lines
    allowed = limits.budget.of(whole)
    if lines > allowed:
        bad = f"{lines} of {whole} entries are bad"
        rest = f"; a budget of {limits.budget} allows {allowed}: mend them, or raise [guard] budget"
        return f"{bad}{rest}", f"{bad}, the first {_at(min(parsed.errors()))}{rest}"
    return "" if parsed.names or parsed.prefixes else "no entry is left of it", ""


def _counted(parsed: Parsed, count: int, one: str, many: str) -> tuple[str, str]:
    """Return how many issues there are, and the same with the first of them."""
    first = _at(min(parsed.errors(), key=lambda issue: (issue.severity, issue)))
    if count == 1:
        return f"1 {one}", f"1 {one}, {first}"
    return f"{count} {many}", f"{count} {many}, the first {first}"


def _at(issue: Issue) -> str:
    return f"at line {issue.origin.line}: {issue.message}" if issue.origin.line else issue.message
