"""What a feed's lines answer with, gathered over all of them: `address=`, `local-data`.

Records of one name may stand on several lines, so the entries come when the last line has been
read. How a line is written is its format's business.
"""

from collections.abc import Mapping

from blockd import names
from blockd.errors import RecordFormError
from blockd.terms import Action
from blockd.watchlist.formats.entry import shown
from blockd.watchlist.formats.feed import Feed
from blockd.watchlist.formats.found import Found
from blockd.watchlist.model import Rule, Scope, Severity

_ADDRESSES = ("A ", "AAAA ")
_CNAME = "CNAME "


class Answers:
    """Names and the records that their lines give them."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._found: dict[tuple[bytes, Scope], dict[str, int]] = {}

    def __len__(self) -> int:
        """Return how many names have any."""
        return len(self._found)

    def __contains__(self, wire: bytes) -> bool:
        """Tell whether a name has records of its own."""
        return (wire, Scope.EXACT) in self._found

    def add(self, wire: bytes, scope: Scope, record: str) -> Found:
        """Note a record of the line that is being read.

        Args:
            wire: the name that has it.
            scope: what is answered so.
            record: a type in capitals, a blank, and the data in canonical text.
        """
        self._feed.linewise = False
        known = self._found.setdefault((wire, scope), {})
        first = known.setdefault(record, self._feed.line)
        if first == self._feed.line:
            return Found(is_entry=True)
        # Says nothing new, as a name that is listed twice does.
        return Found(unsupported="repeated line", detail=f": the same as line {first}")

    def take(self, wire: bytes) -> dict[str, int]:
        """Give up the records of a name itself, for another purpose."""
        return self._found.pop((wire, Scope.EXACT), {})

    def put(self, wire: bytes, scope: Scope, records: Mapping[str, int]) -> None:
        """Note records with their lines."""
        self._found[wire, scope] = dict(records)

    def settle(self) -> None:
        """Turn what was gathered into entries, or into errors at the lines concerned."""
        wrong: list[tuple[int, Severity, str]] = []
        late: dict[tuple[bytes, Scope], dict[str, int]] = {}
        for (wire, scope), records in self._found.items():
            line = min(records.values())
            rule, problem = self._rule(records, line)
            if rule is None:
                wrong.append((line, Severity.ERROR, problem))
            elif self._feed.first_line(wire, scope):
                late[wire, scope] = records
            else:
                self._feed.enter(wire, scope, rule, line)
        self._found.clear()
        wrong += self._joined(late)
        self._feed.blame(wrong)

    def _joined(
        self, late: Mapping[tuple[bytes, Scope], Mapping[str, int]]
    ) -> list[tuple[int, Severity, str]]:
        """Add records to names that have an entry; returns the lines that add nothing."""
        wrong = []
        listed = self._feed.parsed.names
        for place, entry in enumerate(listed if late else ()):
            records = late.get((entry.name, entry.scope))
            if records is None or entry.rule.allow:
                continue
            addresses = dict.fromkeys(entry.rule.addresses)
            for record, line in records.items():
                kind, _, address = record.partition(" ")
                if f"{kind} " in _ADDRESSES and addresses and address not in addresses:
                    addresses[address] = None
                else:
                    sentence = f"{names.to_unicode(entry.name)} is answered by line {entry.line}"
                    wrong.append((line, Severity.WARNING, f"{sentence} already"))
            if len(addresses) > len(entry.rule.addresses):
                rule = self._feed.variant(
                    entry.line, action=Action.ADDRESS, addresses=tuple(sorted(addresses))
                )
                listed[place] = entry._replace(rule=rule)
        return wrong

    def _rule(self, records: Mapping[str, int], line: int) -> tuple[Rule | None, str]:
        if all(record.startswith(_ADDRESSES) for record in records):
            addresses = tuple(sorted(record.partition(" ")[2] for record in records))
            rule = self._feed.variant(line, action=Action.ADDRESS, addresses=addresses)
            return rule, ""
        if len(records) > 1 and any(record.startswith(_CNAME) for record in records):
            # RFC 2181 10.1: beside a CNAME a name has no other record, nor a second CNAME.
            return None, "a CNAME stands alone; drop it, or all other records of the name"
        texts = tuple(sorted(records))
        return self._feed.variant(line, action=Action.RECORDS, records=texts), ""


def canonical(record: str) -> str:
    """Return a record in canonical text; raises RecordFormError."""
    from blockd import records  # noqa: PLC0415 - dnslib is slow to load, and most lists hold none

    try:
        return records.parse(record).text
    except RecordFormError as error:
        raise RecordFormError(f"{shown(record)}: {error}") from None
