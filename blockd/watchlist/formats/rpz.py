"""Response policy zones (draft-vixie-dnsop-dns-rpz) as lists: what each line of one means.

Every line is counted once, and what cannot be honoured is named. The syntax is `zone`'s, what an
owner means `rpz_triggers`', what its records do `rpz_actions`', which of several policies counts
`rpz_entries`'. What would leave the meaning of the rest in doubt, as `$INCLUDE`, refuses the file.
"""

import re
from typing import NamedTuple

from blockd import names
from blockd.errors import NameFormError, PrefixFormError, RecordFormError
from blockd.watchlist.formats import rpz_actions, rpz_runs, rpz_triggers, zone
from blockd.watchlist.formats.entry import shown
from blockd.watchlist.formats.found import Top
from blockd.watchlist.formats.pieces import Text, Window
from blockd.watchlist.formats.rpz_actions import ELSEWHERE, ENCODED
from blockd.watchlist.formats.rpz_entries import Entries, Instead, Objection, Repeated
from blockd.watchlist.formats.rpz_triggers import NameTrigger
from blockd.watchlist.model import Parsed, Severity

_SPECIAL = re.compile(r'[;()"\\]')


def parse(text: Text, source: str) -> Parsed:
    """Return the entries and issues of a response policy zone.

    `x` covers only itself, `*.x` only what is below it, and both of one policy the whole
    subtree. Records of one owner are one answer.

    Args:
        text: the file's content.
        source: its path, for the origins and the rules' ids.
    """
    return _read(text, source).parsed


def top(text: str) -> Top | None:
    """Return what the top of a zone, the lines of `Parsed.head`, says about the others.

    None: it lists something, or something is wrong there.
    """
    reading = _read(text, "")
    parsed = reading.parsed
    if parsed.entries or parsed.faults or parsed.refused:
        return None
    return Top((reading.says(), reading.servers()), parsed.comments, parsed.blanks)


def _read(text: Text, source: str) -> "_Reading":
    reading = _Reading(source)
    window = Window(text, rpz_runs.MOST_LINES)
    at, number, is_ended = 0, 1, True
    while True:
        if at >= window.limit:
            if not window.move(at):
                break
            at, is_ended = 0, window.text.endswith("\n")
        part = window.text
        end = reading.run(part, at, number) or reading.take(part, at, number)
        number += part.count("\n", at, end)
        at = end
    reading.parsed.lines = number - is_ended
    reading.entries.finish(reading.parsed)
    return reading


class _Learnt(NamedTuple):
    """A way to write an action that was met: the text behind the owner's part in the zone."""

    behind: str
    pattern: re.Pattern[str]
    outcome: rpz_actions.Outcome
    suffix: bytes


class _Wrong(NamedTuple):
    """Why a record gives no entry."""

    sentence: str
    severity: Severity = Severity.ERROR
    unsupported: str = ""
    """The kind of a record that is well formed, and that blockd has nothing for."""
    lists: bool = False
    """It lists something all the same."""


_FURNITURE = _Wrong("")
"""Not wrong, and no entry: a record that every zone has, or by which it is signed."""


class _Reading:
    """A zone on its way into a `Parsed`."""

    def __init__(self, source: str) -> None:
        self.parsed = Parsed(source=source, feed=True, format="rpz", linewise=True)
        self._begun = False
        """Whether something was listed, or was wrong: nothing may change how the rest is read."""
        self.entries = Entries(source)
        self._owner: str | None = None
        """Of the last record; None: it could not be read."""
        self._ttl: int | None = None
        self._owners = zone.Owners()
        self._servers: set[str] = set()
        self._learnt: dict[str, _Learnt] = {}
        self._last: _Learnt | None = None
        self._unclosed = 0
        """Records that went on for as many lines as there may be, and did not end."""
        self._slow_until = 0
        """The line before which none is taken quickly."""

    def run(self, text: str, at: int, number: int) -> int:
        """Take lines that are as the last one was; return where they end; 0: there are none."""
        learnt = self._last
        if learnt is None or number < self._slow_until:
            return 0
        block = rpz_runs.block(text, at, learnt.pattern)
        if not block:
            return 0
        end = at + len(block)
        wires = rpz_runs.wires(block, learnt.behind, learnt.suffix)
        if wires is None or not self.entries.bulk(wires, learnt.outcome, number):
            self._slow_until = number + block.count("\n")
            return 0
        self.parsed.entries += len(wires)
        self._begun = True
        self._owner = block[block.rfind("\n", 0, -1) + 1 :].split(None, 1)[0]
        return end

    def take(self, text: str, at: int, number: int) -> int:
        """Read the record that begins on a line; return where the next one begins."""
        following = zone.Following(text, at)
        line = following() or ""
        end = following.at
        try:
            found = zone.read(line, following if self._unclosed < _MOST_UNCLOSED else _no_more)
        except RecordFormError as error:
            self._unclosed += following.taken > 1
            if self._unclosed == _MOST_UNCLOSED:
                self.parsed.refused = True  # which lines are one record cannot be told any more
            if not line[0].isspace():  # whose the records below are is still to be said
                word = line.split(None, 1)[0]
                self._owner = None if _SPECIAL.search(word) else word
            self._issue(number, _Wrong(str(error)))
            self.parsed.linewise = False  # lines below may still close what it opens
            return end
        taken = following.taken
        if found is None:
            is_blank = not line or line.isspace()
            self.parsed.blanks += is_blank
            self.parsed.comments += taken - is_blank
            if taken > 1:
                self._matters(number + taken - 1)
            return following.at
        said = self.says()
        if isinstance(found, zone.Directive):
            wrong: _Wrong | None = self._directive(found) or _FURNITURE
        else:
            wrong = self._judged(number, found)
            if wrong is None and taken == 1:
                self._learn(line, found)
        # Where no SOA said so, the first name that is listed settles what the zone is called.
        is_first = wrong is not _FURNITURE and not self._begun
        self._begun = self._begun or is_first
        is_led = isinstance(found, zone.Record) and found.owner is None
        if taken > 1 or is_led or (self.says() != said and not is_first):
            self._matters(number + taken - 1)
        if wrong is None:
            self.parsed.entries += taken
            return following.at
        # A record with an issue is spoken of at its first line; its others say nothing more.
        self.parsed.comments += taken
        if wrong is not _FURNITURE:
            self.parsed.comments -= 1
            self._issue(number, wrong)
        return following.at

    def _directive(self, found: zone.Directive) -> _Wrong | None:
        name, words = found
        self._forget()
        try:
            if name == "$TTL" and len(words) == 1:
                self._ttl = zone.seconds(words[0])
            elif name == "$ORIGIN" and len(words) == 1:
                self._owners.set_origin(words[0])
            elif name in {"$ORIGIN", "$INCLUDE", "$GENERATE"}:
                self.parsed.refused, self.parsed.linewise = True, False
                return _Wrong(f"`{name}` {_REFUSED[name]}")
            else:
                return _Wrong(f"{shown(name)} is no directive that stands so; remove the line")
        except NameFormError as error:
            self.parsed.refused, self.parsed.linewise = True, False
            return _Wrong(str(error))
        except RecordFormError as error:
            return _Wrong(f"`$TTL`: {error}")
        return None

    def _judged(self, number: int, record: zone.Record) -> _Wrong | None:
        if record.owner is not None:
            self._owner = record.owner
        try:
            return self._record(number, record)
        except Repeated as repeated:
            self.parsed.linewise = False
            return _Wrong(str(repeated), Severity.WARNING)
        except Instead as instead:
            self.parsed.linewise = False
            return _Wrong(str(instead), lists=True)
        except Objection as objection:
            self.parsed.linewise = False
            return _Wrong(str(objection))
        except (NameFormError, PrefixFormError, RecordFormError) as error:
            return _Wrong(str(error))

    def _record(self, number: int, record: zone.Record) -> _Wrong | None:
        """Take a record; return why it is no entry; None: it is one."""
        if self._owner is None:
            raise Objection("follows a record that could not be read; write whose record this is")
        if record.rtype in ELSEWHERE:
            return _FURNITURE
        if record.rtype == "SOA":
            self._forget()
            if not self._owners.set_zone(self._owner):
                raise Objection("an SOA record stands at the top of the zone alone; remove it")
            return _FURNITURE
        owner = self._owners.within(self._owner)
        if not owner or self._is_server(record):
            return self._furniture(record)
        found = rpz_triggers.trigger(owner)
        if isinstance(found, rpz_triggers.Unsupported):
            return _left_out(found.kind, found.why)
        if record.ttl is None:  # RFC 2308 4
            record = record._replace(ttl=self._ttl)
        said = rpz_actions.read(record, owner, self._owners)
        if isinstance(said, rpz_actions.Unsupported):
            return _left_out(said.kind, said.why)
        if not isinstance(said, rpz_actions.Outcome):
            self.parsed.linewise = False  # other records of the owner belong to the same answer
        if isinstance(found, NameTrigger):
            self.entries.name(found.scope, found.name, said, number)
        else:
            self.entries.prefix(found, said, number)
        return None

    def says(self) -> tuple[object, ...]:
        """Return what bears on how further lines are read; it is another when that is."""
        return (*self._owners.state, self._ttl, len(self._servers))

    def servers(self) -> frozenset[str]:
        """Return the names whose addresses are no policies."""
        return frozenset(self._servers)

    def _matters(self, line: int) -> None:
        """Take note that lines up to this one bear on others, or need one another."""
        if self._begun:
            self.parsed.linewise = False
        else:
            self.parsed.head = line

    def _is_server(self, record: zone.Record) -> bool:
        is_address = record.rtype in {"A", "AAAA"}
        return is_address and self._owners.join(self._owner or "").lower() in self._servers

    def _furniture(self, record: zone.Record) -> _Wrong:
        if record.rtype == "NS":
            self._servers.update(self._owners.join(word).lower() for word in record.words)
        if record.rtype in {"CNAME", "DNAME"}:
            raise Objection("the zone itself has no policy; write the name that is meant, or `*`")
        return _FURNITURE

    def _learn(self, line: str, record: zone.Record) -> None:
        """Remember how an action is written, for the quick way."""
        outcome = ENCODED.get(record.words[0].lower()) if record.rtype == "CNAME" else None
        owner = record.owner
        if outcome is None or owner is None:
            return
        ending = self._owners.ending if owner.endswith(".") else ""
        if not owner.endswith(ending) or _SPECIAL.search(line):
            return
        behind = line[len(owner) - len(ending) :]
        self._last = self._learnt.get(behind)
        if self._last is None and len(self._learnt) < _MOST_LEARNT:
            suffix = b"" if ending else _wire(self._owners.suffix)
            if suffix is not None:
                pattern = rpz_runs.pattern(behind)
                self._last = self._learnt[behind] = _Learnt(behind, pattern, outcome, suffix)

    def _forget(self) -> None:
        """Forget what was learnt while owners were to be read in another way."""
        self._learnt.clear()
        self._last = None

    def _issue(self, number: int, wrong: _Wrong) -> None:
        sort = self.parsed.note(number, wrong.severity, wrong.sentence, wrong.unsupported)
        if wrong.lists:
            self.parsed.mixed[number] = sort


_MOST_LEARNT = 200
_MOST_UNCLOSED = 16
"""Each is looked for an end in hundreds of lines, which are read again then."""

_REFUSED = {
    "$ORIGIN": "takes one name; what follows cannot be understood without",
    "$INCLUDE": "is not followed; list the other file as a source of its own",
    "$GENERATE": "is not carried out; write out what it stands for",
}


def _no_more() -> None:
    """Give no further line."""


def _left_out(kind: str, why: str) -> _Wrong:
    return _Wrong(f"not taken: {kind}, {why}", Severity.WARNING, kind)


def _wire(suffix: str | None) -> bytes | None:
    """Return what a relative owner lacks in wire form; None: it is to be looked at each time."""
    if not suffix:
        return b"" if suffix is not None else None
    return None if "rpz-" in suffix else names.plain_wire(suffix)
