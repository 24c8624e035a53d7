"""Bytes to text, and the problems that refuse a source whole before it is parsed.

Cut off, not text, wrongly encoded, another kind of file; gzip is undone. What the lines say is
the formats' business.
"""

import codecs
import re
import zlib

from blockd.watchlist.formats.pieces import pieces

_HTML = re.compile(
    # Possessive throughout: comments without end must not be tried in every combination.
    r"\s*+(?:<!--(?:(?!-->).)*+-->\s*+)*+<(?:!doctype\s+html|html|head|body|\?xml)\b",
    re.IGNORECASE | re.DOTALL,
)
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_GZIP = b"\x1f\x8b"
_PIECE = 1 << 20

LARGEST = 1 << 29
"""Octets that a compressed list may unpack to: some 15 million names."""


def decode(content: bytes, largest: int = LARGEST) -> tuple[str, list[tuple[int, str]]]:
    """Return the text without a byte order mark, and whole-file problems by line.

    The text is empty where there is a problem; see `checked`, by which a text is never whole in
    memory beside its octets.
    """
    octets, problems = checked(content, largest)
    return octets.decode("utf-8-sig"), problems


def checked(content: bytes, largest: int = LARGEST) -> tuple[bytes, list[tuple[int, str]]]:
    """Return the octets of a text, for `Pieces`, and whole-file problems by line.

    There are no octets where there is a problem. Line 0 is the file as a whole.

    Args:
        content: the file's content, as it is or compressed with gzip.
        largest: how many octets it may unpack to.
    """
    if content.startswith(_GZIP):
        content, problem = _unpacked(content, largest)
        if problem:
            return b"", [(0, problem)]
    if not content:
        return b"", [(0, "is empty; a list without entries is written by a fault, not on purpose")]
    if content.startswith(_WIDE):
        return b"", [(1, "is encoded as UTF-16; save it as UTF-8")]
    problems = []
    nul = content.find(b"\0")
    if nul >= 0:
        problems.append((_line(content, nul), "holds a NUL byte: damaged, or not a text file"))
    wrong = -1 if content.isascii() else _not_utf8(content)
    if wrong >= 0:
        sentence = f"byte 0x{content[wrong]:02x} is not UTF-8; save the file as UTF-8"
        problems.append((_line(content, wrong), sentence))
    if _HTML.match(content[:4096].decode("utf-8-sig", "replace")):
        return b"", [(1, "is a web page, not a list: the server sent an error or log-in page")]
    if not content.endswith(b"\n"):
        line = _line(content, len(content))
        sentence = "is cut off: the last line does not end in a newline; write or fetch it again"
        problems.append((line, sentence))
    return (b"", problems) if problems else (content, [])


def _unpacked(content: bytes, largest: int) -> tuple[bytes, str]:
    """Return what gzip packed (RFC 1952), all members of it, or what is wrong with it."""
    pieces: list[bytes] = []
    size = 0
    try:
        while content:
            # Not the module gzip: it takes what comes as far as memory goes.
            member = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
            while not member.eof:
                piece = member.decompress(content, _PIECE)
                content = member.unconsumed_tail
                if not piece and not content and not member.eof:
                    return b"", "is cut off: its gzip data has no end; write or fetch it again"
                size += len(piece)
                if size > largest:
                    return b"", f"unpacks to more than {largest} octets; no list is that large"
                pieces.append(piece)
                if b"\0" in piece:  # no list: what follows cannot mend it, and may be a bomb
                    return b"".join(pieces), ""
            # Zeros may pad the end of a file (as on tape); gzip passes them over too.
            content = member.unused_data.lstrip(b"\0")
    except zlib.error:
        return b"", "is damaged: its gzip data fails its checksum; write or fetch it again"
    return b"".join(pieces), ""


def _not_utf8(content: bytes) -> int:
    """Return the offset of the first octet that is no UTF-8; -1: there is none."""
    for start, piece in pieces(content):
        try:
            codecs.utf_8_decode(piece, "strict", True)  # noqa: FBT003 - it knows no keywords
        except UnicodeDecodeError as error:
            return start + error.start
    return -1


def _line(content: bytes, offset: int) -> int:
    return content.count(b"\n", 0, offset) + 1
