"""The native format: TOML with `[list]`, `[[platform]]` and `[[allow]]`.

All mistakes are collected, each at its line; any error refuses the file. What the tables may
hold is said by `tables`, whether an entry may be listed by the guard.
"""

from collections.abc import Mapping
from typing import Any

from blockd import prefixes
from blockd.errors import NameFormError, PrefixFormError
from blockd.prefixes import WIDTH
from blockd.terms import Action
from blockd.watchlist.formats import records, syntax, typed
from blockd.watchlist.formats.entry import name_entry, shown
from blockd.watchlist.formats.pieces import Text, whole
from blockd.watchlist.formats.positions import Path, Positions
from blockd.watchlist.formats.tables import AllowTable, ListTable, PlatformTable
from blockd.watchlist.model import NameEntry, Parsed, PrefixEntry, Rule, Scope, Severity

ALLOW_ID = "allow"
"""The id of every exception's rule; no platform may be called so."""

_INHERITED = ("authority", "basis", "reference", "contact", "enforce")
_OWN = (
    "listed", "expires", "action", "ttl", "route", "check_cname", "check_addresses",
    "name", "reason", "owner",
)  # fmt: skip
_TABLES = ("list", "platform", "allow")


def parse(text: Text, source: str) -> Parsed:
    """Return the rules, entries and issues of a native list.

    Args:
        text: the file's content.
        source: its path, for the origins.
    """
    written = whole(text)
    reading = syntax.read(written)
    parsed = Parsed(source=source, feed=False, format="native", lines=written.count("\n"))
    for line, problem in reading.problems:
        parsed.note(line, Severity.ERROR, problem)
    _Document(parsed, Positions(reading.text)).read(reading.document)
    parsed.entries = len(parsed.names) + len(parsed.prefixes)
    if not parsed.entries and not parsed.issues:
        sentence = "holds no entries; write [[platform]] tables, or remove the file"
        parsed.note(0, Severity.ERROR, sentence)
    parsed.issues.sort()
    return parsed


class _Document:
    """One document on its way into a `Parsed`."""

    def __init__(self, parsed: Parsed, positions: Positions) -> None:
        self._parsed = parsed
        self._positions = positions
        self._ids: dict[str, int] = {}
        self._seen: dict[tuple[object, ...], tuple[Rule, int]] = {}
        self._answering: dict[Path, Rule] = {}

    def read(self, document: Mapping[str, Any]) -> None:
        for key in document:
            if key not in _TABLES:
                near = typed.nearest(key, _TABLES)
                self._error((key,), f"unknown table or key `{typed.bare(key)}`{near}")
        listed: dict[str, Any] = {}
        if "list" in document:
            if isinstance(document["list"], dict):
                listed = typed.fields(document["list"], ListTable, ("list",), self._error)
            else:
                self._error(("list",), "`list` is one table for the file; write [list]")
        for path, table in self._tables(document, "platform"):
            self._platform(path, table, listed)
        for path, table in self._tables(document, "allow"):
            self._allow(path, table, listed)
        for path, sentence in records.led_back(self._answering, self._parsed.names):
            self._warn(path, sentence)

    def _tables(self, document: Mapping[str, Any], key: str) -> list[tuple[Path, dict[str, Any]]]:
        tables = document.get(key, [])
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            self._error(
                (key,), f"`{key}` may stand several times; write [[{key}]], in two brackets"
            )
            return []
        return [((key, index), table) for index, table in enumerate(tables)]

    def _platform(self, path: Path, table: dict[str, Any], listed: dict[str, Any]) -> None:
        found = typed.fields(table, PlatformTable, path, self._error)
        rule_id = found.get("id", "")
        if rule_id == ALLOW_ID:
            self._error((*path, "id"), f"`id`: {ALLOW_ID!r} stands for exceptions; choose another")
        elif rule_id and rule_id in self._ids:
            first = self._ids[rule_id]
            self._error(
                (*path, "id"), f"`id`: {rule_id!r} is taken by the platform at line {first}"
            )
        elif rule_id:
            self._ids[rule_id] = self._positions.line(path)
        rule = self._rule(
            path,
            rule_id,
            found,
            listed,
            addresses=self._addresses(path, found),
            records=records.canonical(table, found, path, self._error),
        )
        if rule.records:
            self._answering[path] = rule
        self._entries(path, table, found, rule)

    def _allow(self, path: Path, table: dict[str, Any], listed: dict[str, Any]) -> None:
        found = typed.fields(table, AllowTable, path, self._error)
        if not table.get("reason"):
            self._warn(path, "`reason` is missing; write why the exception was made")
        self._entries(path, table, found, self._rule(path, ALLOW_ID, found, listed, allow=True))

    def _rule(
        self, path: Path, rule_id: str, found: dict[str, Any], listed: dict[str, Any], **more: Any
    ) -> Rule:
        if "expires" in found and "listed" in found and found["expires"] < found["listed"]:
            sentence = f"`expires` {found['expires']} lies before `listed` {found['listed']}"
            self._error((*path, "expires"), f"{sentence}; mend one of the two")
        return Rule(
            id=rule_id,
            source=self._parsed.source,
            line=self._positions.line(path),
            list_name=listed.get("name", ""),
            **{
                key: value
                for key, value in listed.items()
                if key in _INHERITED and key not in found
            },
            **{key: value for key, value in found.items() if key in _INHERITED + _OWN},
            **more,
        )

    def _addresses(self, path: Path, found: dict[str, Any]) -> tuple[str, ...]:
        """Return the addresses to answer with, in canonical text, each once."""
        action, given = found.get("action"), found.get("addresses")
        place = (*path, "addresses")
        if given and action is not Action.ADDRESS:
            self._error(place, '`addresses` want action = "address"; add it, or drop them')
        if given is None and action is Action.ADDRESS:
            sentence = 'action = "address" needs `addresses`; write what to answer'
            self._error((*path, "action"), f'{sentence}, as in addresses = ["198.18.0.80"]')
        if given == [] and action is Action.ADDRESS:
            self._error(place, '`addresses` is empty; action = "address" needs at least one')
        good: dict[str, None] = {}
        for index, text in given or ():
            try:
                prefix = prefixes.parse(text)
            except PrefixFormError:
                prefix = None
            if prefix is None or "/" in text or prefix.length != WIDTH[prefix.family]:
                self._error((*place, index), f"`addresses`: {shown(text)} is not a single address")
            else:
                good[str(prefix).partition("/")[0]] = None
        return tuple(good)

    def _entries(
        self, path: Path, table: dict[str, Any], found: dict[str, Any], rule: Rule
    ) -> None:
        if not table.get("domains") and not table.get("prefixes"):
            self._error(path, f"[[{path[0]}]] lists nothing; write `domains`, `prefixes` or both")
        for index, text in found.get("domains", ()):
            self._name((*path, "domains", index), text, rule)
        for index, text in found.get("prefixes", ()):
            place = (*path, "prefixes", index)
            try:
                prefix = prefixes.parse(text)
            except PrefixFormError as error:
                self._error(place, f"`prefixes`: {error}{_meant_as_name(text)}")
                continue
            if self._is_new((prefix, rule.allow), text, place, rule):
                line = self._positions.line(place)
                self._parsed.prefixes.append(PrefixEntry(prefix, rule, line))

    def _name(self, place: Path, text: str, rule: Rule) -> None:
        try:
            wire, scope = name_entry(text)
        except NameFormError as error:
            self._error(place, f"`domains`: {error}")
            return
        if scope is Scope.EXACT and rule.action is Action.NXDOMAIN:
            # RFC 8020 2: NXDOMAIN would deny the names below, which are not listed.
            self._warn(
                place, f"{text} is answered NODATA: NXDOMAIN denies what is below (RFC 8020)"
            )
        if self._is_new((wire, scope, rule.allow), text, place, rule):
            entry = NameEntry(wire, scope, rule, self._positions.line(place))
            self._parsed.names.append(entry)

    def _is_new(self, key: tuple[object, ...], text: str, place: Path, rule: Rule) -> bool:
        """Warn about a duplicate; tell whether the entry is to be kept.

        A duplicate of another rule is kept, since the first may expire before it.
        """
        if key not in self._seen:
            self._seen[key] = rule, self._positions.line(place)
            return True
        first, line = self._seen[key]
        self._warn(place, f"{text} is listed at line {line} already")
        return first is not rule

    def _error(self, path: Path, sentence: str) -> None:
        self._issue(path, Severity.ERROR, sentence)

    def _warn(self, path: Path, sentence: str) -> None:
        self._issue(path, Severity.WARNING, sentence)

    def _issue(self, path: Path, severity: Severity, sentence: str) -> None:
        self._parsed.note(self._positions.line(path), severity, sentence)


def _meant_as_name(text: str) -> str:
    try:
        name_entry(text)
    except NameFormError:
        return ""
    return "; list a name under `domains`"
