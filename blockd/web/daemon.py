"""The web daemon: binds one loopback address, and lives until a signal. Decides nothing.

Reads top to bottom. It writes nothing, and no other daemon needs it.
"""

import asyncio
import errno
import logging
import signal
import time
from collections.abc import Callable
from pathlib import Path

from aiohttp import web

from blockd.config import Config, Endpoint
from blockd.errors import BlockdError, ConfigError
from blockd.policy.store import Store
from blockd.service import faults
from blockd.service.notify import notify, reloading
from blockd.service.standing import Standing
from blockd.service.watchdog import Watchdog
from blockd.web import ring, server, standing
from blockd.web.ring import Ring
from blockd.web.shelf import Shelf
from blockd.web.site import Site

log = logging.getLogger(__name__)


async def run(
    config: Config, store: Store, socket_of: Callable[[str], Path], reload: Callable[[], Config]
) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        config: says where, and whether there are routes.
        store: the policy store; needs read access only.
        socket_of: the path of a daemon's control socket.
        reload: reads the configuration again, on SIGHUP.

    Raises:
        ConfigError: the address cannot be bound.
    """
    await WebDaemon(config, store, socket_of, reload).run()


class WebDaemon:
    """What the web process holds."""

    def __init__(
        self,
        config: Config,
        store: Store,
        socket_of: Callable[[str], Path],
        reload: Callable[[], Config],
    ) -> None:
        """Take the parts; nothing is opened before `run`."""
        self._config = config
        self._store = store
        self._socket_of = socket_of
        self._reload = reload
        self._ring = Ring()
        self._stop = asyncio.Event()

    async def run(self) -> None:
        """See `run` of this module."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(faults.without_texts)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._reconfigure)
        # What aiohttp says of a malformed request names who sent it.
        logging.getLogger("aiohttp").setLevel(logging.CRITICAL)
        shelf = Shelf(self._store)
        site = Site(self._store, self._look, self._ring, shelf)
        runner = web.AppRunner(server.application(self._look, site), access_log=None)
        await runner.setup()
        sampling = asyncio.create_task(self._sample())
        try:
            endpoint = self._config.service.metrics
            await _listen(runner, endpoint)
            log.info("serving on http://%s/", endpoint)
            notify("READY=1", f"STATUS=http://{endpoint}/")
            with Watchdog():
                await self._stop.wait()
        finally:
            notify("STOPPING=1")
            sampling.cancel()
            await runner.cleanup()
            shelf.close()

    async def _look(self) -> Standing:
        return await standing.look(self._config, self._store, self._socket_of)

    async def _sample(self) -> None:
        """Keep a sample of the resolver's counters, again and again."""
        while True:
            found = await self._look()
            self._ring.add(time.time(), found.of("resolver").get("outcomes"))
            await asyncio.sleep(ring.PERIOD)

    def _reconfigure(self) -> None:
        reloading()
        try:
            config = self._reload()
        except BlockdError as error:
            log.error("nothing changed: %s", error)  # noqa: TRY400 - a sentence, not a traceback
        else:
            if config.service.metrics != self._config.service.metrics:
                log.warning("[service] metrics changed: restart blockd-web for that")
            self._config = config
            log.info("configuration read again")
        notify("READY=1")


async def _listen(runner: web.AppRunner, endpoint: Endpoint) -> None:
    try:
        await web.TCPSite(runner, endpoint.address, endpoint.port).start()
    except OSError as error:
        why = error.strerror
        if error.errno == errno.EADDRINUSE:
            why = (
                f"taken by another program (`ss -lnpt 'sport = :{endpoint.port}'` shows which);"
                " stop it"
            )
        raise ConfigError(
            f"{endpoint} cannot be bound: {why}, or change [service] metrics"
        ) from None
