"""Asks a resolver any number of questions over UDP, some thousand in flight at a time.

Judges nothing. Memory is bounded by what is in flight, however long the questions are in coming.
"""

import errno
import secrets
import select
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

from blockd.config import Endpoint
from blockd.errors import UnreachableError
from blockd.resolver import wire
from blockd.verify.expected import Expected, Said

WINDOW = 2000
"""Questions in flight."""
FORWARDED = 64
"""Those among them that go upstream: the servers there are others' machines."""

_ATTEMPTS = 3
_RECEIVE = 4 << 20
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - asked there, not bound


class Asked(NamedTuple):
    """A question with what is to be answered."""

    name: bytes
    """Canonical wire form."""
    qtype: int
    expected: Expected
    what: str
    """What it is about: a kind that is counted for itself."""


class _Waiting:
    """A question in flight."""

    __slots__ = ("asked", "attempts", "deadline", "question")

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.question = asked.name + b"\0" + asked.qtype.to_bytes(2, "big") + b"\0\1"
        # Once where silence is right: to ask again would prove no more.
        self.attempts = 1 if asked.expected.silent else _ATTEMPTS
        self.deadline = 0.0


class Asker:
    """A socket to ask by."""

    def __init__(
        self, server: Endpoint, read: Callable[[bytes, int], Said | None], patience: float = 1.0
    ) -> None:
        """Open the socket; nothing is sent yet.

        Args:
            server: whom to ask; a wildcard stands for loopback.
            read: see `reading`.
            patience: seconds that an answer may take.

        Raises:
            UnreachableError: no route leads there.
        """
        self.server = Endpoint(_LOOPBACK.get(server.address, server.address), server.port)
        self._read = read
        self._patience = patience
        self._option = secrets.token_bytes(8)
        family = socket.AF_INET6 if ":" in self.server.address else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE)
        numbers = list(range(1 << 16))
        secrets.SystemRandom().shuffle(numbers)
        self._free = deque(numbers)
        self._waiting: dict[int, _Waiting] = {}
        """In the order of their deadlines."""
        self._forwarded = 0
        try:
            self._socket.connect((self.server.address, self.server.port))
        except OSError as error:
            self._socket.close()
            raise self._unreachable(error) from None

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def greet(self, asked: Asked) -> None:
        """Ask once, to see that somebody answers, and to be given a server cookie (RFC 7873).

        Whoever shows one is not held to a client's rate.

        Raises:
            UnreachableError: nobody answers.
        """
        heard: list[Said | None] = []
        self.ask(iter([asked]), lambda _, said: heard.append(said))
        if not heard or heard[0] is None:
            raise UnreachableError(
                f"{self.server} does not answer; is blockd-resolver running there, and may this"
                " host ask it? --server names another address"
            )
        self._option = self._option[:8] + heard[0].cookie

    def ask(
        self, questions: Iterator[Asked], answered: Callable[[Asked, Said | None], None]
    ) -> None:
        """Ask all questions, and tell each one's answer; None where none came.

        Raises:
            UnreachableError: nothing listens there any more.
        """
        held: Asked | None = next(questions, None)
        while held is not None or self._waiting:
            while held is not None and self._room(held):
                sent = self._send(self._free.popleft(), _Waiting(held))
                held = next(questions, None)
                if not sent:
                    break
            self._receive(answered)
            self._expire(answered)

    def _room(self, asked: Asked) -> bool:
        if asked.expected.action is None and self._forwarded >= FORWARDED:
            return False
        return len(self._waiting) < WINDOW

    def _send(self, number: int, waiting: _Waiting) -> bool:
        cookie = wire.COOKIE.to_bytes(2, "big") + len(self._option).to_bytes(2, "big")
        opt = b"\0" + wire.RECORD.pack(wire.OPT, wire.OWN_UDP, 0, 4 + len(self._option))
        head = wire.HEADER.pack(number, wire.RD, 1, 0, 0, 1)
        self._waiting[number] = waiting
        self._forwarded += waiting.asked.expected.action is None
        waiting.deadline = time.monotonic() + self._patience
        waiting.attempts -= 1
        try:
            self._socket.send(head + waiting.question + opt + cookie + self._option)
        except OSError as error:
            # A full queue is a lost packet: it is sent again when its time is up.
            if error.errno not in {errno.EAGAIN, errno.ENOBUFS}:
                raise self._unreachable(error) from None
            waiting.attempts += 1
            return False
        return True

    def _receive(self, answered: Callable[[Asked, Said | None], None]) -> None:
        first = next(iter(self._waiting.values()), None)
        if first is None:
            return
        timeout = max(first.deadline - time.monotonic(), 0)
        if not select.select([self._socket], [], [], timeout)[0]:
            return
        for _ in range(WINDOW):
            try:
                packet = self._socket.recv(65_535)
            except BlockingIOError:
                return
            except OSError as error:
                raise self._unreachable(error) from None
            number = int.from_bytes(packet[:2], "big")
            waiting = self._waiting.get(number)
            if waiting is None or not _answers(packet, waiting.question):
                continue  # too late, or not from whom it was asked
            said = self._read(packet, len(waiting.question))
            if said is None or (said.truncated and not said.codes and not said.records):
                continue  # TC alone: the resolver bounds this client's rate; asked again later
            self._done(number)
            answered(waiting.asked, said)

    def _expire(self, answered: Callable[[Asked, Said | None], None]) -> None:
        now = time.monotonic()
        while self._waiting:
            number, waiting = next(iter(self._waiting.items()))
            if waiting.deadline > now:
                return
            if waiting.attempts > 0:
                # By the same number: an answer to the earlier one, which may come yet, serves.
                del self._waiting[number]
                self._forwarded -= waiting.asked.expected.action is None
                self._send(number, waiting)
            else:
                self._done(number)
                answered(waiting.asked, None)

    def _done(self, number: int) -> None:
        waiting = self._waiting.pop(number)
        self._forwarded -= waiting.asked.expected.action is None
        self._free.append(number)  # not soon again: a late answer may be on its way

    def _unreachable(self, error: OSError) -> UnreachableError:
        return UnreachableError(f"{self.server} cannot be asked: {error.strerror}")


def _answers(packet: bytes, question: bytes) -> bool:
    """Tell whether a packet is a response to a question; names are compared in lower case."""
    return (
        len(packet) >= 12
        and packet[2] & 0x80 != 0
        and packet[12 : 12 + len(question)].lower() == question
    )
