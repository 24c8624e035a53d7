"""Options of dnsmasq 2.86 and later (dnsmasq(8)); the closest domain counts, with all below it.

`*.name` is what is below a name, and `#` in place of a server the usual ones, so which names are
blocked can be said exactly. What they are answered is NXDOMAIN or addresses.
"""

from collections.abc import Iterator

from blockd.policy.export.contents import Contents, blocks
from blockd.terms import Action
from blockd.watchlist.model import Rule

_OTHERWISE = "entries answered NXDOMAIN instead of what they are here"


def lines(contents: Contents) -> Iterator[str]:
    """Yield a file for `conf-file=`."""
    yield from contents.header("#", "dnsmasq configuration", ("dnsmasq 2.86 or later",))
    for listed in contents.names_for_all_transports():
        own, rest, text = listed.itself, listed.below, listed.text
        if blocks(own):
            yield from _blocked(contents, own, text, alone=listed.alone)
        elif own is not None or not blocks(rest):
            yield f"server=/{text}/#"
        if blocks(rest) and rest is not own:
            yield from _blocked(contents, rest, f"*.{text}", alone=False)
        elif blocks(own) and not blocks(rest):
            yield f"server=/*.{text}/#"
    contents.lose(
        "prefixes left out, since these options know names alone", contents.record.prefixes
    )
    yield from contents.footer("#")


def _blocked(contents: Contents, rule: Rule, domain: str, *, alone: bool) -> Iterator[str]:
    action = contents.action(rule, alone=alone)
    addresses = contents.addresses(rule, action)
    if action is Action.ZERO:
        yield f"address=/{domain}/#"
    elif addresses:
        for address in addresses:
            yield f"address=/{domain}/{address}"
    else:
        if action is not Action.NXDOMAIN:
            contents.lose(_OTHERWISE)
        yield f"address=/{domain}/"
