"""Troubles of a DNS server's surroundings: its port, and loops through resolv.conf. Pure."""

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from blockd.config import Endpoint, ResolverSection
from blockd.doctor.finding import Finding
from blockd.resolver.resolvconf import is_own

_ANY = frozenset({"0.0.0.0", "::"})  # noqa: S104 - wildcards are compared, not bound
_RESOLVED = "systemd-resolve"
"""The first 15 characters of systemd-resolved, which is all that the kernel keeps: proc(5)."""


_NAME_THEM = (
    'name the servers to forward to: `upstreams = ["ADDRESS"]` in [resolver]; /etc/resolv.conf may'
    " stay as it is"
)


class Listener(NamedTuple):
    """A bound socket."""

    transport: str
    """`UDP` or `TCP`."""
    address: str
    port: int
    programs: tuple[str, ...]
    """Who holds it, as `name (pid)`; empty: not to be seen by this user."""


def ports(
    listen: Sequence[Endpoint], sockets: Iterable[Listener], served: Collection[str] = ()
) -> list[Finding]:
    """Find other programs on the resolver's port.

    Args:
        listen: where the resolver is to listen.
        sockets: all that are bound on this host.
        served: where a running resolver says that it listens.
    """
    found = []
    for held in sockets:
        wanted = next((each for each in listen if clash(each, held)), None)
        # Under systemd the socket is PID 1's as well, for blockd.
        if wanted is None or any(program.startswith("blockd") for program in held.programs):
            continue
        if not held.programs and str(Endpoint(held.address, held.port)) in served:
            continue
        who = " and ".join(held.programs) or "a program that only root can see"
        remedy = (
            f"stop it (`systemctl disable --now` its unit), or give [resolver] listen another"
            f" address or port than {wanted}"
        )
        if any(program.startswith(_RESOLVED) for program in held.programs):
            remedy = (
                "`blockd setup --resolved` has it give the port up; by hand, write `[Resolve]` and"
                " `DNSStubListener=no` into"
                " /etc/systemd/resolved.conf.d/blockd.conf, link /etc/resolv.conf to"
                " /run/systemd/resolve/resolv.conf, and `systemctl restart systemd-resolved`"
            )
        if any(program.startswith("systemd (1)") for program in held.programs):
            remedy = (
                "if `systemctl list-sockets` shows blockd-resolver.socket there, start"
                " blockd-resolver.service; else stop the socket unit that it shows"
            )
        place = Endpoint(held.address, held.port)
        found.append(Finding(f"{held.transport} {place} is taken by {who}", remedy))
    return found


def clash(wanted: Endpoint, held: Listener) -> bool:
    """Tell whether a bound socket keeps an address from being bound."""
    if wanted.port != held.port or (":" in wanted.address) != (":" in held.address):
        return False
    return wanted.address == held.address or not _ANY.isdisjoint((wanted.address, held.address))


def loops(
    resolver: ResolverSection, nameservers: Sequence[Endpoint], own: Collection[str]
) -> list[Finding]:
    """Find upstreams that are this very resolver.

    Args:
        resolver: the configuration; without upstreams it forwards to those of resolv.conf, also
            what zones send nowhere else.
        nameservers: what /etc/resolv.conf names.
        own: this host's addresses.
    """
    listen = (*resolver.listen, *resolver.listen_tls)
    here = set(own).__contains__
    named = [("upstreams", resolver.upstreams)]
    named += [(f'zones "{zone}"', upstreams) for zone, upstreams in resolver.zones.items()]
    found = [
        Finding(
            f"[resolver] {key} has {upstream}, which is this resolver itself: every"
            " question would go round in a circle",
            "name the provider's servers, or others that do not forward to this host",
        )
        for key, upstreams in named
        for upstream in upstreams
        if is_own(upstream.endpoint, listen, here)
    ]
    if resolver.upstreams:
        return found
    # Some of several are passed over by the resolver.
    if nameservers and all(is_own(server, listen, here) for server in nameservers):
        found.append(
            Finding(
                f"/etc/resolv.conf names {nameservers[0].address}, which is this resolver itself,"
                " and [resolver] upstreams is empty, so that there is nobody to forward to",
                _NAME_THEM,
            )
        )
    if not nameservers:
        found.append(
            Finding(
                "there is nobody to forward to: [resolver] upstreams is empty, and"
                " /etc/resolv.conf names no server",
                _NAME_THEM,
            )
        )
    return found
