"""The resolver daemon: follows the list, serves what the configuration made, ends by a signal.

Reads top to bottom. Start-up errors are raised; after that, errors are logged and nothing
changes. What depends on the configuration is `configured`'s.
"""

import asyncio
import contextlib
import logging
import secrets
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from blockd.config import Config
from blockd.counting import counted
from blockd.errors import BlockdError, NoPolicyError
from blockd.policy.reader import Policy
from blockd.policy.store import Store
from blockd.resolver import wire
from blockd.resolver.collector import Collector
from blockd.resolver.configured import DRAIN, Configured, Obeyed, obeyed
from blockd.resolver.listeners import Listeners
from blockd.resolver.sharing import shared_loop
from blockd.resolver.workers import SECRET, run_workers, worker_socket
from blockd.service import control, faults
from blockd.service.follow import Follower
from blockd.service.malloc import give_back_what_is_large
from blockd.service.notify import notify, reloading
from blockd.service.prctl import keep_memory_private
from blockd.service.sockets import Listening, listening
from blockd.service.watchdog import Watchdog

LOOK = 0.1
"""Seconds between looks for a new generation while no query comes."""

LOOK_BUSY = 0.001
"""The same under load, where each batch asks."""

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
    keep_memory_private()  # who asks for what stands in it, for a moment
    give_back_what_is_large()
    last = obeyed(read_config(), resolv_conf)  # wrong, it is said before all else
    config = last.config
    sockets = listening(config.resolver.listen, config.resolver.listen_tls)

    def read_again() -> None:
        nonlocal last
        with contextlib.suppress(BlockdError):  # each worker says it
            last = obeyed(read_config(), resolv_conf, last)

    def serve(number: int, secret: bytes) -> None:
        # A worker that takes the place of another one obeys what there is by now; what is broken
        # changes nothing, so that it begins with what the others have.
        first, problem = last, ""
        if number:
            try:
                first = obeyed(read_config(), resolv_conf, last)
            except BlockdError as error:
                problem = str(error)
        shared = bool(number)
        daemon = ResolverDaemon(
            first, store, read_config, resolv_conf, secret, problem, shared=shared
        )
        path = worker_socket(socket_path, number) if number else socket_path
        factory = (lambda: shared_loop(sockets.all())) if shared else None
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(daemon.run(path, sockets))

    try:
        if config.resolver.workers > 1:
            return run_workers(config.resolver.workers, serve, socket_path, read_again)
        serve(0, secrets.token_bytes(SECRET))
    finally:
        for sock in sockets.all():
            sock.close()
    return 0


class ResolverDaemon:
    """What one resolver process holds."""

    def __init__(
        self,
        first: Obeyed,
        store: Store,
        reload: Callable[[], Config],
        resolv_conf: Path,
        secret: bytes,
        problem: str = "",
        *,
        shared: bool = False,
    ) -> None:
        """Take the parts; nothing is opened before `run`.

        Args:
            first: the configuration to begin with.
            store: the policy store.
            reload: reads the configuration again, on SIGHUP.
            resolv_conf: where upstreams come from when the configuration names none.
            secret: of the server cookies.
            problem: why the configuration that is on disk is not the first.
            shared: other processes read from the same sockets.
        """
        self._configured = Configured(first, resolv_conf, secret)
        self._listen = first.started.resolver.listen, first.started.resolver.listen_tls
        self._shared = shared
        self._reload = reload
        self._engine, self._clients = self._configured.engine, self._configured.clients
        self._listeners = Listeners(
            self._engine, self._clients, self._configured.forward, self._before_batch,
            self._configured.certificate,
        )  # fmt: skip
        self._looked = 0.0
        self._second = 0
        self._follower = Follower(store, self._adopt)
        self._config_problem = problem
        self._stop = asyncio.Event()
        self._ready = False

    async def run(self, socket_path: Path, sockets: Listening) -> None:
        """Serve bound sockets until a signal; they are the caller's to close."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(faults.without_texts)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._reconfigure)
        if self._config_problem:
            self._nothing_changed()
        async with contextlib.AsyncExitStack() as opened:
            opened.push_async_callback(self._follower.close)
            self._configured.open()
            opened.callback(self._configured.close)
            server = await control.serve(socket_path, self.status)
            opened.callback(server.close)
            opened.enter_context(Watchdog())
            if await self._first_policy():
                await self._serve(sockets)

    async def _first_policy(self) -> bool:
        """Wait for a generation; False when a signal came first."""
        while not self._stop.is_set():
            try:
                self._follower.first()
            except NoPolicyError as error:
                if self._configured.config.service.start_without_list:
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
        self._ready = True
        self._configured.probe()
        notify("READY=1", f"STATUS={self._summary()}")
        listen, listen_tls = self._listen
        places = [*listen, *(f"{endpoint} (TLS)" for endpoint in listen_tls)]
        said = self._summary()
        log.info("serving on %s; %s", ", ".join(map(str, places)), said, extra=self._in_force())
        while not self._stop.is_set():
            self._before_batch()
            if self._shared:
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
        while self._configured.in_flight and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.02)

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        except TimeoutError:
            return

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

    def _adopt(self, policy: Policy) -> None:
        """Have a generation judge; nobody uses the one before any more."""
        self._listeners.flush()  # what was judged by the one before is sent first
        self._engine.adopt(policy)
        if self._ready:
            notify(f"STATUS={self._summary()}")

    def _reconfigure(self) -> None:
        reloading()
        try:
            self._configured.configure(self._reload())
        except BlockdError as error:
            self._config_problem = str(error)
            self._nothing_changed()
        else:
            self._config_problem = ""
            log.info("configuration read again", extra=self._in_force())
        notify("READY=1", f"STATUS={self._summary()}")

    def _nothing_changed(self) -> None:
        log.error("nothing changed: %s", self._config_problem, extra=self._in_force())

    def _in_force(self) -> dict[str, int | None]:
        """Return what a message carries that is about the generation in force."""
        return {"generation": self._engine.policy.number if self._engine.policy else None}

    def _summary(self) -> str:
        policy = self._engine.policy
        if policy is None:
            return "no list yet, forwarding everything"
        return f"generation {policy.number}, {counted(len(policy), 'name')}"

    def status(self) -> dict[str, Any]:
        """Return the status that the control socket gives."""
        if self._ready:  # before, the first generation is not looked for here
            self._before_batch()
        policy = self._engine.policy
        forwarder = self._configured.forwarder
        listen, listen_tls = self._listen
        problems = (self._follower.problem, self._config_problem, *self._configured.problems)
        return {
            "plane": "resolver",
            "ready": self._ready,
            "generation": policy.number if policy is not None else None,
            "names": len(policy) if policy is not None else 0,
            "problem": "; ".join(filter(None, problems)),
            "compiled": not wire.__file__.endswith(".py"),
            "listen": [str(endpoint) for endpoint in listen],
            "listen_tls": [str(endpoint) for endpoint in listen_tls],
            "upstreams": forwarder.status(),
            "in_flight": self._configured.in_flight,
            "mismatched": forwarder.mismatched,
            "crowded_out": forwarder.crowded_out,
            "unsent": self._listeners.unsent,
            "cache": {"answers": len(self._engine.cache), "octets": self._engine.cache.octets},
            "latency": self._engine.counters.latency.snapshot(),
            **self._engine.counters.snapshot(),
        }
