"""What an owner in a response policy zone stands for: a name, a prefix, or another trigger.

Zones and records are `zone`'s business, what is answered `rpz_actions`'.
"""

import re
from typing import NamedTuple

from blockd import prefixes
from blockd.errors import NameFormError, PrefixFormError
from blockd.prefixes import Prefix
from blockd.watchlist.formats.entry import ROOT, name_entry, shown
from blockd.watchlist.model import Scope


class NameTrigger(NamedTuple):
    """A name that is asked for."""

    scope: Scope
    """EXACT for `x`, BELOW for `*.x`: a zone's wildcard does not match its own parent."""
    name: bytes


class Unsupported(NamedTuple):
    """A trigger that looks at what blockd does not look at."""

    kind: str
    why: str


_UNSUPPORTED = {
    "rpz-client-ip": "a trigger that looks at who asks",
    "rpz-nsdname": "a trigger that looks at the names of a zone's servers",
    "rpz-nsip": "a trigger that looks at the addresses of a zone's servers",
}
_BYTE = re.compile(r"0|[1-9]\d{0,2}")
_WORD = re.compile(r"0|[1-9a-f][0-9a-f]{0,3}")


def trigger(owner: str) -> NameTrigger | Prefix | Unsupported:
    """Return what an owner stands for.

    Args:
        owner: relative to the zone, without a final dot; not the zone itself.

    Raises:
        NameFormError, PrefixFormError: with a sentence that says what is wrong.
    """
    above, _, last = owner.lower().rpartition(".")
    if last.startswith("rpz-"):
        if last == "rpz-ip":
            return _prefix(above)
        if last in _UNSUPPORTED:
            return Unsupported(last, _UNSUPPORTED[last])
        raise NameFormError(f"{shown(owner)} ends in {shown(last)}, which is no trigger of RPZ")
    if owner == "*":
        return NameTrigger(Scope.BELOW, ROOT)
    if prefixes.is_meant(owner):
        raise NameFormError(f"{shown(owner)} is an address; write {_encoded(owner)}")
    is_wild = owner.startswith("*.")
    wire, scope = name_entry(owner[2:] if is_wild else owner)
    if scope is not Scope.SUBTREE:
        raise NameFormError(f"{shown(owner)} is no owner; write `name` or `*.name`")
    return NameTrigger(Scope.BELOW if is_wild else Scope.EXACT, wire)


def _encoded(text: str) -> str:
    """Return an IPv4 address as an owner; others as a pattern."""
    labels = text.split(".")
    return f"`32.{'.'.join(reversed(labels))}.rpz-ip`" if len(labels) == 4 else "it before `rpz-ip`"


def _prefix(text: str) -> Prefix:
    """Return the prefix of an owner in front of `rpz-ip`: length, then the address reversed."""
    length, *labels = text.split(".")
    labels.reverse()
    if len(labels) == 4 and all(map(_BYTE.fullmatch, labels)):
        address, longest = ".".join(labels), 32
    else:
        longest = 128
        gap = labels.index("zz") if "zz" in labels else len(labels)
        front, behind = labels[:gap], labels[gap + 1 :]
        is_whole = len(front) + len(behind) < 8 if "zz" in labels else len(front) == 8
        if not is_whole or not all(map(_WORD.fullmatch, front + behind)):
            raise PrefixFormError(
                f"{shown(text + '.rpz-ip')} is no prefix; write the length and the address from"
                " its end: `24.0.1.18.198.rpz-ip`, `48.zz.1.db8.2001.rpz-ip`"
            )
        # `zz` is the `::` of the address, which stands for one gap of zeros.
        address = ":".join(front) + ("::" + ":".join(behind) if "zz" in labels else "")
    if not _BYTE.fullmatch(length) or not 1 <= int(length) <= longest:
        raise PrefixFormError(f"{shown(text + '.rpz-ip')} has no length from 1 to {longest}")
    return prefixes.parse(f"{address}/{length}")
