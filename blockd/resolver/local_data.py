"""The records that rules with `action = "records"` answer with, read once a rule.

Which of them answers a question. How they are packed is `answers`' business, how their text
reads that of `blockd.records`.
"""

from blockd import records
from blockd.errors import RecordFormError
from blockd.resolver import wire
from blockd.watchlist.model import Rule

NONE = 0
"""In place of a type: nothing answers the question."""

_MOST = 20_000


class LocalData:
    """The rules' records in wire form."""

    def __init__(self) -> None:
        # A rule is kept beside its records, so that its identity stays its own.
        self._read: dict[int, tuple[Rule, dict[int, list[bytes]]]] = {}

    def of(self, rule: Rule) -> dict[int, list[bytes]]:
        """Return the data of a rule's records by type."""
        found = self._read.get(id(rule))
        if found is None:
            if len(self._read) >= _MOST:
                self._read.clear()
            held: dict[int, list[bytes]] = {}
            for text in rule.records:
                try:
                    record = records.parse(text)
                except RecordFormError:
                    continue  # another version's; without it the name is blocked all the same
                held.setdefault(record.rtype, []).append(record.rdata)
            found = self._read[id(rule)] = (rule, held)
        return found[1]

    def kind(self, rule: Rule, qtype: int) -> int:
        """Return the type of the records that answer a question for `qtype`, or NONE."""
        held = self.of(rule)
        if wire.CNAME in held:
            return wire.CNAME  # RFC 1034 3.6.2: it stands alone and answers every question
        return qtype if qtype in held or (qtype == wire.ANY and held) else NONE

    def target(self, rule: Rule) -> bytes | None:
        """Return the name that a rule's CNAME leads to, in canonical wire form."""
        found = self.of(rule).get(wire.CNAME)
        return found[0][:-1].lower() if found else None
