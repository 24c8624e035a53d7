"""AdBlock lists (EasyList, AdGuard, uBlock Origin): the rules that name a host and nothing else.

| rule | becomes |
| --- | --- |
| `||name^`, `||name` | the name and all below it |
| `|name^`, `name` | the name alone |
| `||*.name^` | what is below the name |
| `||ADDRESS^` | the address |
| `@@` before any of these | an exception |
| `0.0.0.0 name` | as in a hosts file |

`$important` and `$badfilter` are obeyed within the list, see `adblock_order`. Rules for parts of
pages, paths, ports, patterns and single clients are nothing that a resolver can do; each is
counted and named, and never read as a rule for the whole name. Of an open pattern such as
`||name`, which means longer names too, the name alone is taken: the narrower reading.
"""

import re
from collections.abc import Mapping
from itertools import repeat
from typing import Any

from blockd.errors import NameFormError
from blockd.watchlist.formats import address_columns, addresses, hosts
from blockd.watchlist.formats.adblock_order import IMPORTANT, Order
from blockd.watchlist.formats.address_runs import FOUR
from blockd.watchlist.formats.entry import name_entry
from blockd.watchlist.formats.feed import Feed
from blockd.watchlist.formats.found import NOTHING, Found
from blockd.watchlist.formats.ordinary import END, ordinary
from blockd.watchlist.formats.pieces import Text
from blockd.watchlist.model import Parsed, Scope

_COSMETIC = re.compile(r"#@?(?:[?$%]|\$\?|@)?##?[^\s#]|\$@?\$[a-z]|##\^")
_DIRECTIVE = re.compile(r"!#([a-z_]+)")
_HOST = re.compile(r"(\|\|?)?((?:\*\.)?)(\[[0-9a-fA-F:.]+\]|[^\^|/:*?=&@\s\[\]]+)(\^?\|?)")
_V6 = re.compile(r"(\|\|?)?((?:\*\.)?)([0-9a-fA-F]*:[0-9a-fA-F:.]+)(\^?\|?)")
_PORT = re.compile(r"[^/:]+:\d+(?:\D|$)")
_EXPRESSION = re.compile(r"/.*/(?:\$[^/]*)?", re.DOTALL)
_DIGITS = "0123456789."
_MODIFIER = re.compile(r"~?[a-z0-9_-]{1,30}", re.IGNORECASE)
_ADDRESS = re.compile(rf"\|\|({FOUR})\^", re.ASCII)
_ADDRESSES = re.compile(rf"(?:\|\|{FOUR}\^{END}){{1,1000}}+", re.ASCII)
"""Lines of such rules in a row. With a length behind the address it would be one for a path."""
_NARROW = frozenset({"important", "badfilter", "all"})
"""The modifiers that leave the rule one for the whole name; `all` is what DNS does anyway."""

_BLOCK: Mapping[str, Any] = {}
_EXCEPTION: Mapping[str, Any] = {"id": "allow", "allow": True, "reason": "an exception of the list"}


def parse(text: Text, source: str) -> Parsed:
    """Return the entries, exceptions and issues of an AdBlock list.

    Args:
        text: the file's content.
        source: its path, for the origins and the rule's id.
    """
    feed = Feed(source, "adblock")
    rules = _Rules(feed)
    feed.linewise = True
    feed.read(text, rules.meaning, rules.run)
    rules.order.settle()
    return feed.finished()


class _Rules:
    """The lines of one list; what is between `!#if` and `!#endif` depends on the program."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._depth = 0
        self.order = Order(feed)
        feed.shapes = (
            ordinary(r"\|\|", rf"\^{END}"),
            ordinary(r"@@\|\|", rf"\^\|?{END}", changes=_EXCEPTION),
            ordinary(r"\|\|", rf"\^\$important{END}", changes=IMPORTANT),
        )

    def run(self, text: str, at: int) -> tuple[int, bool]:
        if self._depth:
            return at, False
        end, taken = self._feed.run(text, at)
        run = _ADDRESSES.match(text, at) if end == at else None
        if run is None:
            return end, taken
        listed = address_columns.prefixes(_ADDRESS.findall(run[0]))
        if listed is not None:
            self._feed.keep_prefixes(listed, repeat(self._feed.rule, len(listed)))
        return run.end(), listed is not None

    def meaning(self, line: str) -> Found:
        if line.startswith("!"):
            return self._directive(line)
        if self._depth:
            return Found(unsupported="rule under !#if")
        if ("#" in line or "$" in line) and _COSMETIC.search(line):
            return Found(unsupported="cosmetic rule")
        if line.startswith("#") or (line.startswith("[") and line.endswith("]")):
            return NOTHING
        if line[0] not in "|@" and hosts.ADDRESS.fullmatch(line.split(maxsplit=1)[0]):
            words = line.partition("#")[0].split()
            return hosts.meaning(line, self._feed.rule) if words[1:] else self._rule(words[0])
        return self._rule(line)

    def _directive(self, line: str) -> Found:
        found = _DIRECTIVE.match(line)
        name = found[1] if found else ""
        if name == "include":
            return Found(unsupported="!#include")
        if name in {"if", "endif"}:
            self._feed.linewise = False
            self._depth = max(0, self._depth + (1 if name == "if" else -1))
        return NOTHING

    def _rule(self, line: str) -> Found:  # noqa: PLR0911 - one a kind of line
        body, is_allowed = line.removeprefix("@@"), line.startswith("@@")
        if body.startswith("/") and _EXPRESSION.fullmatch(body):
            return Found(unsupported="regular expression")
        body, _, written = body.partition("$")
        modifiers = {each.strip().lower() for each in written.split(",")} if written else set()
        for modifier in sorted(modifiers - _NARROW) if modifiers else ():
            named = _MODIFIER.match(modifier)
            return Found(unsupported=f"modifier ${named[0]}" if named else "modifier")
        found = _HOST.fullmatch(body) or _V6.fullmatch(body)
        if found is None:
            return Found(unsupported=_other(body))
        anchor, below, host, end = found[1] or "", found[2], found[3], found[4]
        kind = _pattern(anchor, below, host, end)
        if kind:
            return Found(unsupported=kind)
        is_important = "important" in modifiers
        changes = _EXCEPTION if is_allowed else IMPORTANT if is_important else _BLOCK
        rule = self._feed.variant(**changes)
        address = None if below else addresses.single(host)
        if address is not None:
            if "badfilter" in modifiers:
                return Found(unsupported="modifier $badfilter", detail=" for an address")
            return Found(prefixes=[(address, rule)])
        try:
            wire, scope = name_entry(below + host)
        except NameFormError as error:
            # Without anchors it is a pattern, unless it happens to be a name.
            return Found(problems=[str(error)]) if anchor else Found(unsupported="pattern")
        if scope is Scope.SUBTREE and anchor != "||":
            scope = Scope.EXACT
        if "badfilter" in modifiers:
            self.order.switch_off(wire, scope, allow=is_allowed, important=is_important)
            return Found(is_entry=True)
        if is_important:
            self.order.important(wire, scope, allow=is_allowed)
        return Found([(wire, scope, rule)])


def _pattern(anchor: str, below: str, host: str, end: str) -> str:
    """Return the kind of pattern that a rule is, where it is none for one name; else nothing."""
    if host[0] in _DIGITS and not host.strip(_DIGITS) and addresses.single(host) is None:
        return "part of an address"
    if "." not in host and not end and addresses.single(host) is None:
        return "pattern"
    if anchor == "||":
        is_open = not end and host[-1] in ".-"
    else:
        is_open = bool(end) != bool(anchor) and not below
    return "open pattern" if is_open else ""


def _other(body: str) -> str:
    """Return the kind of a rule that is none for a whole name."""
    bare = body.lstrip("|")
    if "://" in bare or "/" in bare or "?" in bare or "^" in bare.rstrip("^|"):
        return "path rule"
    if _PORT.match(bare):
        return "port rule"
    return "wildcard" if "*" in bare else "pattern"
