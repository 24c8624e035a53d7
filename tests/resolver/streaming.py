"""What the tests of streams share: a listener with a small engine, and clients of it."""

import asyncio
import contextlib
import struct
import time

import dns.edns
import dns.flags
import dns.message

from blockd import prefixes
from blockd.resolver import wire
from blockd.resolver.clients import Clients
from blockd.resolver.connections import Limits
from blockd.resolver.cookies import Cookies
from blockd.resolver.counters import Count
from blockd.resolver.engine import Reply
from blockd.resolver.tcp import TcpListener
from tests.resolver.records import give

DEADLINE = 10
LOOPBACK = ("127.0.0.0/8", "::1/128")
ROOMY = Limits()


def query(name="now.example", number=1, options=(), **more):
    """Return a query; `options` are EDNS option codes and contents."""
    given = [dns.edns.GenericOption(code, content) for code, content in options]
    message = dns.message.make_query(name, "A", id=number, use_edns=0, options=given, **more)
    return message.to_wire()


def framed(*packets):
    return b"".join(struct.pack("!H", len(packet)) + packet for packet in packets)


def options(packet):
    """Return the EDNS options of a message, codes and contents."""
    return [(int(o.otype), o.to_wire()) for o in dns.message.from_wire(packet).options]


class SmallEngine:
    """Answers at once what begins with `now`, at length `long`, forwards the rest.

    What it was asked is in `asked`, in order.
    """

    def __init__(self):
        self.asked = []
        self.sent = Count()

    def answer(self, packet, _now, *, tcp, cookie):
        assert tcp
        assert len(cookie) == 16
        self.asked.append(packet)
        asked = wire.parse_query(packet)
        if asked.name.startswith(b"\3now"):
            return self._reply(asked)
        if asked.name.startswith(b"\4long"):
            return self._reply(asked, 60_000)
        return None if asked.name.startswith(b"\4drop") else asked

    def finish(self, asked, answer, _now, *, tcp, cookie):
        assert tcp
        assert len(cookie) == 16
        return self._reply(asked, answer or 0)

    def refuse(self, packet, *, tcp):
        assert tcp
        return self._reply(wire.parse_query(packet), rcode=wire.REFUSED)

    def hasty(self, _asked, _now):
        return False

    def _reply(self, asked, octets=0, rcode=0):
        """A reply with a TXT record of that many octets."""
        edns = asked.edns is not None
        head = wire.HEADER.pack(0, wire.QR | rcode, 1, bool(octets), 0, edns)
        text = b"\xff" + bytes(255)
        data = (text * (octets // 256 + 1))[: octets // 256 * 256]
        record = b"\xc0\x0c" + wire.RECORD.pack(16, 1, 60, len(data)) + data if octets else b""
        opt = b"\0" + wire.RECORD.pack(wire.OPT, 1232, 0, 0) if edns else b""
        return Reply(asked.id + head[2:] + asked.question + record + opt, self.sent)


class Client:
    """One connection to the listener."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    def send(self, *packets):
        self.writer.write(framed(*packets))

    async def receive(self):
        async with asyncio.timeout(DEADLINE):
            (length,) = struct.unpack("!H", await self.reader.readexactly(2))
            return await self.reader.readexactly(length)

    async def ask(self, *arguments, **options):
        self.send(query(*arguments, **options))
        return await self.receive()

    async def ended(self):
        """Tell whether the connection ends with nothing more said."""
        async with asyncio.timeout(DEADLINE):
            try:
                return await self.reader.read() == b""
            except ConnectionResetError:
                return True


class Serving:
    """A running listener."""

    def __init__(self, limits, allow):
        cookies = Cookies(bytes(16))
        allowed = [prefixes.parse(text) for text in allow]
        self.engine = SmallEngine()
        self.waiting = []
        self.listener = TcpListener(
            self.engine,
            Clients(allowed, 1, cookies, time.time),
            self.waiting.append,
            time.monotonic,
            limits,
        )
        self.clients = []

    async def connect(self, source=None, port=0, **more):
        """Connect, from another loopback address if one is given."""
        port = port or (self.port_tls if more.get("ssl") else self.port)
        local = (source, 0) if source else None
        made = await asyncio.open_connection("127.0.0.1", port, local_addr=local, **more)
        self.clients.append(Client(*made))
        return self.clients[-1]

    def answer(self, number=0, octets=0):
        """Let an upstream answer a query that waits."""
        waiter = self.waiting.pop(number)
        give(waiter, octets)


@contextlib.asynccontextmanager
async def serving(limits=ROOMY, allow=LOOPBACK, certificate=None):
    """Run a listener over TCP, and over TLS with a certificate."""
    made = Serving(limits, allow)
    loop = asyncio.get_running_loop()
    servers = [await loop.create_server(made.listener, "127.0.0.1", 0)]
    made.port = servers[0].sockets[0].getsockname()[1]
    if certificate is not None:
        over_tls = made.listener.over_tls(certificate)
        servers.append(await loop.create_server(over_tls, "127.0.0.1", 0))
        made.port_tls = servers[1].sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        for server in servers:
            server.close()
        made.listener.close()
        for client in made.clients:
            client.writer.transport.abort()
            with contextlib.suppress(OSError):
                await client.writer.wait_closed()
        await until(lambda: not made.listener.open)
        assert not len(made.listener.connections)


async def until(condition):
    async with asyncio.timeout(DEADLINE):
        while not condition():  # noqa: ASYNC110 - the condition signals nothing
            await asyncio.sleep(0.005)
