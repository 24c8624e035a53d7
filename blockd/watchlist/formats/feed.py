"""What the line-based formats of feeds share: lines, the one rule, duplicates."""

from blockd.terms import Basis
from blockd.watchlist.model import Issue, Origin, Rule, Severity


def lines(text: str) -> list[str]:
    """Return the lines of a text without their ends, LF or CRLF.

    Not `splitlines`, which also breaks at form feeds and U+2028 and would count otherwise
    than every editor does.
    """
    parts = text.replace("\r\n", "\n").split("\n")
    if not parts[-1]:
        parts.pop()
    return parts


def rule(source: str) -> Rule:
    """Return the rule of all of a feed's entries; its id is the file's name without suffix."""
    base = source.rpartition("/")[2]
    return Rule(id=base.rpartition(".")[0] or base, source=source, basis=Basis.POLICY)


def duplicate(source: str, line: int, text: str, first: int) -> Issue:
    """Return the warning about an entry that stands in the same source already."""
    message = f"{text} is listed at line {first} already"
    return Issue(Origin(source, line), Severity.WARNING, message)
