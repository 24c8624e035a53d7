"""Parsers of list files, one module a format, and the choice between them.

`parse` is the only door for others: bytes in, `Parsed` out. `FORMATS` are their names.
"""

from blockd.watchlist.formats.recognise import FORMATS, parse

__all__ = ["FORMATS", "parse"]
