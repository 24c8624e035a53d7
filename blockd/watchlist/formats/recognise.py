"""The front door of the formats: which one a source is in, and the source parsed by it."""

import re
from collections import Counter
from collections.abc import Callable, Mapping

import msgspec

from blockd import prefixes
from blockd.watchlist.formats import (
    adblock,
    addresses,
    columns,
    delimited,
    dnsmasq,
    domains,
    hosts,
    native,
    rpz,
    unbound,
)
from blockd.watchlist.formats import content as contents
from blockd.watchlist.formats.found import Top
from blockd.watchlist.formats.pieces import Pieces, Text
from blockd.watchlist.model import Parsed, Severity

FORMATS: Mapping[str, Callable[[Text, str], Parsed]] = {
    "native": native.parse,
    "domains": domains.parse,
    "hosts": hosts.parse,
    "adblock": adblock.parse,
    "dnsmasq": dnsmasq.parse,
    "unbound": unbound.parse,
    "rpz": rpz.parse,
    "csv": delimited.parse,
    "addresses": addresses.parse,
}
"""Every format by the name that the configuration has for it."""

_BY_SUFFIX: Mapping[str, str] = {
    "toml": "native", "csv": "csv", "tsv": "csv", "rpz": "rpz", "zone": "rpz",
}  # fmt: skip
"""Names of files that decide; any other leaves it to the content."""

_SAMPLE = 100
HEAD = 1 << 20
"""Characters that are looked at; a format shows itself long before."""

_ADBLOCK_HEADER = re.compile(r"\s*\[(?:Adblock|uBlock|AdGuard)\b[^\]\n]*\]", re.IGNORECASE)
_ZONE = r"\$(?:TTL|ORIGIN)\b|\S+\s+(?:\d+\s+)?(?:IN\s+)?(?:CNAME|SOA|NS|A|AAAA|TXT)\s|NS\s"

# What a line is typical of; the first that fits.
_TYPICAL = (
    ("adblock", re.compile(r"(?:@@)?\|\||@@|[^\s#]*#@?[?$%]?#[^\s#]", re.IGNORECASE)),
    ("dnsmasq", re.compile(r"(?:--)?(?:address|server|local)\s*=\s*/")),
    ("unbound", re.compile(r"(?:local-(?:zone|data)|server)\s*:")),
    ("rpz", re.compile(_ZONE, re.IGNORECASE)),
)
_FOREIGN = (
    ("a native list without `.toml`", re.compile(r"\[\[?\w+\]\]?$|\w+\s*=\s*\S")),
    ("JSON", re.compile(r"[{}\[\]]|\"[^\"]*\"\s*:")),
    ("a web page", re.compile(r"<[a-z/!?]", re.IGNORECASE)),
    ("a list of web addresses", re.compile(r"\w+://")),
    ("a table without a header", re.compile(r"[^,;\t]+[,;\t].*[,;\t]")),
)
_NEXT = re.compile(r"\s*(?:[#;-]|$)")


def parse(content: bytes, source: str, form: str = "") -> Parsed:
    """Return what a list file holds.

    Never raises for what the file holds: all that is wrong is among the issues, and `refused`
    is set where the source as a whole cannot be a list.

    Args:
        content: the file's content, whole; gzip is undone.
        source: its path, for the origins and the choice of the format.
        form: one of `FORMATS`; empty: by the name's suffix where that decides (`.toml`, `.csv`,
            `.rpz`), else by what the first hundred lines look like.
    """
    return _harmless(_parsed(content, source, form))


def opened(content: bytes, source: str, form: str = "") -> tuple[str, str]:
    """Return the text of a list file and its format, as `parse` finds them.

    Both are empty where `parse` refuses the file before it looks at the lines.
    """
    text, problems = contents.decode(content)
    form = "" if problems else form or named(source) or recognise(text)[0]
    return (text, form) if form in FORMATS else ("", "")


def parse_line(line: str, source: str, form: str, head: str = "") -> Parsed:
    """Return what a line by itself says in a format that is `linewise`.

    Args:
        line: with its end.
        source: the path of the file in which it stands.
        form: one of `FORMATS`.
        head: the lines at the top of the file; they are counted, and come first.
    """
    return _harmless(FORMATS[form](head + line, source))


def top(head: str, form: str) -> Top | None:
    """Return what lines say that are the top of a `linewise` source; None: they are none."""
    if not head:
        return Top("", 0, 0)
    if form == "rpz":
        return rpz.top(head)
    parsed = FORMATS[form](head, "")
    return Top(head, parsed.comments, parsed.blanks)


def harmless(sentence: str) -> str:
    """Return a sentence about a list as it can be shown: what is quoted may steer no terminal."""
    if sentence.isprintable():
        return sentence
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in sentence)


def _harmless(parsed: Parsed) -> Parsed:
    for place, issue in enumerate(parsed.issues):
        if not issue.message.isprintable():
            parsed.issues[place] = msgspec.structs.replace(issue, message=harmless(issue.message))
    return parsed


def _parsed(content: bytes, source: str, form: str) -> Parsed:
    form = form or named(source)
    is_native = form == "native"
    octets, problems = contents.checked(content)
    if problems:
        return _refused(source, problems, feed=not is_native)
    text = Pieces(octets)
    if is_native:
        return native.parse(text, source)
    line = 0
    if not form:
        form, line = recognise(text.head(HEAD))
    if form not in FORMATS:
        return _refused(source, [(line, form)], feed=True)
    parsed = FORMATS[form](text, source)
    if not parsed.names and not parsed.prefixes and not any(parsed.errors()):
        # All comments or furniture: an outage upstream looks like this (AGH #5315).
        parsed.refused = True
        sentence = "holds no entries; a list without entries is written by a fault"
        parsed.note(0, Severity.ERROR, sentence)
    return parsed


def named(source: str) -> str:
    """Return the format that a source's name decides; empty: its name leaves it to the content."""
    return _BY_SUFFIX.get(source.lower().removesuffix(".gz").rpartition(".")[2], "")


def recognise(text: str) -> tuple[str, int]:
    """Return the format that a text looks like, or else a sentence about it.

    The first hundred lines that are no comments vote; the line is that of the first one
    which is of the winning kind (0 where there are none). A header decides by itself.
    """
    if _ADBLOCK_HEADER.match(text):
        return "adblock", 1
    head = text[:HEAD]
    if columns.is_table(head):
        return "csv", 1
    votes: Counter[str] = Counter()
    first: dict[str, int] = {}
    for number, line in enumerate(head.split("\n"), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith(("#", "!", ";")):
            continue
        form = _form(stripped)
        first.setdefault(form, number)
        votes[form] += 1
        if votes.total() == _SAMPLE:
            break
    if not votes:
        return "domains", 0
    form = votes.most_common(1)[0][0]
    return form, first[form]


def _form(line: str) -> str:  # noqa: PLR0911 - one a kind of line
    """Return the format that one line is typical of, or a sentence."""
    head, _, rest = line.partition(" ") if " " in line else line.partition("\t")
    if addresses.is_typical(line):
        return "addresses"
    if hosts.ADDRESS.fullmatch(head) and not _NEXT.match(rest):
        return "hosts"
    for form, pattern in _TYPICAL:
        if pattern.match(line):
            return form
    for what, pattern in _FOREIGN:
        if pattern.match(line):
            known = ", ".join(FORMATS)
            return f"looks like {what}; write one name a line, or say the format: {known}"
    if prefixes.is_meant(head):
        return "addresses"
    words = line.split(maxsplit=2)
    if len(words) == 1 or words[1].startswith(("#", "!")):
        return "domains"
    return "is in no format that blockd reads; write one name a line, or `0.0.0.0 name`"


def _refused(source: str, problems: list[tuple[int, str]], *, feed: bool) -> Parsed:
    parsed = Parsed(source=source, feed=feed, refused=True)
    for line, sentence in problems:
        parsed.note(line, Severity.ERROR, sentence)
    return parsed
