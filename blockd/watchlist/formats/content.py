"""Bytes to text, and the problems that refuse a source whole before it is parsed.

Cut off, not text, wrongly encoded, another kind of file. What the lines say is the formats'
business.
"""

import codecs
import re

_HTML = re.compile(
    # Possessive throughout: comments without end must not be tried in every combination.
    r"\s*+(?:<!--(?:(?!-->).)*+-->\s*+)*+<(?:!doctype\s+html|html|head|body|\?xml)\b",
    re.IGNORECASE | re.DOTALL,
)
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_GZIP = b"\x1f\x8b"


def decode(content: bytes) -> tuple[str, list[tuple[int, str]]]:
    """Return the text without a byte order mark, and whole-file problems by line.

    The text is empty where there is a problem. Line 0 is the file as a whole.
    """
    if not content:
        return "", [(0, "is empty; a list without entries is written by a fault, not on purpose")]
    if content.startswith(_GZIP):
        return "", [(0, "is compressed with gzip; unpack it first")]
    if content.startswith(_WIDE):
        return "", [(1, "is encoded as UTF-16; save it as UTF-8")]
    problems = []
    nul = content.find(b"\0")
    if nul >= 0:
        problems.append((_line(content, nul), "holds a NUL byte: damaged, or not a text file"))
    text = ""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        byte = content[error.start]
        sentence = f"byte 0x{byte:02x} is not UTF-8; save the file as UTF-8"
        problems.append((_line(content, error.start), sentence))
    if _HTML.match(content[:4096].decode("utf-8-sig", "replace")):
        return "", [(1, "is a web page, not a list: the server sent an error or log-in page")]
    if not content.endswith(b"\n"):
        line = _line(content, len(content))
        problems.append((line, "is cut off: the last line has no end; write or fetch it again"))
    return ("", problems) if problems else (text, [])


def _line(content: bytes, offset: int) -> int:
    return content.count(b"\n", 0, offset) + 1
