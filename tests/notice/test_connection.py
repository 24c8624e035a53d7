"""Connections of hostile clients: bounded in octets and in time, and nobody waits for them."""

import asyncio
import contextlib
import itertools
import random
from http import HTTPStatus

import pytest

from blockd.notice.answer import Answer
from blockd.notice.connection import Connection
from blockd.notice.exchange import LONGEST
from blockd.notice.request import Request
from blockd.notice.room import Limits, Room
from tests.cli.program import WITHIN

HEAD = b"GET / HTTP/1.1\r\nHost: x.example\r\n\r\n"
QUICK = Limits(connections=8, of_one=4, head=0.3, rest=0.3, unwanted=100_000)
PATIENT = QUICK._replace(head=WITHIN, rest=WITHIN)


class Served:
    """A server of nothing but connections; what it is asked is kept."""

    def __init__(self, limits, body=b"whole"):
        self.room, self.limits = Room(limits), limits
        self.answer = Answer(HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS, [], body)
        self.asked, self.places, self.gate = [], [], asyncio.Event()
        self.gate.set()

    async def give(self, asked, place):
        self.asked.append(asked)
        self.places.append(place)
        await self.gate.wait()
        return self.answer

    async def start(self):
        loop = asyncio.get_running_loop()
        self.server = await loop.create_server(
            lambda: Connection(self.room, self.limits, self.give), "127.0.0.1", 0
        )
        self.port = self.server.sockets[0].getsockname()[1]

    async def connect(self, octets=b"", source="127.0.0.1"):
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.port, local_addr=(source, 0)
        )
        writer.write(octets)
        return reader, writer

    async def ask(self, octets, source="127.0.0.1"):
        reader, writer = await self.connect(octets, source)
        with contextlib.closing(writer):
            return await rest(reader)


async def rest(reader):
    async with asyncio.timeout(WITHIN):
        try:
            return await reader.read()
        except ConnectionResetError:
            return b"reset"


def on_a_server(limits, scene, **options):
    """Play a scene on a server; all of its connections are gone afterwards."""

    async def run():
        served = Served(limits, **options)
        await served.start()
        try:
            await scene(served)
        finally:
            served.gate.set()
            served.server.close()
            for connection in served.room.all():
                connection.drop()
        async with asyncio.timeout(WITHIN):
            while len(served.room):  # noqa: ASYNC110 - the other side's end is no event here
                await asyncio.sleep(0.005)

    asyncio.run(run())


@pytest.mark.parametrize(
    "octets",
    [
        HEAD,
        b"\r\n\r\n" + HEAD,
        HEAD.replace(b"\r", b""),
        HEAD + HEAD * 50,
        HEAD.replace(b"GET", b"POST") + b"x" * 50_000,
    ],
    ids=["whole", "after empty lines", "line feeds alone", "pipelined", "with a body"],
)
@pytest.mark.parametrize("seed", [None, 1, 2])
def test_one_request_is_answered_however_its_octets_come(octets, seed):
    async def scene(served):
        reader, writer = await served.connect()
        pieces = [octets]
        if seed is not None:
            rng = random.Random(seed)
            cuts = sorted(rng.randrange(len(octets)) for _ in range(30))
            pieces = [octets[a:b] for a, b in itertools.pairwise([0, *cuts, len(octets)])]
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        assert (await rest(reader)).endswith(b"whole")
        writer.close()
        assert served.asked == [Request("x.example")]
        assert served.places == [f"http://127.0.0.1:{served.port}/"]

    on_a_server(PATIENT, scene)


@pytest.mark.parametrize(
    ("octets", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"\0", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET /" + b"a" * LONGEST, 414),
        (b"GET / HTTP/1.1\r\nHost: x.example\r\nX: " + b"a" * LONGEST, 431),
        (b"GET / HTTP/1.1\r\nHost: x.example\r\n" + b"a: b\r\n" * LONGEST, 431),
    ],
    ids=["TLS", "NUL", "HTTP/2", "no host", "long line", "long field", "many fields"],
)
def test_what_is_no_request_is_told_so_at_once(octets, status):
    async def scene(served):
        assert (await served.ask(octets)).endswith(b"whole")
        assert served.asked == [status]

    on_a_server(PATIENT, scene)


def test_a_head_has_its_time_and_no_more():
    async def scene(served):
        idle, begun = await served.connect(), await served.connect(b"GET / HTTP/1.1\r\n")
        assert await rest(idle[0]) in {b"", b"reset"}  # a browser that connected ahead
        assert (await rest(begun[0])).endswith(b"whole")
        assert served.asked == [408]
        for _, writer in (idle, begun):
            writer.close()

    on_a_server(QUICK, scene)


def test_a_client_that_never_stops_is_dropped():
    async def scene(served):
        _, writer = await served.connect(HEAD)
        with pytest.raises(ConnectionError):
            for _ in range(1000):
                writer.write(b"x" * 10_000)
                await writer.drain()
        writer.close()

    on_a_server(PATIENT, scene)


def test_a_client_that_does_not_read_is_dropped():
    async def scene(served):
        _, writer = await served.connect(HEAD)
        async with asyncio.timeout(WITHIN):
            while not served.asked or len(served.room):  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.01)
        writer.close()

    on_a_server(QUICK, scene, body=b"x" * (32 << 20))


def test_a_client_that_has_said_all_gets_its_answer():
    async def scene(served):
        served.gate.clear()
        reader, writer = await served.connect(HEAD)
        writer.write_eof()
        await asyncio.sleep(0.05)
        served.gate.set()
        assert (await rest(reader)).endswith(b"whole")
        writer.close()

    on_a_server(PATIENT, scene)


@pytest.mark.parametrize("octets", [b"", b"GET / HT", HEAD])
def test_a_client_that_goes_away_leaves_nothing(octets):
    async def scene(served):
        served.gate.clear()
        for _ in range(20):
            _, writer = await served.connect(octets)
            await asyncio.sleep(0)
            writer.transport.abort()

    on_a_server(PATIENT, scene)


def test_one_client_with_many_connections_keeps_nobody_out():
    async def scene(served):
        greedy = [await served.connect(b"GET / HTTP/1.1\r\n") for _ in range(30)]
        assert (await served.ask(HEAD, "127.0.0.2")).endswith(b"whole")
        assert len(served.room) <= PATIENT.of_one + 1
        # Nor do many clients, each with its share.
        many = [
            await served.connect(b"GET / HTTP/1.1\r\n", f"127.0.1.{number}")
            for number in range(1, 31)
        ]
        assert (await served.ask(HEAD, "127.0.0.3")).endswith(b"whole")
        assert len(served.room) <= PATIENT.connections
        for _, writer in (*greedy, *many):
            writer.close()

    on_a_server(PATIENT, scene)
