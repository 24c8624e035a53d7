"""The resolver daemon: composes policy, engine, upstreams and listeners, and lives until a signal.

Reads top to bottom. Start-up errors are raised; after that, errors are logged and nothing
changes.
"""

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from blockd.config import Config, Endpoint
from blockd.errors import BlockdError, NoPolicyError, StoreError
from blockd.policy.reader import Policy
from blockd.policy.store import Store
from blockd.resolver import resolvconf
from blockd.resolver.engine import Engine
from blockd.resolver.exchange import Waiter
from blockd.resolver.tcp import TcpListener
from blockd.resolver.udp import UdpListener
from blockd.resolver.upstreams import Upstreams
from blockd.service import control
from blockd.service.notify import notify, reloading
from blockd.service.sockets import listening

LOOK = 0.1
"""Seconds between looks for a new generation while no query comes."""

DRAIN = 5.0
"""Seconds that exchanges in flight get on SIGTERM."""

log = logging.getLogger(__name__)


async def run(
    config: Config,
    store: Store,
    socket_path: Path,
    reload: Callable[[], Config],
    resolv_conf: Path = Path("/etc/resolv.conf"),
) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        config: the configuration.
        store: the policy store; needs read access only.
        socket_path: the control socket to serve.
        reload: reads the configuration again, on SIGHUP.
        resolv_conf: where upstreams come from when the configuration names none.

    Raises:
        BlockdError: it cannot start; the message says what to mend.
    """
    daemon = ResolverDaemon(config, store, reload, resolv_conf)
    await daemon.run(socket_path)


class ResolverDaemon:
    """What one resolver process holds."""

    def __init__(
        self, config: Config, store: Store, reload: Callable[[], Config], resolv_conf: Path
    ) -> None:
        """Take the parts; nothing is opened before `run`."""
        self._config = config
        self._store = store
        self._current = str(store.state / "current")
        self._reload = reload
        self._resolv_conf = resolv_conf
        self._engine = Engine(config.resolver, None)
        self._upstreams: Upstreams
        self._udp: list[UdpListener] = []
        self._link = ""
        self._adopting: asyncio.Task[None] | None = None
        self._list_problem = ""
        self._config_problem = ""
        self._stop = asyncio.Event()
        self._ready = False

    async def run(self, socket_path: Path) -> None:
        """See `run` of this module."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._reconfigure)
        endpoints = self._endpoints(self._config)
        with contextlib.ExitStack() as opened:
            sockets = listening(self._config.resolver.listen)
            for sock in sockets:
                opened.callback(sock.close)
            self._upstreams = Upstreams(endpoints, self._engine.keep)
            opened.callback(self._close)
            server = await control.serve(socket_path, self.status)
            opened.callback(server.close)
            if await self._first_policy():
                await self._serve(sockets)

    def _close(self) -> None:
        self._upstreams.close()
        if self._engine.policy is not None:
            self._engine.policy.close()

    async def _first_policy(self) -> bool:
        """Wait for a generation; False when a signal came first."""
        while not self._stop.is_set():
            self._link = self._read_link()
            try:
                self._adopt(self._store.open())
            except NoPolicyError as error:
                if self._config.service.start_without_list:
                    log.warning("%s; forwarding everything until then", error)
                    return True
                notify(f"STATUS=Waiting: {error}")
            else:
                return True
            await self._pause(LOOK)
        return False

    async def _serve(self, sockets: Sequence[socket.socket]) -> None:
        loop = asyncio.get_running_loop()
        tcp = TcpListener(self._engine, self._forward, self._before_batch)
        servers = []
        for sock in sockets:
            if sock.type is socket.SOCK_DGRAM:
                self._udp.append(UdpListener(sock, self._engine, self._forward, self._before_batch))
            else:
                servers.append(await loop.create_server(tcp, sock=sock))
        gc.collect()
        gc.freeze()  # what comes from here on is short-lived; collections need not visit the rest
        self._ready = True
        notify("READY=1", f"STATUS={self._summary()}")
        log.info("serving on %s; %s", _texts(self._config.resolver.listen), self._summary())
        while not self._stop.is_set():
            self._before_batch()
            await self._pause(LOOK)
        notify("STOPPING=1")
        for listening_server in servers:
            listening_server.close()
        for listener in self._udp:
            listener.stop()
        await self._drain()
        tcp.close()
        for listener in self._udp:
            listener.close()

    async def _drain(self) -> None:
        deadline = time.monotonic() + DRAIN
        # The exchanges are pure and signal nothing.
        while len(self._upstreams.exchanges) and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.02)

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        except TimeoutError:
            return

    def _forward(self, waiter: Waiter) -> None:
        self._upstreams.forward(waiter)

    def _before_batch(self) -> float:
        """Look for a new generation (one readlink), and return the time."""
        link = self._read_link()
        # Not before it is ready: `_first_policy` opens the first one, and LMDB no file twice.
        if link != self._link and self._ready and self._adopting is None:
            self._link = link
            self._adopting = asyncio.create_task(self._adopt_next())
        return time.monotonic()

    def _read_link(self) -> str:
        try:
            return os.readlink(self._current)  # noqa: PTH115 - before every batch: no Path is made
        except OSError:
            return self._link

    async def _adopt_next(self) -> None:
        held = self._engine.policy.number if self._engine.policy is not None else None
        try:
            # In a thread: checking a large file's digest must not hold up queries.
            policy = await asyncio.to_thread(self._store.open_after, held)
            if policy is not None:
                self._adopt(policy)
            elif self._store.current() != held:
                raise StoreError("the new generation is damaged; keeping the one in force")
            # Else two came in a row, and the later one was adopted in place of the first.
        except BlockdError as error:
            self._list_problem = str(error)
            log.error("nothing changed: %s", error)  # noqa: TRY400 - a sentence, not a traceback
        finally:
            self._adopting = None

    def _adopt(self, policy: Policy) -> None:
        before = self._engine.adopt(policy)
        if before is not None:
            before.close()
        self._list_problem = ""
        if self._ready:
            notify(f"STATUS={self._summary()}")
            log.info("adopted generation %d: %d names", policy.number, len(policy))

    def _reconfigure(self) -> None:
        reloading()
        try:
            config = self._reload()
            if config.resolver.listen != self._config.resolver.listen:
                log.warning("[resolver] listen changed: restart the resolver for that")
            endpoints = self._endpoints(config)
        except BlockdError as error:
            self._config_problem = str(error)
            log.error("nothing changed: %s", error)  # noqa: TRY400 - a sentence, not a traceback
        else:
            self._config_problem = ""
            if tuple(endpoints) != self._upstreams.endpoints:
                before, self._upstreams = (
                    self._upstreams,
                    Upstreams(endpoints, self._engine.keep),
                )
                # Who waits for the earlier upstreams still gets their answers.
                asyncio.get_running_loop().call_later(DRAIN, before.close)
            self._engine.configure(config.resolver)
            self._config = config
            log.info("configuration read again")
        notify("READY=1", f"STATUS={self._summary()}")

    def _endpoints(self, config: Config) -> list[Endpoint]:
        if config.resolver.upstreams:
            return list(config.resolver.upstreams)
        try:
            text = self._resolv_conf.read_text()
        except OSError:
            text = ""
        return resolvconf.upstreams(text, config.resolver.listen)

    def _summary(self) -> str:
        policy = self._engine.policy
        if policy is None:
            return "no list yet, forwarding everything"
        return f"generation {policy.number}, {len(policy)} names"

    def status(self) -> dict[str, Any]:
        """Return the status that the control socket gives."""
        self._before_batch()
        policy = self._engine.policy
        return {
            "plane": "resolver",
            "ready": self._ready,
            "generation": policy.number if policy is not None else None,
            "names": len(policy) if policy is not None else 0,
            "problem": "; ".join(filter(None, (self._list_problem, self._config_problem))),
            "listen": [str(endpoint) for endpoint in self._config.resolver.listen],
            "upstreams": self._upstreams.status(),
            "in_flight": len(self._upstreams.exchanges),
            "mismatched": self._upstreams.exchanges.mismatched,
            "unsent": sum(listener.unsent for listener in self._udp),
            "cache": {"answers": len(self._engine.cache), "octets": self._engine.cache.octets},
            **self._engine.counters.snapshot(),
        }


def _texts(endpoints: Sequence[Endpoint]) -> str:
    return ", ".join(map(str, endpoints))
