"""What the records of a trigger in a response policy zone do: an action, or local data.

Several records of one owner make one answer. Owners are `rpz_triggers`' business.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from blockd.errors import RecordFormError
from blockd.terms import Action
from blockd.watchlist.formats.entry import shown
from blockd.watchlist.formats.zone import Owners, Record

if TYPE_CHECKING:
    from blockd import records

MOST_OCTETS = 60_000
"""Octets of all records of an owner: with the question and OPT they must fit one message."""

_CNAME = 5


class Outcome(NamedTuple):
    """What a trigger leads to: the part of a rule that the zone decides."""

    action: Action | None
    """None: an exception."""
    records: tuple[str, ...] = ()
    ttl: int | None = None


class Local(NamedTuple):
    """One record of local data."""

    record: "records.Record"
    ttl: int | None


class Unsupported(NamedTuple):
    """An action that blockd cannot carry out."""

    kind: str
    why: str


PASSTHRU = Outcome(None)

ENCODED = {
    ".": Outcome(Action.NXDOMAIN),
    "*.": Outcome(Action.NODATA),
    "rpz-passthru.": PASSTHRU,
    "rpz-drop.": Outcome(Action.DROP),
    "rpz-tcp-only.": Outcome(Action.TCP_ONLY),
}
"""The targets of a CNAME that are words rather than names."""

ELSEWHERE = frozenset({
    "RRSIG", "NSEC", "NSEC3", "NSEC3PARAM", "DNSKEY", "CDS", "CDNSKEY", "ZONEMD", "TYPE63",
    "TYPE65534",
})  # fmt: skip
"""Types by which a zone is signed or checked; they are no policy, whatever their owner."""


def read(record: Record, owner: str, owners: Owners) -> Outcome | Local | Unsupported:
    """Return what one record says.

    Args:
        record: a record of a trigger.
        owner: its trigger within the zone, as text.
        owners: how relative names in the data are to be read.

    Raises:
        RecordFormError: with a sentence that says what to write instead.
    """
    if record.rtype != "CNAME":
        return _local(record, owners)
    if len(record.words) != 1:
        raise RecordFormError("a CNAME has one target; write `name CNAME .` to block it")
    target = record.words[0].lower()
    found = ENCODED.get(target)
    if found is not None:
        return found
    if target.startswith("*."):
        return Unsupported("CNAME *.name", "an action that puts the name asked in front")
    if target.startswith("rpz-") and target.count(".") <= 1:
        hint = f"; write `{target}.`" if f"{target}." in ENCODED else ""
        raise RecordFormError(f"{shown(target)} is no action of RPZ{hint or _known()}")
    full = owners.join(record.words[0])
    if full.lower() == f"{owner.lower()}.":
        return PASSTHRU  # the way to write it before there was `rpz-passthru.`
    return _local(record, owners)


def together(found: Sequence[Local]) -> Outcome:
    """Return what the local data of one owner make together."""
    ttls = [each.ttl for each in found if each.ttl is not None]
    return Outcome(
        Action.RECORDS,
        tuple(each.record.text for each in found),
        min([*ttls, _LONGEST_TTL]) if ttls else None,
    )


class Answer:
    """The local data of one owner, record after record."""

    __slots__ = ("_known", "_octets", "records")

    def __init__(self) -> None:
        """Begin with none."""
        self.records: list[Local] = []
        self._known: set[records.Record] = set()
        self._octets = 0

    def has(self, one: Local) -> bool:
        """Tell whether a record is among them."""
        return one.record in self._known

    def take(self, more: Local) -> str:
        """Take one that is not among them; returns why it cannot stand beside them, if so."""
        octets = self._octets + len(more.record.rdata) + 12
        if self.records and _CNAME in {more.record.rtype, self.records[0].record.rtype}:
            return "a CNAME stands alone (RFC 2181 10.1)"
        if self.records and octets > MOST_OCTETS:
            return f"its records have more than {MOST_OCTETS} octets"
        self.records.append(more)
        self._known.add(more.record)
        self._octets = octets
        return ""


_LONGEST_TTL = 604_800  # a week, as in native lists


def _local(record: Record, owners: Owners) -> Local:
    from blockd import records  # noqa: PLC0415 - dnslib is slow to load, and most zones hold none

    words = list(record.words)
    for place in records.names_among(record.rtype):
        if place >= len(words):
            continue
        words[place] = owners.join(words[place])
        if not words[place].endswith("."):
            raise RecordFormError(
                f"{shown(record.words[place])} is relative to a zone whose name the file does not"
                f" say; write `{record.words[place]}.`, with a final dot"
            )
    return Local(records.parse(" ".join((record.rtype, *words))), record.ttl)


def _known() -> str:
    return "; known are " + ", ".join(f"`{word}`" for word in ENCODED)
