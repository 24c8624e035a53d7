"""The resolver daemon: composes policy, engine, upstreams and listeners, and lives until a signal.

Reads top to bottom. Start-up errors are raised; after that, errors are logged and nothing
changes.
"""

import asyncio
import contextlib
import logging
import secrets
import signal
import time
from collections.abc import Callable
from hashlib import blake2s
from pathlib import Path
from typing import Any

from blockd import names
from blockd.config import Config
from blockd.errors import BlockdError, NoPolicyError
from blockd.policy.store import Store
from blockd.prefixes import Prefix
from blockd.resolver import resolvconf, tls, wire
from blockd.resolver.clients import Clients
from blockd.resolver.collector import Collector
from blockd.resolver.cookies import Cookies
from blockd.resolver.engine import Engine, zones
from blockd.resolver.exchange import Waiter
from blockd.resolver.follow import Follower
from blockd.resolver.forward import Forwarder
from blockd.resolver.listeners import Listeners
from blockd.resolver.reply import Answer
from blockd.resolver.sharing import shared_loop
from blockd.resolver.wire import Query
from blockd.resolver.workers import SECRET, run_workers, worker_socket
from blockd.service import control, faults
from blockd.service.notify import notify, reloading
from blockd.service.sockets import Listening, listening
from blockd.service.watchdog import Watchdog

LOOK = 0.1
"""Seconds between looks for a new generation while no query comes."""

LOOK_BUSY = 0.001
"""The same under load, where each batch asks."""

LOOP = "blockd.internal"
"""Where probes for loops are asked: a top-level name that ICANN keeps for private use."""

DRAIN = 5.0
"""Seconds that exchanges in flight get on SIGTERM."""

log = logging.getLogger(__name__)


def start(
    read_config: Callable[[], Config],
    store: Store,
    socket_path: Path,
    resolv_conf: Path = Path("/etc/resolv.conf"),
) -> int:
    """Serve until SIGTERM or SIGINT, in this process or in several; return the exit status.

    Args:
        read_config: reads the configuration, at start and on SIGHUP.
        store: the policy store; needs read access only.
        socket_path: the control socket to serve.
        resolv_conf: where upstreams come from when the configuration names none.

    Raises:
        BlockdError: it cannot start; the message says what to mend.
    """
    config = read_config()
    resolvconf.chosen(config.resolver, _read(resolv_conf))  # wrong, it is said before all else
    sockets = listening(config.resolver.listen, config.resolver.listen_tls)

    def serve(number: int, secret: bytes) -> None:
        own = read_config() if number else config
        daemon = ResolverDaemon(own, store, read_config, resolv_conf, secret)
        path = worker_socket(socket_path, number) if number else socket_path
        shared = (lambda: shared_loop(sockets.all())) if number else None
        with asyncio.Runner(loop_factory=shared) as runner:
            runner.run(daemon.run(path, sockets))

    try:
        if config.resolver.workers > 1:
            return run_workers(config.resolver.workers, serve, socket_path)
        serve(0, secrets.token_bytes(SECRET))
    finally:
        for sock in sockets.all():
            sock.close()
    return 0


class ResolverDaemon:
    """What one resolver process holds."""

    def __init__(
        self,
        config: Config,
        store: Store,
        reload: Callable[[], Config],
        resolv_conf: Path,
        secret: bytes,
    ) -> None:
        """Take the parts; nothing is opened before `run`.

        Args:
            config: the configuration.
            store: the policy store.
            reload: reads the configuration again, on SIGHUP.
            resolv_conf: where upstreams come from when the configuration names none.
            secret: of the server cookies.
        """
        self._config = self._started = config
        self._reload = reload
        self._resolv_conf = resolv_conf
        self._engine = Engine(config.resolver, None)
        self._engine.prefetch = self._prefetch
        # The same for all workers: a probe may come back to any of them.
        token = blake2s(b"loop", key=secret, digest_size=8).hexdigest()
        self._engine.loop = names.to_wire(f"{token}.{LOOP}")
        self._engine.looped = self._in_a_loop
        self._clients = Clients(
            _allowed(config), config.resolver.rate_limit, Cookies(secret), time.time
        )
        self._certificate = tls.server(config.resolver)
        self._forwarder: Forwarder
        self._earlier: list[Forwarder] = []
        self._listeners = Listeners(
            self._engine, self._clients, self._forward, self._before_batch, self._certificate
        )
        self._looked = 0.0
        self._second = 0
        self._follower = Follower(store, self._engine, self._listeners.flush, self._tell)
        self._config_problem = ""
        self._restart_problem = ""
        self._loop_problem = ""
        self._stop = asyncio.Event()
        self._ready = False

    async def run(self, socket_path: Path, sockets: Listening) -> None:
        """Serve bound sockets until a signal; they are the caller's to close."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(faults.without_texts)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._reconfigure)
        with contextlib.ExitStack() as opened:
            self._forwarder = self._open_upstreams(self._config)
            opened.callback(self._close)
            server = await control.serve(socket_path, self.status)
            opened.callback(server.close)
            opened.enter_context(Watchdog())
            if await self._first_policy():
                await self._serve(sockets)

    def _close(self) -> None:
        for forwarder in (self._forwarder, *self._earlier):
            forwarder.close()
        self._follower.close()

    async def _first_policy(self) -> bool:
        """Wait for a generation; False when a signal came first."""
        while not self._stop.is_set():
            try:
                self._follower.first()
            except NoPolicyError as error:
                if self._config.service.start_without_list:
                    log.warning("%s; forwarding everything until then", error)
                    return True
                notify(f"STATUS=Waiting: {error}")
            else:
                return True
            await self._pause(LOOK)
        return False

    async def _serve(self, sockets: Listening) -> None:
        await self._listeners.open(sockets)
        collector = Collector(time.monotonic())
        self._follower.begin()
        self._ready = True
        self._forwarder.probe(self._engine.loop)
        notify("READY=1", f"STATUS={self._summary()}")
        settings = self._config.resolver
        places = [*settings.listen, *(f"{endpoint} (TLS)" for endpoint in settings.listen_tls)]
        said = self._summary()
        log.info("serving on %s; %s", ", ".join(map(str, places)), said, extra=self._in_force())
        while not self._stop.is_set():
            self._before_batch()
            if self._config.resolver.workers > 1:
                # What a worker was woken for and did not live to read wakes nobody again.
                self._listeners.look()
            collector.rest(time.monotonic(), self._engine.counters.total())
            await self._pause(LOOK)
        notify("STOPPING=1")
        self._listeners.stop()
        await self._drain()
        self._listeners.close()

    async def _drain(self) -> None:
        deadline = time.monotonic() + DRAIN
        # The exchanges are pure and signal nothing.
        while self._in_flight() and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.02)

    def _in_flight(self) -> int:
        return sum(len(forwarder) for forwarder in (self._forwarder, *self._earlier))

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        except TimeoutError:
            return

    def _forward(self, waiter: Waiter) -> None:
        self._forwarder.forward(waiter)

    def _prefetch(self, query: Query) -> None:
        self._forward(Waiter(query, _nobody))

    def _before_batch(self) -> float:
        """Look for a new generation (one readlink) and a new second, and return the time."""
        now = time.monotonic()
        if now - self._looked >= LOOK_BUSY:
            self._looked = now
            self._follower.look()
            if int(now) != self._second:
                self._second = int(now)
                self._clients.tick()
        return now

    def _in_a_loop(self, query: Query) -> None:
        problem = (
            f"upstream {self._forwarder.looped(query.name)} sends questions back to this"
            " resolver: a loop; name another server in [resolver] upstreams"
        )
        if problem != self._loop_problem:
            self._loop_problem = problem
            log.error("%s", problem)

    def _tell(self) -> None:
        notify(f"STATUS={self._summary()}")

    def _reconfigure(self) -> None:
        reloading()
        try:
            config = self._reload()
            forwarder = self._open_upstreams(config)
            try:
                if self._certificate is not None and config.resolver.listen_tls:
                    self._certificate.renewed(config.resolver)
            except BlockdError:
                forwarder.close()
                raise
        except BlockdError as error:
            self._config_problem = str(error)
            log.error(  # noqa: TRY400 - a sentence, not a traceback
                "nothing changed: %s", error, extra=self._in_force()
            )
        else:
            # Who waits for the earlier upstreams still gets their answers.
            earlier, self._forwarder = self._forwarder, forwarder
            self._earlier.append(earlier)
            asyncio.get_running_loop().call_later(DRAIN, self._close_earlier)
            if forwarder.servers != earlier.servers:
                # Others may say something else, also where resolv.conf alone names them.
                earlier.retire()
                self._engine.cache.clear()
            self._loop_problem = ""
            forwarder.probe(self._engine.loop)
            self._engine.configure(config.resolver)
            self._clients.configure(_allowed(config), config.resolver.rate_limit)
            self._config = config
            self._config_problem = ""
            self._restart_problem = _needs_restart(self._started, config)
            if self._restart_problem:
                log.warning("%s", self._restart_problem)
            log.info("configuration read again", extra=self._in_force())
        notify("READY=1", f"STATUS={self._summary()}")

    def _close_earlier(self) -> None:
        if self._earlier:  # else the daemon has ended, and closed them
            self._earlier.pop(0).close()

    def _open_upstreams(self, config: Config) -> Forwarder:
        settings = config.resolver
        text = _read(self._resolv_conf)
        return Forwarder(
            resolvconf.chosen(settings, text), zones(settings), settings,
            self._engine.keep, self._engine.counters.latency,
        )  # fmt: skip

    def _in_force(self) -> dict[str, int | None]:
        """Return what a message carries that is about the generation in force."""
        return {"generation": self._engine.policy.number if self._engine.policy else None}

    def _summary(self) -> str:
        policy = self._engine.policy
        if policy is None:
            return "no list yet, forwarding everything"
        return f"generation {policy.number}, {len(policy)} names"

    def status(self) -> dict[str, Any]:
        """Return the status that the control socket gives."""
        self._before_batch()
        policy = self._engine.policy
        problems = (
            self._follower.problem,
            self._config_problem,
            self._restart_problem,
            self._loop_problem,
        )
        return {
            "plane": "resolver",
            "ready": self._ready,
            "generation": policy.number if policy is not None else None,
            "names": len(policy) if policy is not None else 0,
            "problem": "; ".join(filter(None, problems)),
            "compiled": not wire.__file__.endswith(".py"),
            "listen": [str(endpoint) for endpoint in self._started.resolver.listen],
            "listen_tls": [str(endpoint) for endpoint in self._started.resolver.listen_tls],
            "upstreams": self._forwarder.status(),
            "in_flight": self._in_flight(),
            "mismatched": self._forwarder.mismatched,
            "unsent": self._listeners.unsent,
            "cache": {"answers": len(self._engine.cache), "octets": self._engine.cache.octets},
            "latency": self._engine.counters.latency.snapshot(),
            **self._engine.counters.snapshot(),
        }


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


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
