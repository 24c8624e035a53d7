"""dnsmasq configurations used as lists: `address=`, `server=` and `local=` (dnsmasq(8)).

| line | becomes |
| --- | --- |
| `address=/name/`, `server=/name/`, `local=/name/` | the name and all below it, blocked |
| `address=/name/ADDRESS` that leads nowhere, or `#` | the same |
| `address=/name/ADDRESS` | the same, answered with that address |
| `server=/name/#`, `server=/name/ADDRESS` | an exception: dnsmasq asks elsewhere there |

`/*.name/` is what is below a name, `/.name/` the name itself too. A line may have several names
and is one entry line. `/#/`, `//` and `/*name/` are no names, and every other option is counted
and named.
"""

import re
from functools import partial
from itertools import repeat

from blockd.errors import NameFormError
from blockd.prefixes import WIDTH
from blockd.terms import Action
from blockd.watchlist.formats import addresses
from blockd.watchlist.formats.answers import Answers
from blockd.watchlist.formats.entry import name_entry, shown
from blockd.watchlist.formats.feed import Feed
from blockd.watchlist.formats.found import NOTHING, Found
from blockd.watchlist.formats.hosts import SINK
from blockd.watchlist.formats.ordinary import COMMENTED, NAME, ordinary
from blockd.watchlist.formats.pieces import Text
from blockd.watchlist.model import Parsed, Rule, Scope

_COMMENT = re.compile(r"(?:^|\s)#.*", re.DOTALL)
_LINE = re.compile(r"(?:--)?(address|server|local)\s*=\s*/(.*)/([^/]*)", re.DOTALL)
_UNENDED = re.compile(r"(?:--)?(?:address|server|local)\s*=\s*/")
_OPTION = re.compile(r"(?:--)?([a-z][a-z0-9-]{0,40})(?:\s*=.*)?", re.DOTALL)
_NULL = r"(?:0\.0\.0\.0|127\.0\.0\.1)"
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_V4 = rf"{_OCTET}(?:\.{_OCTET}){{3}}"
_LED = re.compile(rf"address=/{NAME}/({_V4}){COMMENTED}(?:address=/{NAME}/\1{COMMENTED}){{0,999}}")
_LED_NAME = re.compile(rf"address=/({NAME})/[^\n]*\n")


def parse(text: Text, source: str) -> Parsed:
    """Return the entries, exceptions and issues of a dnsmasq list.

    A name that has a line for 0.0.0.0 and one for :: is no duplicate.

    Args:
        text: the file's content.
        source: its path, for the origins and the rule's id.
    """
    feed = Feed(source, "dnsmasq")
    feed.linewise = True
    feed.shapes = (
        ordinary("address=/", rf"/{_NULL}{COMMENTED}address=/\1/::1?{COMMENTED}", lines=2),
        ordinary("address=/", rf"/(?:{_NULL}|#)?{COMMENTED}"),
        ordinary("(?:server|local)=/", f"/{COMMENTED}"),
        ordinary("address=/", rf"/::1?{COMMENTED}", is_second_family=True),
        ordinary("address=/", rf"/(?:{_NULL}|#)?{COMMENTED}", separator="/"),
        ordinary("(?:server|local)=/", f"/{COMMENTED}", separator="/"),
    )
    answers = Answers(feed)
    feed.read(text, lambda line: _meaning(line, feed, answers), partial(_run, feed))
    answers.settle()
    return feed.finished()


def _run(feed: Feed, text: str, at: int) -> tuple[int, bool]:
    """Take ordinary lines, those that lead to one IPv4 address among them."""
    end, taken = feed.run(text, at)
    if end > at:
        return end, taken
    led = _LED.match(text, at)
    if led is None or SINK.fullmatch(led[1]):
        return at, False
    listed = _LED_NAME.findall(led[0])
    first = feed.line + 1
    feed.linewise = False  # another address may follow, of the same name
    rule = feed.variant(first, action=Action.ADDRESS, addresses=(led[1],))
    numbers = range(first, first + len(listed))
    rules = repeat(rule, len(listed))
    return led.end(), feed.keep(
        listed, Scope.SUBTREE, rules, numbers, len(listed), may_repeat=False
    )


def _meaning(line: str, feed: Feed, answers: Answers) -> Found:  # noqa: PLR0911 - one a kind of line
    body = _COMMENT.sub("", line).strip()
    if not body:
        return NOTHING
    found = _LINE.fullmatch(body)
    if not found:
        option = _OPTION.fullmatch(body)
        if option and not _UNENDED.match(body):
            return Found(unsupported=f"option {option[1]}")
        sentence = "is nothing that dnsmasq reads; write `local=/name/`"
        return Found(problems=[f"{shown(body)} {sentence}"])
    option_name, listed, target = found[1], found[2].split("/"), found[3].strip()
    if option_name != "address" and target:
        feed.linewise = False
        rule = feed.variant(id="allow", allow=True, reason="asked elsewhere by the list")
        return _names(listed, rule)
    if not target or target == "#" or SINK.fullmatch(target):
        return _names(listed, feed.rule)._replace(is_second_family=":" in target)
    address = addresses.single(target)
    if address is None:
        return Found(problems=[f"{shown(target)} is not an IPv4 or IPv6 address"])
    record = f"{'A' if WIDTH[address.family] == 32 else 'AAAA'} {str(address).partition('/')[0]}"
    found_names = _names(listed, feed.rule)
    kept = [answers.add(wire, scope, record) for wire, scope, _ in found_names.names]
    if found_names.problems or found_names.unsupported or not kept:
        return found_names._replace(names=(), is_entry=any(each.is_entry for each in kept))
    return next((each for each in kept if each.is_entry), kept[0])


def _names(listed: list[str], rule: Rule) -> Found:
    """Return what the names between the slashes mean under one rule."""
    good: list[tuple[bytes, Scope, Rule]] = []
    bad: list[str] = []
    kind = ""
    for text in listed:
        if text in {"", "#"} or (text.startswith("*") and not text.startswith("*.")):
            kind = {"": "unqualified names `//`", "#": "every name `/#/`"}.get(text, "wildcard")
            continue
        try:
            # For historical reasons, says dnsmasq(8), /.name/ is the same as /name/.
            wire, scope = name_entry(text.removeprefix("."))
        except NameFormError as error:
            bad.append(str(error))
            continue
        if scope is Scope.EXACT:
            bad.append(f"{shown(text)}: dnsmasq knows no `=name`")
        else:
            good.append((wire, scope, rule))
    return Found(good, problems=bad, unsupported=kind)
