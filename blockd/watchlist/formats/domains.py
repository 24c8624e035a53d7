"""Plain domains: one name a line, `#` or `!` before a comment.

A plain name covers itself and all below it; `=name` and `*.name` as in the native format.
"""

import re

from blockd import names
from blockd.errors import NameFormError
from blockd.watchlist.formats import feed
from blockd.watchlist.formats.entry import name_entry
from blockd.watchlist.model import Issue, NameEntry, Origin, Parsed, Scope, Severity

_COMMENT = re.compile(r"(?:^|\s)[#!].*", re.DOTALL)


def parse(text: str, source: str) -> Parsed:
    """Return the entries and issues of a domains list.

    Args:
        text: the file's content.
        source: its path, for the origins and the rule's id.
    """
    rule = feed.rule(source)
    lines = feed.lines(text)
    parsed = Parsed(source=source, feed=True, format="domains", lines=len(lines))
    entries, issues = parsed.names, parsed.issues
    seen: tuple[dict[bytes, int], ...] = tuple({} for _ in Scope)
    subtrees, subtree, plain_wire = seen[Scope.SUBTREE], Scope.SUBTREE, names.plain_wire
    for number, line in enumerate(lines, 1):
        # The quick way first: nearly every line of a real list is a plain lower-case name.
        wire = plain_wire(line)
        if wire is not None and not line[-1].isdigit():
            if subtrees.setdefault(wire, number) == number:
                entries.append(NameEntry(wire, subtree, rule, number))
            else:
                issues.append(feed.duplicate(source, number, line, subtrees[wire]))
            continue
        body = _COMMENT.sub("", line).strip()
        if not body:
            if line.strip():
                parsed.comments += 1
            else:
                parsed.blanks += 1
            continue
        try:
            wire, scope = name_entry(body)
        except NameFormError as error:
            issues.append(Issue(Origin(source, number), Severity.ERROR, str(error)))
            continue
        if seen[scope].setdefault(wire, number) == number:
            entries.append(NameEntry(wire, scope, rule, number))
        else:
            issues.append(feed.duplicate(source, number, body, seen[scope][wire]))
    parsed.entries = len(entries)
    return parsed
