"""Upstreams from resolv.conf(5), where the configuration names none. Pure: text in."""

from collections.abc import Sequence

from blockd.config import Endpoint, ResolverSection, Upstream
from blockd.errors import UpstreamError

MOST = 3
"""MAXNS of resolv.conf(5): what the C library would use."""

_WILDCARDS = ("0.0.0.0", "::")  # noqa: S104 - compared with, not bound


def upstreams(text: str, listen: Sequence[Endpoint]) -> list[Upstream]:
    """Return the name servers of a resolv.conf, without the resolver itself.

    Raises:
        UpstreamError: none is left; a resolver without upstreams cannot forward.
    """
    found = []
    for address in named(text):
        try:
            found.append(Endpoint.parse(_bare(address)))
        except ValueError:
            continue  # such as fe80::1%eth0, which wants an interface
    others = [endpoint for endpoint in found[:MOST] if not _is_own(endpoint, listen)]
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


def chosen(settings: ResolverSection, text: str) -> Sequence[Upstream]:
    """Return the default upstreams: the configured ones, or else those of a resolv.conf's text.

    Raises:
        UpstreamError: there is none, or one of all that are configured is this resolver itself.
    """
    own = (*settings.listen, *settings.listen_tls)
    for upstreams_of in (settings.upstreams, *settings.zones.values()):
        for upstream in upstreams_of:
            if _is_own(upstream.endpoint, own):
                raise UpstreamError(
                    f"upstream {upstream} is this resolver itself, which listens there; name"
                    " another server in [resolver] upstreams"
                )
    return settings.upstreams or upstreams(text, own)


def _bare(text: str) -> str:
    return f"[{text}]" if ":" in text else text


def _is_own(endpoint: Endpoint, listen: Sequence[Endpoint]) -> bool:
    loopback = endpoint.address.startswith("127.") or endpoint.address == "::1"
    return any(
        endpoint.port == own.port
        and (endpoint.address == own.address or (own.address in _WILDCARDS and loopback))
        for own in listen
    )
