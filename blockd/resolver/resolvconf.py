"""Upstreams from resolv.conf(5), where the configuration names none. Pure: text in."""

from collections.abc import Callable, Sequence

from blockd.config import Endpoint, ResolverSection, Upstream
from blockd.errors import UpstreamError

MOST = 3
"""MAXNS of resolv.conf(5): what the C library would use."""

_WILDCARDS = ("0.0.0.0", "::")  # noqa: S104 - compared with, not bound


def _nowhere(_address: str) -> bool:
    return False


def upstreams(
    text: str, listen: Sequence[Endpoint], here: Callable[[str], bool] = _nowhere
) -> list[Upstream]:
    """Return the name servers of a resolv.conf, without the resolver itself.

    Args:
        text: of the resolv.conf.
        listen: where the resolver listens.
        here: tells whether an address is this host's.

    Raises:
        UpstreamError: none is left; a resolver without upstreams cannot forward.
    """
    found = []
    for address in named(text):
        try:
            found.append(Endpoint.parse(_bare(address)))
        except ValueError:
            continue  # such as fe80::1%eth0, which wants an interface
    others = [endpoint for endpoint in found[:MOST] if not is_own(endpoint, listen, here)]
    if not others:
        raise UpstreamError(
            "no upstream: /etc/resolv.conf names "
            + (f"only this resolver ({found[0]})" if found else "no usable server")
            + "; set [resolver] upstreams"
        )
    return [Upstream(endpoint) for endpoint in others]


def named(text: str) -> list[str]:
    """Return what stands for the address of each server in a resolv.conf's text."""
    # Blanks or tabs in between, and a comment behind, as the C library reads it.
    lines = (line.replace("#", " # ").replace(";", " ; ").split() for line in text.splitlines())
    return [words[1] for words in lines if words[:1] == ["nameserver"] and len(words) > 1]


def chosen(
    settings: ResolverSection, text: str, here: Callable[[str], bool] = _nowhere
) -> Sequence[Upstream]:
    """Return the default upstreams: the configured ones, or else those of a resolv.conf's text.

    Args:
        settings: the configuration.
        text: of the resolv.conf.
        here: tells whether an address is this host's.

    Raises:
        UpstreamError: there is none, or one of all that are configured is this resolver itself.
    """
    own = (*settings.listen, *settings.listen_tls)
    for upstreams_of in (settings.upstreams, *settings.zones.values()):
        for upstream in upstreams_of:
            if is_own(upstream.endpoint, own, here):
                raise UpstreamError(
                    f"upstream {upstream} is this resolver itself, which listens there; name"
                    " another server in [resolver] upstreams"
                )
    return settings.upstreams or upstreams(text, own, here)


def _bare(text: str) -> str:
    return f"[{text}]" if ":" in text else text


def is_own(endpoint: Endpoint, listen: Sequence[Endpoint], here: Callable[[str], bool]) -> bool:
    """Tell whether a server is the resolver itself.

    Args:
        endpoint: the server.
        listen: where the resolver listens.
        here: tells whether an address is this host's; loopback's need not be known to it.
    """
    address = endpoint.address
    for own in listen:
        if endpoint.port != own.port or (":" in address) != (":" in own.address):
            continue  # a wildcard is of its family alone: `service.sockets` sets IPV6_V6ONLY
        if address == own.address:
            return True
        if own.address in _WILDCARDS and (is_loopback(address) or here(address)):
            return True
    return False


def is_loopback(address: str) -> bool:
    """Tell whether what is sent to an address stays on this host, whatever addresses that has.

    All of 127.0.0.0/8 does (RFC 1122 3.2.1.3), as systemd-resolved's 127.0.0.53, and on Linux
    what is sent to a wildcard, ip(7).
    """
    return address.startswith("127.") or address in ("::1", *_WILDCARDS)
