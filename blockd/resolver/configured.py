"""What one resolver process is made of by its configuration, and how another takes effect.

Engine, clients, certificate and upstreams: all take a changed configuration, or none does. When
it is read, what is served and which list is in force are the daemon's business.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from hashlib import blake2s
from pathlib import Path
from typing import NamedTuple

from blockd import names
from blockd.config import Config, ResolverSection, Upstream
from blockd.errors import BlockdError
from blockd.prefixes import Prefix
from blockd.resolver import resolvconf, tls
from blockd.resolver.clients import Clients
from blockd.resolver.cookies import Cookies
from blockd.resolver.engine import Engine, zones
from blockd.resolver.exchange import Waiter
from blockd.resolver.forward import Forwarder
from blockd.resolver.reply import Answer
from blockd.resolver.wire import Query
from blockd.service import addresses

DRAIN = 5.0
"""Seconds that exchanges in flight get, at the end and with upstreams that are no longer asked."""

_LOOP = "blockd.internal"
"""Where probes for loops are asked: a top-level name that ICANN keeps for private use."""

log = logging.getLogger(__name__)


class Obeyed(NamedTuple):
    """A configuration, and what it names on disk, read: nothing keeps it from being obeyed."""

    config: Config
    upstreams: Sequence[Upstream]
    """The default ones."""
    certificate: tls.Certificate | None
    started: Config
    """The configuration that the sockets were bound by: what of it changes wants a restart."""


def obeyed(config: Config, resolv_conf: Path, before: Obeyed | None = None) -> Obeyed:
    """Read what a configuration needs.

    Args:
        config: the configuration.
        resolv_conf: where upstreams come from when the configuration names none.
        before: what was in force, if anything was.

    Raises:
        BlockdError: it cannot be obeyed.
    """
    upstreams = default_upstreams(config.resolver, resolv_conf)
    if before is None:
        return Obeyed(config, upstreams, tls.server(config.resolver), config)
    certificate = before.certificate
    if certificate is not None and config.resolver.listen_tls:
        certificate = tls.server(config.resolver)
    return Obeyed(config, upstreams, certificate, before.started)


class Configured:
    """The parts of one process, under the configuration in force."""

    def __init__(self, first: Obeyed, resolv_conf: Path, secret: bytes) -> None:
        """Make all but the upstreams.

        Args:
            first: what to begin with.
            resolv_conf: where upstreams come from when the configuration names none.
            secret: of the server cookies; the same for all workers.
        """
        self.config = config = first.config
        self._first, self._started = first, first.started
        self._resolv_conf = resolv_conf
        self.engine = Engine(config.resolver, None)
        self.engine.prefetch = self._prefetch
        # The same for all workers: a probe may come back to any of them.
        token = blake2s(b"loop", key=secret, digest_size=8).hexdigest()
        self.engine.loop = names.to_wire(f"{token}.{_LOOP}")
        self.engine.looped = self._in_a_loop
        self.clients = Clients(
            _allowed(config), config.resolver.rate_limit, Cookies(secret), time.time
        )
        self.certificate = first.certificate
        self.forwarder: Forwarder
        """The upstreams in force, once they are open."""
        self._earlier: list[Forwarder] = []
        self._restart_problem = _needs_restart(self._started, config)
        self._loop_problem = ""

    def open(self) -> None:
        """Open the upstreams; needs a running event loop."""
        self.forwarder = self._upstreams(self.config, self._first.upstreams)

    def close(self) -> None:
        """Close the upstreams, earlier ones too."""
        for forwarder in (self.forwarder, *self._earlier):
            forwarder.close()
        self._earlier.clear()

    def configure(self, config: Config) -> None:
        """Take another configuration.

        Raises:
            BlockdError: it cannot be obeyed; nothing has changed.
        """
        forwarder = self._upstreams(config, default_upstreams(config.resolver, self._resolv_conf))
        try:
            if self.certificate is not None and config.resolver.listen_tls:
                self.certificate.renewed(config.resolver)
        except BlockdError:
            forwarder.close()
            raise
        # Who waits for the earlier upstreams still gets their answers.
        earlier, self.forwarder = self.forwarder, forwarder
        forwarder.inherit(earlier)
        self._earlier.append(earlier)
        asyncio.get_running_loop().call_later(DRAIN, self._close_earlier)
        if forwarder.servers != earlier.servers:
            # Others may say something else, also where resolv.conf alone names them.
            earlier.retire()
            self.engine.cache.clear()
        self._loop_problem = ""
        self.probe()
        self.engine.configure(config.resolver)
        self.clients.configure(_allowed(config), config.resolver.rate_limit)
        self.config = config
        self._restart_problem = _needs_restart(self._started, config)
        if self._restart_problem:
            log.warning("%s", self._restart_problem)

    def probe(self) -> None:
        """Ask each upstream for a name of our own: one that asks us for it is in a loop."""
        self.forwarder.probe(self.engine.loop)

    def forward(self, waiter: Waiter) -> None:
        """Ask the upstreams in force."""
        self.forwarder.forward(waiter)

    @property
    def in_flight(self) -> int:
        """How many questions have no answer yet, those to earlier upstreams included."""
        return sum(len(forwarder) for forwarder in (self.forwarder, *self._earlier))

    @property
    def problems(self) -> tuple[str, str]:
        """What is wrong with the configuration in force; each is empty where nothing is."""
        return self._restart_problem, self._loop_problem

    def _upstreams(self, config: Config, default: Sequence[Upstream]) -> Forwarder:
        settings = config.resolver
        return Forwarder(
            default, zones(settings), settings, self.engine.keep, self.engine.counters.latency
        )

    def _close_earlier(self) -> None:
        if self._earlier:  # else all have been closed
            self._earlier.pop(0).close()

    def _prefetch(self, query: Query) -> None:
        self.forward(Waiter(query, _nobody))

    def _in_a_loop(self, query: Query) -> None:
        problem = (
            f"upstream {self.forwarder.looped(query.name)} sends questions back to this"
            " resolver: a loop; name another server in [resolver] upstreams"
        )
        if problem != self._loop_problem:
            self._loop_problem = problem
            log.error("%s", problem)


def default_upstreams(settings: ResolverSection, resolv_conf: Path) -> Sequence[Upstream]:
    """Return whom to ask for whatever no zone covers; raises UpstreamError."""
    try:
        text = resolv_conf.read_text()
    except OSError:
        text = ""  # it names no server
    return resolvconf.chosen(settings, text, addresses.is_here)


def _needs_restart(started: Config, now: Config) -> str:
    """Return which settings have no effect before a restart; empty: all have."""
    keys = [
        key
        for key in ("listen", "listen_tls", "workers")
        if getattr(started.resolver, key) != getattr(now.resolver, key)
    ]
    if not keys:
        return ""
    return f"[resolver] {', '.join(keys)} changed: restart the resolver for that"


def _allowed(config: Config) -> list[Prefix]:
    return [network.prefix for network in config.resolver.allow]


def _nobody(_waiter: Waiter, _answer: Answer | None, _now: float) -> None:
    """Take an answer for the cache's sake alone."""
