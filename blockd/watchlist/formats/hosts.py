"""Hosts files used as lists: an address that leads nowhere, then names.

A line of a hosts file speaks of one host, so each name covers only itself (`=name`) and is
answered NODATA: the narrower reading blocks less. Whoever wants what is below the names as
well keeps them as plain domains.
"""

import re

from blockd.errors import NameFormError
from blockd.watchlist.formats.entry import name_entry, shown
from blockd.watchlist.formats.feed import Feed
from blockd.watchlist.formats.found import NOTHING, Found
from blockd.watchlist.formats.ordinary import COMMENTED, ordinary
from blockd.watchlist.formats.pieces import Text
from blockd.watchlist.model import Parsed, Rule, Scope

FURNITURE = frozenset({
    "localhost", "localhost.localdomain", "localhost4", "localhost6", "local", "broadcasthost",
    "ip6-localhost", "ip6-loopback", "ip6-localnet", "ip6-mcastprefix", "ip6-allnodes",
    "ip6-allrouters", "ip6-allhosts", "0.0.0.0",  # noqa: S104 - nothing is bound here
})  # fmt: skip
"""Names that every hosts file has for the machine's own use; they list nothing."""

ADDRESS = re.compile(r"(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F]*:[0-9a-fA-F:.]*)(?:%\w+)?")
"""The form of a hosts line's first field."""

SINK = re.compile(r"0\.0\.0\.0|127(?:\.\d{1,3}){3}|0*(?::0*)*:0*1?")
"""Addresses that lead nowhere, as lists write for "blocked"."""

_UNLIKE = "(?!(?i:localhost))"
_USUAL = rf"(?:0\.0\.0\.0|127\.0\.0\.1)[ \t]++{_UNLIKE}"
_SECOND = rf"::1?[ \t]++{_UNLIKE}"


def parse(text: Text, source: str) -> Parsed:
    """Return the entries and issues of a hosts list; lines of furniture count as comments.

    A name that has a line for IPv4 and one for IPv6 is no duplicate.

    Args:
        text: the file's content.
        source: its path, for the origins and the rule's id.
    """
    feed = Feed(source, "hosts")
    feed.linewise = True
    feed.shapes = (
        ordinary(_USUAL, rf"{COMMENTED}::1?[ \t]++\1{COMMENTED}", Scope.EXACT, lines=2),
        ordinary(_USUAL, COMMENTED, Scope.EXACT),
        ordinary(_SECOND, COMMENTED, Scope.EXACT, is_second_family=True),
        ordinary(_USUAL, COMMENTED, Scope.EXACT, separator=" ", unlike=_UNLIKE),
    )
    return feed.read(text, lambda line: meaning(line, feed.rule))


def meaning(line: str, rule: Rule) -> Found:
    """Return what a line lists, or what is wrong with it; neither: furniture."""
    address, *rest = line.partition("#")[0].split() or [""]
    if not address:
        return NOTHING
    if not ADDRESS.fullmatch(address):
        sentence = f"a hosts line begins with an address; write `0.0.0.0 {_bare(address)}`"
        return Found(problems=[sentence])
    if not rest:
        return Found(problems=[f"no name follows the address {address}; write `{address} name`"])
    listed = [field for field in rest if field.lower() not in FURNITURE]
    if listed and not SINK.fullmatch(address):
        # Such a line says where a host is, not that it is to be blocked.
        sentence = f"{address} is a host's address, no block; write `0.0.0.0 {_bare(listed[0])}`"
        return Found(problems=[sentence])
    found: list[tuple[bytes, Scope, Rule]] = []
    bad = []
    for text in listed:
        try:
            wire, scope = name_entry(text)
        except NameFormError as error:
            bad.append(str(error))
            continue
        if scope is Scope.SUBTREE:
            found.append((wire, Scope.EXACT, rule))
        else:
            bad.append(f"{shown(text)}: a hosts line names hosts, without `*.` and `=`")
    return Found(found, problems=bad, is_second_family=":" in address)


def _bare(text: str) -> str:
    """Return a text as it would stand in the file, for a message: no control characters."""
    return text[:253] if text.isprintable() else shown(text)
