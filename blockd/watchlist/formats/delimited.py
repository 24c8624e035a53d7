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
from collections.abc import Iterable, Sequence
from itertools import repeat

from blockd import prefixes
from blockd.errors import NameFormError, PrefixFormError
from blockd.prefixes import Prefix
from blockd.watchlist.formats import addresses, columns
from blockd.watchlist.formats.address_columns import prefixes as prefixes_of
from blockd.watchlist.formats.columns import Header
from blockd.watchlist.formats.entry import name_entry
from blockd.watchlist.formats.feed import Feed
from blockd.watchlist.formats.found import NOTHING, Found
from blockd.watchlist.formats.ordinary import NAME
from blockd.watchlist.formats.pieces import Text, Window, head
from blockd.watchlist.model import Parsed, Rule, Scope, Severity

_LONGEST = 32
"""Lines of one row; a quote that is open for longer was never closed."""

_MOST_IDLE = 10_000
"""Attributes that are remembered beyond those of entries: bad rows can have new ones each."""

_LONGEST_FIELD = 131_072
"""Characters of a field, as `csv` has it."""

_MOST = 1000
"""Rows of one run, as in `ordinary`."""

_FIELDS = r'[^"\n]*+(?:"[^"\n]*+"[^"\n]*+)*+'
_RUN = re.compile(rf"(?:(?!#|[ \t\r]*+\n){_FIELDS}\n){{1,{_MOST}}}")
"""Rows of one line: no comments, no blanks, and as many quotes opened as closed."""
_PLAIN = re.compile(rf"(?:{NAME}\n)++")
_NEVER_CLOSED = "a quote is opened and never closed; close it, or write it twice"


def parse(text: Text, source: str) -> Parsed:
    """Return the entries, exceptions and issues of a table.

    Args:
        text: the file's content.
        source: its path, for the origins and the rule's id.
    """
    feed = Feed(source, "csv")
    feed.linewise = True
    found = columns.header(head(text, columns.HEAD))
    if found is None:
        feed.parsed.refused = True
        sentence = "has no header that names a column `domain` or `prefix`; write one"
        feed.parsed.note(1, Severity.ERROR, sentence)
        return feed.parsed
    if found.is_comment:
        feed.linewise = False  # it counts as the header for what the first rows look like
    feed.parsed.head = found.line
    _Table(feed, found).read(text)
    return feed.finished()


class _Table:
    """One table on its way into a feed."""

    def __init__(self, feed: Feed, found: Header) -> None:
        self._feed = feed
        self._text = ""
        """The part of the text that is being read."""
        self._header = found
        self._attributes = [
            place for place, meaning in enumerate(found.columns)
            if meaning and place not in found.entries
        ]  # fmt: skip
        self._meanings = [found.columns[place] for place in self._attributes]
        self._unquoted = _unquoted(found)
        self._rules: dict[tuple[str, ...], Rule | str] = {}

    def read(self, text: Text) -> None:
        feed = self._feed
        window = Window(text, _MOST)
        at = singly = 0
        while True:
            if at >= window.limit:
                if not window.move(at):
                    return
                self._text = window.text
                at, singly = 0, max(0, singly - at)
            if at >= singly and feed.line >= self._header.line:
                run = self._unquoted.match(self._text, at) or _RUN.match(self._text, at)
                if run is not None:
                    singly = run.end()
                    if self._run(run[0], is_plain=run.re is self._unquoted):
                        at = singly
                        continue
                    feed.linewise = False
            at = self._row(at)

    def _run(self, text: str, *, is_plain: bool) -> bool:
        """Take rows of one line each; False: some have more, or the columns are not understood.

        Args:
            text: the rows.
            is_plain: they are `_unquoted`.
        """
        feed, delimiter = self._feed, self._header.delimiter
        if is_plain:
            width = len(self._header.columns)
            fields = text.replace("\n", delimiter).split(delimiter)
            fields.pop()
            by_column = [fields[place::width] for place in range(width)]
            if self._at_once(by_column):
                return True
        lines = text.count("\n")
        try:
            rows = list(csv.reader(text.split("\n")[:-1], delimiter=delimiter))
        except csv.Error:
            return False
        if len(rows) != lines:
            return False  # a quote within a field is no quote, and the pairs were others
        is_even = not is_plain and set(map(len, rows)) == {len(self._header.columns)}
        if not is_even or not self._at_once(list(zip(*rows, strict=True))):
            for row in rows:
                feed.line += 1
                feed.take(self._found(row))
        return True

    def _at_once(self, by_column: Sequence[Sequence[str]]) -> bool:
        """Take rows that list one plain name or address each, or one of each, and no exception."""
        entries, feed = self._header.entries, self._feed
        meanings = [self._header.columns[place] for place in entries]
        is_pair = sorted(meanings) == ["name", "prefix"]
        if not (len(entries) == 1 or is_pair):
            return False
        rules = self._rules_of(by_column)
        if rules is None:
            return False
        if is_pair:
            named, covered = (by_column[entries[meanings.index(m)]] for m in ("name", "prefix"))
            found = prefixes_of(covered) if _are_plain(named) else None
            return found is not None and feed.keep_pairs(named, found, rules)
        listed, meaning = by_column[entries[0]], meanings[0]
        if meaning != "prefix" and _are_plain(listed):
            numbers = range(feed.line + 1, feed.line + 1 + len(rules))
            return feed.keep(listed, Scope.SUBTREE, rules, numbers, len(rules))
        found = prefixes_of(listed) if meaning != "name" else None
        if found is None:
            return meaning == "either" and self._sorted(listed, rules)
        feed.keep_prefixes(found, rules)
        return True

    def _rules_of(self, by_column: Sequence[Sequence[str]]) -> list[Rule] | None:
        """Return the rules of the next rows; None: one of them is an exception, or is wrong."""
        first, lines = self._feed.line + 1, len(by_column[0])
        kept = [by_column[place] for place in self._attributes]
        values: Iterable[tuple[str, ...]] = zip(*kept, strict=True) if kept else repeat((), lines)
        rules: list[Rule] = []
        for line, value in enumerate(values, first):
            rule = self._rules.get(value) or self._rule(value, line)
            if isinstance(rule, str) or rule.allow:
                return None
            rules.append(rule)
        return rules

    def _sorted(self, listed: Sequence[str], rules: Sequence[Rule]) -> bool:
        """Take rows of one plain name or address each, as they come."""
        feed, first = self._feed, self._feed.line + 1
        at = [place for place, text in enumerate(listed) if ":" in text or text[-1:].isdigit()]
        found = prefixes_of([listed[place] for place in at]) if at else None
        if found is None:
            return False
        held = set(at)
        others = [place for place in range(len(listed)) if place not in held]
        named = [listed[place] for place in others]
        if not _are_plain(named) or not feed.keep(
            named, Scope.SUBTREE, [rules[place] for place in others],
            [first + place for place in others], len(named),
        ):  # fmt: skip
            return False
        numbers = [first + place for place in at]
        feed.keep_prefixes(found, [rules[place] for place in at], numbers)
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
            if '"' in line:
                feed.linewise = False  # where the row ends depends on its quotes
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


def _unquoted(header: Header) -> re.Pattern[str]:
    """Return what matches rows without quotes in a row, each with as many fields as the header."""
    # A field that is longer is an error of `csv`; a carriage return may be one or an end.
    field = rf'[^"\n\r{re.escape(header.delimiter)}]{{0,{_LONGEST_FIELD}}}+'
    row = re.escape(header.delimiter).join([field] * len(header.columns))
    return re.compile(rf"(?:(?!#|[ \t]*+\n){row}\n){{1,{_MOST}}}+")


def _are_plain(listed: Sequence[str]) -> bool:
    return _PLAIN.fullmatch("\n".join([*listed, ""])) is not None


def _end(text: str, at: int) -> int:
    stop = text.find("\n", at)
    return stop if stop >= 0 else len(text)
