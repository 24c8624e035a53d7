"""Parsers of list files, one module a format, and the choice between them.

`parse` is the door for others: bytes in, `Parsed` out. `FORMATS` are their names. `opened`,
`parse_line` and `top` are for who has a file's lines at hand, and needs few of them read;
`harmless` is for sentences that quote a list.
"""

from blockd.watchlist.formats.recognise import FORMATS, harmless, opened, parse, parse_line, top

__all__ = ["FORMATS", "harmless", "opened", "parse", "parse_line", "top"]
