"""Plain domains: one name a line, `#` or `!` before a comment.

A plain name covers itself and all below it; `=name` and `*.name` as in the native format.
"""

import re

from blockd.errors import NameFormError
from blockd.watchlist.formats.entry import name_entry
from blockd.watchlist.formats.feed import Feed
from blockd.watchlist.formats.found import NOTHING, Found
from blockd.watchlist.formats.ordinary import COMMENTED, ordinary
from blockd.watchlist.formats.pieces import Text
from blockd.watchlist.model import Parsed, Scope

_COMMENT = re.compile(r"(?:^|\s)[#!].*", re.DOTALL)


def parse(text: Text, source: str) -> Parsed:
    """Return the entries and issues of a domains list.

    Args:
        text: the file's content.
        source: its path, for the origins and the rule's id.
    """
    feed = Feed(source, "domains")
    feed.linewise = True
    feed.shapes = (ordinary("", COMMENTED), ordinary(r"\*\.", COMMENTED, Scope.BELOW))

    def meaning(line: str) -> Found:
        body = _COMMENT.sub("", line).strip()
        if not body:
            return NOTHING
        try:
            return Found([(*name_entry(body), feed.rule)])
        except NameFormError as error:
            return Found(problems=[str(error)])

    return feed.read(text, meaning)
