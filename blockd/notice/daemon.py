"""The notice daemon: composes sockets, the generation in force and answers; lives until a signal.

Reads top to bottom. Nothing is logged or counted of who asks, nor for what that is not listed.
"""

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import Callable
from email.utils import formatdate
from http import HTTPStatus
from importlib import resources
from pathlib import Path
from typing import Any

from blockd.config import Config
from blockd.counting import counted
from blockd.errors import BlockdError
from blockd.notice import request
from blockd.notice.answer import Answer, Answerer
from blockd.notice.connection import Connection
from blockd.notice.request import Request
from blockd.notice.room import Limits, Room
from blockd.policy.store import Store
from blockd.service import control, faults
from blockd.service.follow import Follower
from blockd.service.notify import notify, reloading
from blockd.service.sockets import BACKLOG, streams
from blockd.service.watchdog import Watchdog

LOOK = 1.0
"""Seconds between looks for a new generation while nobody asks."""

DRAIN = 1.0
"""Seconds that requests in flight get on SIGTERM."""

_AT_ONCE = 64  # connections that are accepted before others are served again

log = logging.getLogger(__name__)


async def run(
    config: Config, store: Store, socket_path: Path, reload: Callable[[], Config]
) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        config: says where, and who runs this gateway.
        store: the policy store; needs read access only.
        socket_path: the control socket to serve.
        reload: reads the configuration again, on SIGHUP.

    Raises:
        ConfigError: an address cannot be bound, or is not the one that systemd passed.
        StoreError: the control socket cannot be made.
    """
    await NoticeDaemon(config, store, reload).run(socket_path)


class NoticeDaemon:
    """What the notice process holds."""

    def __init__(self, config: Config, store: Store, reload: Callable[[], Config]) -> None:
        """Take the parts; nothing is opened before `run`."""
        self._config = config
        self._reload = reload
        self._limits = Limits()
        self._style = resources.files("blockd.notice").joinpath("style.css").read_text("utf-8")
        self._answerer = Answerer(self._style, config.notice.operator)
        self._follower = Follower(store)
        self._room: Room[Connection] = Room(self._limits)
        self._answered: dict[str, int] = {}
        self._others = 0
        self._malformed = 0
        self._config_problem = ""
        self._stop = asyncio.Event()

    async def run(self, socket_path: Path) -> None:
        """See `run` of this module."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(faults.without_texts)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._reconfigure)
        listen = self._config.notice.listen
        async with contextlib.AsyncExitStack() as opened:
            sockets = streams(listen, "[notice] listen", "blockd-notice.socket")
            for sock in sockets:
                opened.callback(sock.close)
            controlled = await control.serve(socket_path, self.status)
            opened.callback(controlled.close)
            opened.push_async_callback(self._follower.close)
            await self._follower.newest()
            servers: list[asyncio.Server] = []
            for sock in sockets:
                server = await loop.create_server(self._connection, sock=sock, backlog=_AT_ONCE)
                servers.append(server)
                # asyncio has the kernel hold as many as it accepts at once; a burst of more would
                # have to come again a second later.
                sock.listen(BACKLOG)
            opened.push_async_callback(self._drain, servers)
            places = ", ".join(f"http://{endpoint}/" for endpoint in listen)
            log.info("serving on %s; %s", places, self._summary())
            if not self._config.notice.operator:
                log.warning(
                    "[notice] operator is not set: notices name this address as whoever carries"
                    " the block out; give it the URI of a page or a mailbox of yours"
                )
            opened.enter_context(Watchdog())
            notify("READY=1", f"STATUS={self._summary()}")
            await self._follow()
            notify("STOPPING=1")

    def _connection(self) -> Connection:
        return Connection(self._room, self._limits, self._give)

    async def _drain(self, servers: list[asyncio.Server]) -> None:
        """Accept nothing more, and let those end who have asked; new ones wait in the kernel."""
        for server in servers:
            server.close()
        deadline = time.monotonic() + DRAIN
        # The other side's end is no event here.
        while len(self._room) and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        for connection in self._room.all():
            connection.drop()

    async def _follow(self) -> None:
        """Look for new generations until the end; requests do as well."""
        said = ""
        while not self._stop.is_set():
            await self._follower.newest()
            if said != self._summary():
                said = self._summary()
                notify(f"STATUS={said}")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK):
                    await self._stop.wait()

    async def _give(self, asked: Request | HTTPStatus, place: str) -> Answer:
        """Return the answer to a request, or to what is none, and count it."""
        date = formatdate(usegmt=True)
        if isinstance(asked, HTTPStatus):
            self._malformed += 1
            return self._answerer.error(asked, date)
        try:
            return await self._judged(asked, place, date)
        except Exception as error:  # noqa: BLE001 - one request must not end the others
            faults.say(error)
            return self._answerer.error(HTTPStatus.INTERNAL_SERVER_ERROR, date)

    async def _judged(self, asked: Request, place: str, date: str) -> Answer:
        name = request.name_of(asked.host)
        policy = await self._follower.newest()
        verdict = policy.match(name) if policy is not None and name is not None else None
        if verdict is None or verdict.rule.allow:
            self._others += 1
        else:
            platform = verdict.rule.id
            self._answered[platform] = self._answered.get(platform, 0) + 1
        return self._answerer.answer(asked, name, verdict, place, date)

    def _reconfigure(self) -> None:
        reloading()
        try:
            config = self._reload()
        except BlockdError as error:
            self._config_problem = str(error)
            log.error("nothing changed: %s", error)  # noqa: TRY400 - a sentence, not a traceback
        else:
            self._config_problem = ""
            if config.notice.listen != self._config.notice.listen:
                self._config_problem = "[notice] listen changed: restart blockd-notice for that"
                log.warning("%s", self._config_problem)
            self._answerer = Answerer(self._style, config.notice.operator)
            log.info("configuration read again")
        notify("READY=1", f"STATUS={self._summary()}")

    def _summary(self) -> str:
        policy = self._follower.policy
        if policy is None:
            return "no list yet"
        return f"generation {policy.number}, {counted(len(policy), 'name')}"

    def status(self) -> dict[str, Any]:
        """Return the status that the control socket gives."""
        policy = self._follower.policy
        return {
            "plane": "notice",
            "ready": True,
            "generation": policy.number if policy is not None else None,
            "names": len(policy) if policy is not None else 0,
            "problem": "; ".join(filter(None, (self._follower.problem, self._config_problem))),
            "listen": [str(endpoint) for endpoint in self._config.notice.listen],
            "answered": dict(sorted(self._answered.items())),
            "others": self._others,
            "malformed": self._malformed,
            "closed_for_others": self._room.closed_for_others,
            "connections": len(self._room),
        }
