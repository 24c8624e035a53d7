"""The front door of the formats: which one a source is in, and the source parsed by it."""

import re
from collections import Counter

from blockd import prefixes
from blockd.watchlist.formats import content as contents
from blockd.watchlist.formats import domains, feed, hosts, native
from blockd.watchlist.model import Issue, Origin, Parsed, Severity

_SAMPLE = 100
_PARSERS = {"hosts": hosts.parse, "domains": domains.parse}

_ZONE = r"\$(?:TTL|ORIGIN)\b|;|\S+\s+(?:\d+\s+)?(?:IN\s+)?(?:CNAME|SOA|NS|A|AAAA|TXT)\s|NS\s"

# What a line is typical of in formats that are not read as feeds; the first that fits.
_FOREIGN = (
    ("an AdBlock list", re.compile(r"(?:@@)?\|\||.*##|\[Adblock", re.IGNORECASE)),
    ("a dnsmasq configuration", re.compile(r"(?:address|server|local)=/")),
    ("an Unbound configuration", re.compile(r"(?:local-(?:zone|data)|server)\s*:")),
    ("a DNS zone (RPZ)", re.compile(_ZONE)),
    ("a native list without `.toml`", re.compile(r"\[\[?\w+\]\]?$|\w+\s*=\s*\S")),
    ("JSON", re.compile(r"[{}\[\]]|\"[^\"]*\"\s*:")),
    ("a web page", re.compile(r"<[a-z/!?]", re.IGNORECASE)),
    ("a list of web addresses", re.compile(r"\w+://")),
    ("a table of several columns", re.compile(r"[^,;\t]+[,;\t].*[,;\t]")),
)


def parse(content: bytes, source: str) -> Parsed:
    """Return what a list file holds, in whichever format it is.

    A name that ends in `.toml` is native; any other file is a feed and is recognised by its
    lines. Never raises: all that is wrong is among the issues, and `refused` is set where
    the source as a whole cannot be a list.

    Args:
        content: the file's content, whole.
        source: its path, for the origins and the choice of the format.
    """
    is_native = source.lower().endswith(".toml")
    text, problems = contents.decode(content)
    if problems:
        return _refused(source, problems, feed=not is_native)
    if is_native:
        return native.parse(text, source)
    form, line = recognise(text)
    if form not in _PARSERS:
        return _refused(source, [(line, form)], feed=True)
    parsed = _PARSERS[form](text, source)
    if not parsed.names and not any(parsed.errors()):
        # All comments or furniture: an outage upstream looks like this (AGH #5315).
        parsed.refused = True
        sentence = "holds no entries; a list without entries is written by a fault"
        parsed.issues.append(Issue(Origin(source, 0), Severity.ERROR, sentence))
    return parsed


def recognise(text: str) -> tuple[str, int]:
    """Return `hosts` or `domains`, or else a sentence about what the text looks like.

    The first hundred lines that are no comments vote; the line is that of the first one
    which is of the winning kind (0 where there are none).
    """
    votes: Counter[str] = Counter()
    first: dict[str, int] = {}
    for number, line in enumerate(feed.lines(text), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith(("#", "!")):
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


def _form(line: str) -> str:
    """Return the format that one line is typical of, or a sentence."""
    head, _, rest = line.partition(" ") if " " in line else line.partition("\t")
    if hosts.ADDRESS.fullmatch(head) and rest.strip() and not rest.lstrip().startswith("#"):
        return "hosts"
    for what, pattern in _FOREIGN:
        if pattern.match(line):
            return f"looks like {what}, which is not read as a feed; write one name a line"
    if prefixes.is_meant(head):
        return "looks like a list of addresses; put them under `prefixes` of a native list"
    words = line.split(maxsplit=2)
    if len(words) == 1 or words[1].startswith(("#", "!")):
        return "domains"
    return "is in no format that blockd reads; write one name a line, or `0.0.0.0 name`"


def _refused(source: str, problems: list[tuple[int, str]], *, feed: bool) -> Parsed:
    issues = [Issue(Origin(source, line), Severity.ERROR, sentence) for line, sentence in problems]
    return Parsed(source=source, feed=feed, refused=True, issues=issues)
