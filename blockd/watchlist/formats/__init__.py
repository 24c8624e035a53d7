"""Parsers of list files, one module a format, and the choice between them.

`parse` is the only door for others: bytes in, `Parsed` out.
"""

from blockd.watchlist.formats.recognise import parse

__all__ = ["parse"]
