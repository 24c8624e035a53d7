"""Hosts files used as lists: an address that leads nowhere, then names.

A line of a hosts file speaks of one host, so each name covers only itself (`=name`) and is
answered NODATA: the narrower reading blocks less. Whoever wants what is below the names as
well keeps them as plain domains.
"""

import re
from typing import NamedTuple

from blockd import names
from blockd.errors import NameFormError
from blockd.watchlist.formats import feed
from blockd.watchlist.formats.entry import name_entry, shown
from blockd.watchlist.model import Issue, NameEntry, Origin, Parsed, Scope, Severity

FURNITURE = frozenset({
    "localhost", "localhost.localdomain", "localhost4", "localhost6", "local", "broadcasthost",
    "ip6-localhost", "ip6-loopback", "ip6-localnet", "ip6-mcastprefix", "ip6-allnodes",
    "ip6-allrouters", "ip6-allhosts", "0.0.0.0",  # noqa: S104 - nothing is bound here
})  # fmt: skip
"""Names that every hosts file has for the machine's own use; they list nothing."""

ADDRESS = re.compile(r"(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F]*:[0-9a-fA-F:.]*)(?:%\w+)?")
"""The form of a hosts line's first field."""

_USUAL = frozenset({"0.0.0.0", "127.0.0.1"})  # noqa: S104 - nothing is bound here
_SINK = re.compile(r"0\.0\.0\.0|127(?:\.\d{1,3}){3}|0*(?::0*)*:0*1?")


def parse(text: str, source: str) -> Parsed:
    """Return the entries and issues of a hosts list; lines of furniture count as comments.

    Args:
        text: the file's content.
        source: its path, for the origins and the rule's id.
    """
    rule = feed.rule(source)
    lines = feed.lines(text)
    parsed = Parsed(source=source, feed=True, format="hosts", lines=len(lines))
    seen: dict[bytes, int] = {}
    for number, line in enumerate(lines, 1):
        quick = _quick(line)
        if quick is not None and seen.setdefault(quick, number) == number:
            parsed.names.append(NameEntry(quick, Scope.EXACT, rule, number))
            parsed.entries += 1
            continue
        fields = line.partition("#")[0].split()
        if not fields:
            is_blank = not line.strip()
            parsed.blanks += is_blank
            parsed.comments += not is_blank
            continue
        found = _line(fields)
        bad, twice = found.bad, b""
        for wire in dict.fromkeys(found.names):
            if seen.setdefault(wire, number) == number:
                parsed.names.append(NameEntry(wire, Scope.EXACT, rule, number))
            else:
                twice = wire
        if bad:  # one issue stands for all that is wrong with a line
            more = f" (and {len(bad) - 1} more on this line)" if len(bad) > 1 else ""
            parsed.issues.append(Issue(Origin(source, number), Severity.ERROR, bad[0] + more))
        elif twice:
            first = seen[twice]
            shown_name = names.to_unicode(twice)
            parsed.issues.append(feed.duplicate(source, number, shown_name, first))
        elif found.names:
            parsed.entries += 1
        else:
            parsed.comments += 1
    return parsed


def _quick(line: str) -> bytes | None:
    """Return the one plain name of a line as nearly all of a real list are; None: look closer."""
    address, _, name = line.partition(" ")
    if address not in _USUAL or name in FURNITURE or name[-1:].isdigit():
        return None
    return names.plain_wire(name)


class _Found(NamedTuple):
    names: list[bytes]
    bad: list[str]


def _line(fields: list[str]) -> _Found:
    """Return the names that a line lists, and what is wrong with it; neither: furniture."""
    address, *rest = fields
    if not ADDRESS.fullmatch(address):
        sentence = f"a hosts line begins with an address; write `0.0.0.0 {address[:253]}`"
        return _Found([], [sentence])
    if not rest:
        return _Found([], [f"no name follows the address {address}; write `{address} name`"])
    listed = [field for field in rest if field.lower() not in FURNITURE]
    if listed and not _SINK.fullmatch(address):
        # Such a line says where a host is, not that it is to be blocked.
        sentence = f"{address} is a host's address, no block; write `0.0.0.0 {listed[0][:253]}`"
        return _Found([], [sentence])
    found = _Found([], [])
    for text in listed:
        try:
            wire, scope = name_entry(text)
        except NameFormError as error:
            found.bad.append(str(error))
            continue
        if scope is Scope.SUBTREE:
            found.names.append(wire)
        else:
            found.bad.append(f"{shown(text)}: a hosts line names hosts, without `*.` and `=`")
    return found
