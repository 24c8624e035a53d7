"""`records` of a native list: each read, and all of them together a possible answer.

How a single record's text reads is the business of `blockd.records`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from blockd import names
from blockd.errors import RecordFormError
from blockd.terms import Action
from blockd.watchlist.formats.entry import shown
from blockd.watchlist.formats.positions import Path
from blockd.watchlist.formats.typed import Report
from blockd.watchlist.model import NameEntry, Rule, Scope

_CNAME = 5

_MOST = 60_000
"""Octets of all records: with the question and OPT they must fit one message (65,535)."""


def canonical(
    table: Mapping[str, Any], found: Mapping[str, Any], path: Path, report: Report
) -> tuple[str, ...]:
    """Return a platform's records in canonical text, each once; report every mistake.

    Args:
        table: the platform as it was written.
        found: its well-typed fields.
        path: its place in the document.
        report: called once for each mistake.
    """
    action, given = found.get("action"), found.get("records", ())
    place = (*path, "records")
    if given and action is not Action.RECORDS:
        report(place, '`records` want action = "records"; add it, or drop them')
    if "records" not in table and action is Action.RECORDS:
        sentence = 'action = "records" needs `records`; write what to answer'
        report((*path, "action"), f'{sentence}, as in records = ["CNAME garden.example"]')
    if table.get("records") == [] and action is Action.RECORDS:
        report(place, '`records` is empty; action = "records" needs at least one')
    return tuple(_read(given, place, report)) if given else ()


def _read(given: Sequence[tuple[int, str]], place: Path, report: Report) -> list[str]:
    from blockd import records  # noqa: PLC0415 - dnslib is slow to load, and most lists hold none

    good: dict[str, tuple[int, records.Record]] = {}
    for index, text in given:
        try:
            record = records.parse(text)
        except RecordFormError as error:
            report((*place, index), f"`records`: {shown(text)}: {error}")
        else:
            good.setdefault(record.text, (index, record))
    chains = [index for index, record in good.values() if record.rtype == _CNAME]
    if chains and len(good) > 1:
        # RFC 2181 10.1: beside a CNAME a name has no other record, nor a second CNAME.
        report((*place, chains[0]), "`records`: a CNAME stands alone; drop it, or all others")
    if sum(len(record.rdata) + 12 for _, record in good.values()) > _MOST:
        report(place, f"`records` have more than {_MOST} octets; no message holds them all")
    return list(good)


def led_back(
    rules: Mapping[Path, Rule], entries: Sequence[NameEntry]
) -> Iterator[tuple[Path, str]]:
    """Yield each rule whose CNAME leads to a name that is listed itself, and a sentence.

    Args:
        rules: those of one file that answer with records, by the platform's place.
        entries: the file's names, exceptions included.
    """
    targets = {
        path: rule.records[0].removeprefix("CNAME ").removesuffix(".")
        for path, rule in rules.items()
        if rule.records and rule.records[0].startswith("CNAME ") and "\\" not in rule.records[0]
    }
    if not targets:
        return
    by_name: dict[bytes, list[NameEntry]] = {}
    for entry in entries:
        if entry.rule.enforce:
            by_name.setdefault(entry.name, []).append(entry)
    for path, target in targets.items():
        found = _deciding(names.to_wire(target), by_name)
        if found is not None and not found.rule.allow:
            sentence = f"{target} is listed itself, at line {found.line}, so nobody gets there"
            yield (*path, "records"), f"`records`: {sentence}; except it by [[allow]]"


def _deciding(wire: bytes, by_name: Mapping[bytes, list[NameEntry]]) -> NameEntry | None:
    for suffix in names.suffixes(wire):
        other = Scope.BELOW if suffix == wire else Scope.EXACT
        found = [entry for entry in by_name.get(suffix, ()) if entry.scope is not other]
        if found:
            return min(found, key=lambda entry: not entry.rule.allow)
    return None
