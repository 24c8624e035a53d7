"""Local zones of Unbound (unbound.conf(5)); the closest zone counts, with all below it.

A zone cannot leave its own name open and block what is below; such names stay open whole. An RPZ
can say it, and Unbound reads those too.
"""

from collections.abc import Iterator

from blockd.policy.export.contents import Contents, blocks
from blockd.terms import Action
from blockd.watchlist.model import Rule

_TYPES = {
    Action.NXDOMAIN: "always_nxdomain",
    Action.NODATA: "always_nodata",
    Action.ZERO: "always_null",
    Action.REFUSED: "always_refuse",
    Action.DROP: "always_deny",
}
_OPEN = "names left open, since no local zone can say that only what is below them is blocked"
_OTHERWISE = "entries answered otherwise than here, since no local zone can say it"
_MARK = "TYPE65280 \\# 0"
"""A type of the private range (RFC 6895 3.1): a name with it alone is there and has no address."""


def lines(contents: Contents) -> Iterator[str]:
    """Yield a file for `include:`."""
    yield from contents.header("#", "Unbound configuration")
    yield "server:"
    for listed in contents.names_for_all_transports():
        own, rest, text = listed.itself, listed.below, listed.text
        if blocks(own) and blocks(rest):
            yield from _subtree(contents, own, rest, text)
        elif blocks(own):
            yield from _alone(contents, own, text)
        else:
            if blocks(rest):
                contents.lose(_OPEN)
            yield f'local-zone: "{text}." always_transparent'
    contents.lose("prefixes left out, since local zones know names alone", contents.record.prefixes)
    yield from contents.footer("#")


def _subtree(contents: Contents, own: Rule, rest: Rule, text: str) -> Iterator[str]:
    """Yield a zone that answers for a name and all below it, as what is below is answered."""
    action = contents.action(rest, alone=False)
    # A zone for 0.0.0.0 and :: is there, so that these are no data.
    data = [] if action is Action.ZERO else list(_data(contents, rest, action))
    kind = "redirect" if data else _TYPES.get(action)
    differs = _answer(contents, own) != _answer(contents, rest)
    if kind is None or differs:
        contents.lose(_OTHERWISE)
    yield f'local-zone: "{text}." {kind or "always_nodata"}'
    for record in data:
        yield f"local-data: '{text}. {_ttl(contents, rest)} IN {record}'"


def _answer(contents: Contents, rule: Rule) -> tuple[object, ...]:
    return contents.action(rule, alone=False), rule.records, rule.addresses


def _alone(contents: Contents, rule: Rule, text: str) -> Iterator[str]:
    """Yield a zone that answers for a name alone, by having records there."""
    action = contents.action(rule, alone=True)
    data = list(_data(contents, rule, action))
    if not data and action is not Action.NODATA:
        contents.lose(_OTHERWISE)
    yield f'local-zone: "{text}." transparent'
    for record in data or [_MARK]:
        yield f"local-data: '{text}. {_ttl(contents, rule)} IN {record}'"


def _data(contents: Contents, rule: Rule, action: Action) -> Iterator[str]:
    for each in contents.addresses(rule, action):
        yield f"{'AAAA' if ':' in each else 'A'} {each}"
    for record in rule.records if action is Action.RECORDS else ():
        yield record.replace("'", "\\039")  # the quote around it


def _ttl(contents: Contents, rule: Rule) -> int:
    return contents.ttl if rule.ttl is None else rule.ttl
