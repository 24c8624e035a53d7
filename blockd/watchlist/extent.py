"""How much of the address space a list may cover in sum, by many prefixes of a permitted length.

Pure, and the same for the compiler, which refuses such a list, and for the routes, which would
not install it whoever had compiled it.
"""

from collections.abc import Mapping

from blockd import prefixes
from blockd.prefixes import WIDTH, Prefix

UNICAST = {4: 7 << 29, 6: 1 << 125}
"""Addresses that can be a destination: IPv4 without multicast and beyond (RFC 1112), IPv6's
2000::/3 (RFC 4291)."""

_HALF = 2  # no list that is meant covers more than one address in so many


def objection(listed: Mapping[Prefix, bool]) -> str:
    """Return what speaks against the prefixes together; empty: nothing.

    Args:
        listed: each prefix, and whether it is blocked rather than excepted.
    """
    return next(filter(None, (_too_much(family, listed) for family in (4, 6))), "")


def _too_much(family: int, listed: Mapping[Prefix, bool]) -> str:
    most = UNICAST[family] // _HALF
    blocked = [p for p, is_blocked in listed.items() if is_blocked and p.family == family]
    # What is nested counts twice here: nearly always the question is settled without more.
    if sum(1 << (WIDTH[family] - prefix.length) for prefix in blocked) <= most:
        return ""
    within = {prefix: blocks for prefix, blocks in listed.items() if prefix.family == family}
    covered = sum(found.last - found.first + 1 for found in prefixes.flatten(within) if found.value)
    if covered <= most:
        return ""
    share = f"{100 * covered // UNICAST[family]} % of IPv{family}'s unicast addresses"
    if covered >= UNICAST[family]:
        share = f"the whole of IPv{family}"
    widest = min(blocked, key=lambda prefix: (prefix.length, prefix.network))
    return (
        f"the list covers {share}, and no routes may cover more than half of them: take the"
        f" widest prefixes, such as {widest}, out of the list"
    )
