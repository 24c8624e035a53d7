"""The addresses of socket units, and the drop-ins that make them those of the configuration. Pure.

A socket unit cannot read blockd.toml, and the daemons refuse sockets that are not those of their
`listen`; so whoever changes one has the other changed.
"""

from collections.abc import Sequence
from typing import NamedTuple

from blockd.config import Config, Endpoint
from blockd.setup.layout import NOTICE_SOCKET, SOCKET

DROP_IN = "listen.conf"
"""The name of the drop-in in the unit's directory."""

_UDP, _TCP = "UDP", "TCP"
_KEYS = {_UDP: "ListenDatagram=", _TCP: "ListenStream="}


class Bound(NamedTuple):
    """One address of a socket unit."""

    transport: str
    """`UDP` or `TCP`."""
    place: Endpoint

    def __str__(self) -> str:
        """Return its line in the unit."""
        return f"{_KEYS[self.transport]}{self.place}"


def wanted(config: Config) -> dict[str, list[Bound]]:
    """Return what each socket unit should bind."""
    resolver = config.resolver
    both = [Bound(transport, place) for place in resolver.listen for transport in _KEYS]
    return {
        SOCKET: [*both, *(Bound(_TCP, place) for place in resolver.listen_tls)],
        NOTICE_SOCKET: [Bound(_TCP, place) for place in config.notice.listen],
    }


def drop_in(unit: str, addresses: Sequence[Bound]) -> str:
    """Return the drop-in that a unit needs; empty: it listens where it should.

    Args:
        unit: its text.
        addresses: what it should bind.
    """
    lines = [str(each) for each in addresses]
    if not unit or sorted(lines) == sorted(_listening(unit)):
        return ""
    return "\n".join(
        [
            "# Written by `blockd setup` from blockd.toml; run it when `listen` changes there.",
            "[Socket]",
            # An empty assignment forgets all that the unit says; systemd.socket(5).
            _KEYS[_TCP],
            *lines,
            "",
        ]
    )


def overridden(drop_ins: Sequence[str]) -> bool:
    """Tell whether any of an operator's own drop-ins says where to listen."""
    return any(_listening(each) for each in drop_ins)


def _listening(unit: str) -> list[str]:
    """Return the lines of a socket unit, or of a drop-in, that say where it listens."""
    lines = (line.strip() for line in unit.splitlines())
    return [line for line in lines if line.startswith(tuple(_KEYS.values()))]
