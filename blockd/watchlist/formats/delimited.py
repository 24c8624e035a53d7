"""Tables with a header (CSV, or with `;`, tabs or `|` between): one entry a row.

| column | means |
| --- | --- |
| domain, host, hostname, fqdn; name where none of these is there | a name, as in a native list |
| prefix, ip, cidr, address, network | a prefix or address |
| indicator, ioc, entry, value | either |
| reference, reason, authority, contact, id, action, listed, expires | as in a native list |

Other columns are passed over. `action` may also be `allow`: an exception. The header may stand in
a comment. A row counts once, at its first line; the further lines of a quoted text count as
comments, and so does the header.
"""

import csv
import re
from collections.abc import Sequence

from blockd import prefixes
from blockd.errors import NameFormError, PrefixFormError
from blockd.prefixes import Prefix
from blockd.watchlist.formats import address_runs, addresses, columns
from blockd.watchlist.formats.columns import Header
from blockd.watchlist.formats.entry import name_entry
from blockd.watchlist.formats.feed import Feed
from blockd.watchlist.formats.found import NOTHING, Found
from blockd.watchlist.formats.ordinary import NAME
from blockd.watchlist.model import Parsed, Rule, Scope, Severity

_LONGEST = 32
"""Lines of one row; a quote that is open for longer was never closed."""

_MOST_IDLE = 10_000
"""Attributes that are remembered beyond those of entries: bad rows can have new ones each."""

_FIELDS = r'[^"\n]*+(?:"[^"\n]*+"[^"\n]*+)*+'
_RUN = re.compile(rf"(?:(?!#|[ \t\r]*+\n){_FIELDS}\n){{1,1000}}")
"""Rows of one line: no comments, no blanks, and as many quotes opened as closed."""
_PLAIN = re.compile(rf"(?:{NAME}\n)++")
_NEVER_CLOSED = "a quote is opened and never closed; close it, or write it twice"


def parse(text: str, source: str) -> Parsed:
    """Return the entries, exceptions and issues of a table.

    Args:
        text: the file's content.
        source: its path, for the origins and the rule's id.
    """
    feed = Feed(source, "csv")
    found = columns.header(text)
    if found is None:
        feed.parsed.refused = True
        sentence = "has no header that names a column `domain` or `prefix`; write one"
        feed.parsed.note(1, Severity.ERROR, sentence)
        return feed.parsed
    _Table(feed, text, found).read()
    return feed.finished()


class _Table:
    """One table on its way into a feed."""

    def __init__(self, feed: Feed, text: str, found: Header) -> None:
        self._feed = feed
        self._text = text
        self._header = found
        self._attributes = [
            place for place, meaning in enumerate(found.columns)
            if meaning and place not in found.entries
        ]  # fmt: skip
        self._meanings = [found.columns[place] for place in self._attributes]
        self._shape = addresses.ordinary(after=r"\n")
        self._mixed = address_runs.runs(r"\n", ranges=False)
        self._rules: dict[tuple[str, ...], Rule | str] = {}

    def read(self) -> None:
        text, feed = self._text, self._feed
        at, singly = 0, 0
        while at < len(text):
            run = _RUN.match(text, at) if at >= singly and feed.line >= self._header.line else None
            if run is not None:
                singly = run.end()
                if self._run(run[0]):
                    at = singly
                    continue
            at = self._row(at)

    def _run(self, text: str) -> bool:
        """Take rows of one line each; False: some have more, or the columns are not understood."""
        feed, lines = self._feed, text.count("\n")
        try:
            rows = list(csv.reader(text.split("\n")[:-1], delimiter=self._header.delimiter))
        except csv.Error:
            return False
        if len(rows) != lines:
            return False  # a quote within a field is no quote, and the pairs were others
        if not self._at_once(rows):
            for row in rows:
                feed.line += 1
                feed.take(self._found(row))
        return True

    def _at_once(self, rows: list[list[str]]) -> bool:
        """Take rows that list one plain name or address each, or one of each, and no exception."""
        entries, feed = self._header.entries, self._feed
        meanings = [self._header.columns[place] for place in entries]
        is_pair = sorted(meanings) == ["name", "prefix"]
        if not (len(entries) == 1 or is_pair) or set(map(len, rows)) != {len(self._header.columns)}:
            return False
        by_column = list(zip(*rows, strict=True))
        first = feed.line + 1
        kept = [by_column[place] for place in self._attributes]
        values = list(zip(*kept, strict=True)) if kept else [()] * len(rows)
        rules: list[Rule] = []
        for line, value in enumerate(values, first):
            rule = self._rules.get(value) or self._rule(value, line)
            if isinstance(rule, str) or rule.allow:
                return False
            rules.append(rule)
        if is_pair:
            named, covered = (by_column[entries[meanings.index(m)]] for m in ("name", "prefix"))
            return self._pairs(named, covered, rules)
        listed, meaning = by_column[entries[0]], meanings[0]
        joined = "\n".join(listed) + "\n"
        if meaning != "prefix" and _PLAIN.fullmatch(joined):
            numbers = range(first, first + len(rows))
            return feed.keep(listed, Scope.SUBTREE, rules, numbers, len(rows))
        if meaning != "name" and self._shape.run.fullmatch(joined):
            found = self._shape.read(joined)
            if found is not None:
                feed.keep_prefixes(found, rules)
                return True
        return meaning != "name" and self._sorted(listed, rules, names=meaning == "either")

    def _pairs(self, named: Sequence[str], covered: Sequence[str], rules: Sequence[Rule]) -> bool:
        """Take rows of one plain name and one address each, all of them new."""
        joined = "\n".join(covered) + "\n"
        if not self._mixed.run.fullmatch(joined) or not _PLAIN.fullmatch("\n".join(named) + "\n"):
            return False
        found = self._mixed.read(joined)
        return found is not None and self._feed.keep_pairs(named, found[0], rules)

    def _sorted(self, listed: Sequence[str], rules: Sequence[Rule], *, names: bool) -> bool:
        """Take rows of one plain name or address each, of both families, as they come."""
        feed, first = self._feed, self._feed.line + 1
        at = [place for place, text in enumerate(listed) if ":" in text or text[-1:].isdigit()]
        found = None
        if at:
            joined = "\n".join([listed[place] for place in at]) + "\n"
            found = self._mixed.read(joined) if self._mixed.run.fullmatch(joined) else None
        if found is None or (len(at) < len(listed) and not names):
            return False
        if len(at) < len(listed):
            held = set(at)
            others = [place for place in range(len(listed)) if place not in held]
            named = [listed[place] for place in others]
            if not _PLAIN.fullmatch("\n".join(named) + "\n") or not feed.keep(
                named, Scope.SUBTREE, [rules[place] for place in others],
                [first + place for place in others], len(named),
            ):  # fmt: skip
                return False
        numbers = [first + place for place in at]
        feed.keep_prefixes(found[0], [rules[place] for place in at], numbers)
        return True

    def _row(self, at: int) -> int:
        """Read one row, which may have several lines; returns the offset behind it."""
        feed, text = self._feed, self._text
        stop = _end(text, at)
        line = text[at:stop]
        feed.line += 1
        if not line.strip():
            feed.parsed.blanks += 1
        elif line.startswith("#") or feed.line <= self._header.line:
            feed.take(NOTHING)
        else:
            fields, stop = self._fields(at, stop)
            feed.take(self._found(fields) if fields else Found(problems=[_NEVER_CLOSED]))
            for _ in range(text.count("\n", at, stop)):
                feed.line += 1
                feed.take(NOTHING)
        return stop + 1

    def _fields(self, at: int, stop: int) -> tuple[list[str], int]:
        """Return the fields of the row at an offset, none where they have no end, and its end."""
        text, end = self._text, stop
        for _ in range(_LONGEST):
            row = text[at:end]
            try:
                (fields,) = csv.reader(
                    [f"{line}\n" for line in row.split("\n")],
                    delimiter=self._header.delimiter,
                    strict=True,
                )
            except csv.Error as error:
                if "unexpected end" not in str(error):
                    break
            except ValueError:  # two rows or none: a carriage return of its own
                break
            else:
                return fields, end
            if end >= len(text):
                break
            end = _end(text, end + 1)
        return [], stop

    def _found(self, fields: Sequence[str]) -> Found:
        """Return what a row means."""
        meanings = self._header.columns
        if not any(field.strip() for field in fields):
            return NOTHING  # as spreadsheets fill their ends
        if len(fields) != len(meanings):
            sentence = f"has {len(fields)} fields, and the header {len(meanings)}"
            return Found(problems=[f"the row {sentence}; quote what holds the separator"])
        value = tuple(fields[place] for place in self._attributes)
        rule = self._rules.get(value) or self._rule(value, self._feed.line)
        if isinstance(rule, str):
            return Found(problems=[rule])
        names: list[tuple[bytes, Scope, Rule]] = []
        listed: list[tuple[Prefix, Rule]] = []
        bad = []
        for place in self._header.entries:
            text, meaning = fields[place].strip(), meanings[place]
            if not text:
                continue
            try:
                if meaning == "prefix" or (meaning == "either" and addresses.is_meant(text)):
                    listed.append((prefixes.parse(text), rule))
                else:
                    names.append((*name_entry(text), rule))
            except (NameFormError, PrefixFormError) as error:
                bad.append(str(error))
        if not names and not listed and not bad:
            bad.append("the row lists nothing: its columns for names and prefixes are empty")
        return Found(names, listed, problems=bad)

    def _rule(self, value: tuple[str, ...], line: int) -> Rule | str:
        """Return the rule of a row with these attributes, or what is wrong with them."""
        try:
            changes = columns.attributes(zip(self._meanings, value, strict=True))
        except ValueError as error:
            return self._remember(value, str(error))
        return self._remember(value, self._feed.variant(line, **changes))

    def _remember(self, value: tuple[str, ...], rule: Rule | str) -> Rule | str:
        if len(self._rules) > self._feed.parsed.entries + _MOST_IDLE:
            self._rules.clear()
        self._rules[value] = rule
        return rule


def _end(text: str, at: int) -> int:
    stop = text.find("\n", at)
    return stop if stop >= 0 else len(text)
