"""Unbound configurations used as lists: `local-zone` and `local-data` (unbound.conf(5)).

A zone is its name and all below it; what its type says is what is answered. `redirect` answers
with the zone's own `local-data`, `transparent` and its like are exceptions. `local-data` for
another name is an answer for that name alone. 0.0.0.0, :: and loopback there mean "blocked", as
in hosts files. Types without a counterpart (`inform` among them, which blocks nothing) and other
options are counted and named.
"""

import re
from collections.abc import Mapping
from functools import partial
from itertools import repeat

from blockd.errors import NameFormError, RecordFormError
from blockd.terms import Action
from blockd.watchlist.formats import addresses
from blockd.watchlist.formats.answers import Answers, canonical
from blockd.watchlist.formats.entry import name_entry, shown
from blockd.watchlist.formats.feed import Feed
from blockd.watchlist.formats.found import NOTHING, Found
from blockd.watchlist.formats.hosts import SINK
from blockd.watchlist.formats.ordinary import END, NAME, Ordinary, ordinary
from blockd.watchlist.formats.pieces import Text
from blockd.watchlist.model import Parsed, Scope, Severity

ACTIONS: Mapping[str, Action] = {
    "always_nxdomain": Action.NXDOMAIN,
    "static": Action.NXDOMAIN,
    "always_nodata": Action.NODATA,
    "always_null": Action.ZERO,
    "always_refuse": Action.REFUSED,
    "refuse": Action.REFUSED,
    "always_deny": Action.DROP,
    "deny": Action.DROP,
    "inform_deny": Action.DROP,
}
"""What zones of a type are answered; `static` has no data here, or data of its own."""

_OPEN = frozenset({"transparent", "typetransparent", "always_transparent", "nodefault"})
_LED = frozenset({"redirect", "inform_redirect"})
_ELSEWHERE = frozenset({
    "inform", "noview", "block_a", "ipset", "truncate",
})  # fmt: skip

_LINE = re.compile(r"([a-z0-9-]{1,40})\s*:\s*(.*)", re.DOTALL)
_WORD = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|([^\s"'#]+))""")
_DATA = re.compile(r"(\S+)\s+(?:\d+\s+)?(?:IN\s+)?([A-Za-z][A-Za-z0-9-]*)\s+(\S.*)", re.DOTALL)
_NULL = r"(?:\d+ )?(?:IN )?A (?:0\.0\.0\.0|127\.0\.0\.1)"


def parse(text: Text, source: str) -> Parsed:
    """Return the entries, exceptions and issues of an Unbound list.

    Args:
        text: the file's content.
        source: its path, for the origins and the rule's id.
    """
    feed = Feed(source, "unbound")
    feed.linewise = True
    feed.shapes = _shapes()
    configuration = _Configuration(feed)
    feed.read(text, configuration.meaning, partial(_run, feed))
    configuration.settle()
    return feed.finished()


_ZONE_AT = '[ \t]*+local-zone:[ \t]*+"'
_DATA_AT = '[ \t]*+local-data:[ \t]*+"'
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"


def _pair(place: int, address: str) -> str:
    """Return the expression of a zone that is redirected to an address; `place`: of its name."""
    zone = rf'{_ZONE_AT}({NAME})\.?"[ \t]++redirect{END}'
    return rf'{zone}{_DATA_AT}\{place}\.? (?:\d+ )?(?:IN )?A {address}"{END}'


_SAME = r"\2"
_LED_TO = re.compile(
    _pair(1, rf"({_OCTET}(?:\.{_OCTET}){{3}})") + rf"(?:{_pair(3, _SAME)}){{0,499}}"
)
_LED_ONE = re.compile(_pair(1, "[0-9.]++"))


def _shapes() -> list[Ordinary]:
    shapes = []
    for action in dict.fromkeys(ACTIONS.values()):
        types = "|".join(name for name, of in ACTIONS.items() if of is action)
        after = rf'\.?"[ \t]++(?:{types}){END}'
        shapes.append(ordinary(_ZONE_AT, after, changes={"action": action}))
    shapes.append(ordinary(_DATA_AT, rf'\.? {_NULL}"{END}', Scope.EXACT, linewise=False))
    return shapes


def _run(feed: Feed, text: str, at: int) -> tuple[int, bool]:
    """Take ordinary lines, zones that are redirected to one IPv4 address among them."""
    end, taken = feed.run(text, at)
    if end > at:
        return end, taken
    led = _LED_TO.match(text, at)
    if led is None:
        return at, False
    listed = _LED_ONE.findall(led[0])
    feed.linewise = False
    first, lines = feed.line + 1, 2 * len(listed)
    rule = feed.rule
    if not SINK.fullmatch(led[2]):
        rule = feed.variant(first, action=Action.ADDRESS, addresses=(led[2],))
    numbers = range(first, first + lines, 2)
    rules = repeat(rule, len(listed))
    return led.end(), feed.keep(listed, Scope.SUBTREE, rules, numbers, lines)


class _Configuration:
    """The lines of one configuration that are not settled by themselves."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._answers = Answers(feed)
        self._open: dict[bytes, int] = {}
        self._led: dict[bytes, int] = {}

    def meaning(self, line: str) -> Found:  # noqa: PLR0911 - one a kind of line
        if line.startswith("#"):
            return NOTHING
        found = _LINE.fullmatch(line)
        if not found:
            return Found(
                problems=[f'{shown(line)} is no option of Unbound; write `option: "value"`']
            )
        option, rest = found[1], found[2]
        words, left = _words(rest)
        if left:
            return Found(problems=[f"{shown(left)} does not belong here; close the quotes"])
        if option == "server" and not words:
            return NOTHING
        if option == "local-zone":
            return self._zone(words)
        if option == "local-data":
            return self._data(words)
        return Found(unsupported=f"option {option}")

    def settle(self) -> None:
        """Turn what depended on several lines into entries."""
        feed, wrong = self._feed, []
        for wire, line in self._led.items():
            records = self._answers.take(wire)
            if other := feed.first_line(wire, Scope.SUBTREE):
                sentence = f"not taken: second zone: it has one at line {other}"
                wrong.append((line, Severity.WARNING, sentence))
            elif not records:
                sentence = "is redirected nowhere: `local-data` for the zone's name is missing"
                wrong.append((line, Severity.ERROR, sentence))
            elif all(SINK.fullmatch(record.partition(" ")[2]) for record in records):
                feed.enter(wire, Scope.SUBTREE, feed.rule, line)
            else:
                self._answers.put(wire, Scope.SUBTREE, records)
        for wire, line in self._open.items():
            # Data of the zone's own name is answered; what is below it is not touched.
            own = wire in self._answers or feed.first_line(wire, Scope.EXACT)
            scope = Scope.BELOW if own else Scope.SUBTREE
            rule = feed.variant(
                line, id="allow", allow=True, reason="a transparent zone of the list"
            )
            feed.enter(wire, scope, rule, line)
        feed.blame(wrong)
        self._join()
        self._answers.settle()

    def _join(self) -> None:
        """Give zones that were redirected by an ordinary pair of lines their other records."""
        listed = self._feed.parsed.names if self._answers else ()
        for entry in listed:
            if entry.rule.action is Action.ADDRESS and entry.name in self._answers:
                records = self._answers.take(entry.name)
                self._answers.put(entry.name, Scope.SUBTREE, records)

    def _zone(self, words: list[str]) -> Found:  # noqa: PLR0911 - one a kind of line
        if len(words) != 2:
            return Found(problems=['write `local-zone: "name" type`'])
        text, kind = words
        try:
            wire, scope = name_entry(text)
        except NameFormError as error:
            return Found(problems=[str(error)])
        if scope is not Scope.SUBTREE:
            return Found(problems=[f"{shown(text)}: a zone is a name alone"])
        if kind in ACTIONS:
            return Found([(wire, scope, self._feed.variant(action=ACTIONS[kind]))])
        if kind in _OPEN or kind in _LED:
            self._feed.linewise = False
            zones = self._open if kind in _OPEN else self._led
            first = self._feed.first_line(wire, scope) or zones.setdefault(wire, self._feed.line)
            if first != self._feed.line:
                return Found(unsupported="second zone", detail=f": it has one at line {first}")
            return Found(is_entry=True)
        if kind in _ELSEWHERE:
            return Found(unsupported=f"local-zone of type {kind}")
        return Found(problems=[f"{shown(kind)} is no type of a local-zone; write always_nxdomain"])

    def _data(self, words: list[str]) -> Found:
        self._feed.linewise = False  # what it says depends on its zone
        found = _DATA.fullmatch(words[0].strip()) if len(words) == 1 else None
        if not found:
            return Found(problems=['write `local-data: "name A address"`'])
        text, rtype, rdata = found[1], found[2].upper(), found[3].strip()
        try:
            wire, scope = name_entry(text)
            if scope is not Scope.SUBTREE:
                return Found(problems=[f"{shown(text)}: local-data is for a name alone"])
            if rtype in {"A", "AAAA"}:
                address = addresses.single(rdata)
                if address is None or (address.family == 4) != (rtype == "A"):
                    return Found(problems=[f"{shown(rdata)} is no address for {rtype}"])
                return self._address(wire, rtype, str(address).partition("/")[0])
            record = canonical(f"{rtype} {rdata}")
        except (NameFormError, RecordFormError) as error:
            return Found(problems=[str(error)])
        return self._answers.add(wire, Scope.EXACT, record)

    def _address(self, wire: bytes, rtype: str, address: str) -> Found:
        feed = self._feed
        if SINK.fullmatch(address) and wire not in self._led:
            second = rtype == "AAAA"
            # Of a zone that is redirected already, it is the other family.
            scope = Scope.SUBTREE if feed.first_line(wire, Scope.SUBTREE) else Scope.EXACT
            return Found([(wire, scope, feed.rule)], is_second_family=second)
        return self._answers.add(wire, Scope.EXACT, f"{rtype} {address}")


def _words(text: str) -> tuple[list[str], str]:
    """Return the words of an option's value, and what is left that is none."""
    words = []
    at = 0
    while match := _WORD.match(text, at):
        words.append(next(group for group in match.groups() if group is not None))
        at = match.end()
    left = text[at:].strip()
    return words, "" if left.startswith("#") else left
