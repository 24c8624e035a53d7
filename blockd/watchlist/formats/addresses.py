"""Plain feeds of addresses: one address, prefix or range a line, `#` or `;` before a comment.

A range `first-last` (also as two columns, with whatever follows, as DShield writes it) becomes
the fewest prefixes that hold exactly its addresses. A prefix with host bits is a mistake: which
of the two it means is not ours to guess. How wide it may be is the guard's business.
"""

import re

from blockd import prefixes
from blockd.errors import NameFormError, PrefixFormError
from blockd.prefixes import WIDTH, Prefix
from blockd.watchlist.formats import address_runs
from blockd.watchlist.formats.entry import name_entry, shown
from blockd.watchlist.formats.feed import Feed
from blockd.watchlist.formats.found import NOTHING, Found
from blockd.watchlist.formats.pieces import Text
from blockd.watchlist.model import Parsed, Rule

_COMMENT = re.compile(r"(?:^|\s)[#;].*", re.DOTALL)
_ADDRESS = r"[0-9a-fA-F:.]*[0-9a-fA-F:]"
_RANGE = re.compile(rf"({_ADDRESS})(?:\s*-\s*|\t)({_ADDRESS})(?:\t.*)?")
_BEGIN = frozenset("0123456789[")
_BARE = re.compile(r"[0-9a-fA-F:./-]+")
_COLUMNS = re.compile(r"start[\t ]+end[\t ]", re.IGNORECASE)


def parse(text: Text, source: str) -> Parsed:
    """Return the prefixes and issues of a feed of addresses.

    Args:
        text: the file's content.
        source: its path, for the origins and the rule's id.
    """
    feed = Feed(source, "addresses")
    feed.linewise = True

    def take(text: str, at: int) -> tuple[int, bool]:
        lines = address_runs.run(text, at)
        held = address_runs.read(lines) if lines else None
        if held is None:
            return at + len(lines), False
        listed, places = held
        is_taken = feed.keep_many(listed, feed.rule, places, lines.count("\n"))
        return at + len(lines), is_taken

    return feed.read(text, lambda line: meaning(line, feed.rule), take)


def is_typical(line: str) -> bool:
    """Tell whether a line is one that only such a feed has."""
    body = _COMMENT.sub("", line).strip()
    return bool(_RANGE.fullmatch(body) or _COLUMNS.match(body)) or prefixes.is_meant(body)


def meaning(line: str, rule: Rule) -> Found:
    """Return the prefixes that a line lists, or what is wrong with it."""
    body = line if _BARE.fullmatch(line) else _COMMENT.sub("", line).strip()
    if not body or _COLUMNS.match(body):
        return NOTHING
    found = _RANGE.fullmatch(body) if "-" in body or "\t" in body else None
    try:
        if found:
            return Found(prefixes=[(prefix, rule) for prefix in between(found[1], found[2])])
        return Found(prefixes=[(prefixes.parse(body), rule)])
    except PrefixFormError as error:
        return Found(problems=[str(error) if found else _hint(body)])


def between(first: str, last: str) -> list[Prefix]:
    """Return the fewest prefixes that hold the addresses from one to another, both included.

    Raises:
        PrefixFormError: one of them is no address, or the second comes before the first.
    """
    low, high = prefixes.parse(first), prefixes.parse(last)
    if low.family != high.family or low.network > high.network:
        raise PrefixFormError(f"the range {shown(f'{first}-{last}')} ends before it begins")
    return prefixes.spans(low.family, low.network, high.network)


def is_meant(text: str) -> bool:
    """Tell whether a text is meant as an address or prefix rather than as a name."""
    return (text[:1] in _BEGIN or ":" in text) and prefixes.is_meant(text)


def single(text: str) -> Prefix | None:
    """Return the prefix of one address, which may stand in brackets; None: it is none."""
    if text[:1] not in _BEGIN and ":" not in text:
        return None  # nearly always a name
    try:
        prefix = prefixes.parse(text[1:-1] if text[:1] + text[-1:] == "[]" else text)
    except PrefixFormError:
        return None
    return prefix if prefix.length == WIDTH[prefix.family] and "/" not in text else None


def _hint(body: str) -> str:
    """Return what to tell about a text that is no address."""
    try:
        prefixes.parse(body)
    except PrefixFormError as error:
        if "host bits" in str(error):
            return str(error)
    try:
        name_entry(body)
    except NameFormError:
        return f"{shown(body)} is not an IPv4 or IPv6 address, prefix or range"
    return f"{shown(body)} is a name; names go into a list of their own"
