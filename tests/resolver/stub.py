"""A small real upstream on loopback, over UDP and TCP, that behaves as a script says.

A behaviour is a function of the query's octets and of the way it came, udp or tcp; it returns what
is sent for it, each with the seconds to wait first. Behaviours compose: `dropping(2)` answers
from the third on.
"""

import asyncio
import contextlib
import socket
import struct
import threading
from dataclasses import dataclass, field

import dnslib

from blockd.config import Endpoint, Upstream
from blockd.resolver import wire
from tests.resolver import messages

ADDRESS = "198.18.0.80"
"""What every name has, where a script says nothing else."""
SECONDS = 300
DEADLINE = 10

_OPT = b"\0" + wire.RECORD.pack(wire.OPT, wire.OWN_UDP, 0, 0)


def answer(packet, _way):
    """One A record, whatever is asked."""
    return [(0, _answered(packet))]


def _answered(packet):
    """Of octets alone: dnslib takes no names but UTF-8, and upstreams are asked for any."""
    record = b"\xc0\x0c" + wire.RECORD.pack(wire.A, wire.IN, SECONDS, 4) + socket.inet_aton(ADDRESS)
    opt = _OPT if packet[11] else b""
    head = wire.HEADER.pack(0, 0x8180, 1, 1, 0, bool(opt))[2:]
    return packet[:2] + head + _question(packet) + record + opt


def long_answer(packet, way, count=200):
    """More than fits a datagram: cut short with TC over UDP, whole over TCP."""
    if way == "udp":
        return [(0, messages.reply(packet, tc=1))]
    name = dnslib.DNSRecord.parse(packet).q.qname
    zone = [f"{name} {SECONDS} A 198.18.{n // 250}.{n % 250}" for n in range(count)]
    return [(0, messages.reply(packet, *zone))]


def endless(packet, way):
    """More than anybody means to be looked up."""
    return long_answer(packet, way, 3_000)


def without_edns(packet, way):
    """A server from before EDNS: FORMERR for OPT."""
    if dnslib.DNSRecord.parse(packet).ar:
        return [(0, messages.reply(packet, rcode=1, edns=False))]
    return answer(packet, way)


def failing(packet, _way):
    return [(0, messages.reply(packet, rcode=2))]


def silent(_packet, _way):
    return []


def garbage(packet, _way):
    """ID and question are right; the records are not."""
    return [(0, packet[:2] + b"\x81\x80\0\1\0\7" + bytes(4) + _question(packet) + b"\xff" * 9)]


def wrong_id(packet, _way):
    right = _answered(packet)
    return [(0, bytes([right[0] ^ 1]) + right[1:])]


def wrong_question(packet, _way):
    other = messages.query("other.example", number=packet[0] << 8 | packet[1])
    return [(0, _answered(other))]


def _question(packet):
    end = 12
    while packet[end]:
        end += 1 + packet[end]
    return packet[12 : end + 5]


def dropping(count, then=answer):
    """Lose the first queries."""
    left = iter(range(count))

    def lossy(packet, way):
        return [] if next(left, None) is not None else then(packet, way)

    return lossy


class Elsewhere(bytes):
    """What is sent from another port than the one that was asked."""

    __slots__ = ()


def elsewhere(then=answer):
    return lambda packet, way: [(wait, Elsewhere(sent)) for wait, sent in then(packet, way)]


def records(*zone, authority=(), ttl=None, **header):
    """Answer with these records, `@` being the name asked; one TTL for all, if it is given."""

    def said(packet, _way):
        name = str(dnslib.DNSRecord.parse(packet).q.qname)
        lines = [[line.replace("@", name) for line in lines] for lines in (zone, authority)]
        made = dnslib.DNSRecord.parse(
            messages.reply(packet, *lines[0], authority=lines[1], **header)
        )
        if ttl is not None:
            for record in made.rr + made.auth:
                record.ttl = ttl
        return [(0, bytes(made.pack()))]

    return said


def delayed(seconds, then=answer):
    return lambda packet, way: [(wait + seconds, sent) for wait, sent in then(packet, way)]


def after(first, then=answer):
    """Send another behaviour's replies first: a forgery that comes before the answer."""
    return lambda packet, way: first(packet, way) + delayed(0.02, then)(packet, way)


@dataclass
class Stub:
    """A running upstream; what it was asked is in `udp` and `tcp`, in order.

    `ports` are those from which it was asked over UDP.
    """

    behave: object = answer
    udp: list = field(default_factory=list)
    tcp: list = field(default_factory=list)
    ports: list = field(default_factory=list)
    port: int = 0

    @property
    def endpoint(self):
        return Endpoint("127.0.0.1", self.port)

    @property
    def upstream(self):
        return Upstream(self.endpoint)

    def names(self):
        """Return the names asked over UDP."""
        return [str(dnslib.DNSRecord.parse(packet).q.qname).rstrip(".") for packet in self.udp]


def sockets(address="127.0.0.1"):
    """Return a UDP and a TCP socket on one free port."""
    for _ in range(50):
        datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        datagrams.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)  # it loses nothing
        datagrams.bind((address, 0))
        streams = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        streams.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            streams.bind(datagrams.getsockname())
        except OSError:
            datagrams.close()
            streams.close()
            continue
        streams.listen(64)
        return datagrams, streams
    raise AssertionError("no port that is free for UDP and TCP")


async def until(condition):
    """Wait for a state that signals nothing."""
    async with asyncio.timeout(DEADLINE):
        while not condition():  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.005)


@contextlib.contextmanager
def upstream(behave=answer):
    """Run a stub in a thread of its own until the block ends."""
    datagrams, streams = sockets()
    stub = Stub(behave, port=datagrams.getsockname()[1])
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    thread = threading.Thread(
        target=loop.run_until_complete, args=(_serve(stub, datagrams, streams, stop),)
    )
    thread.start()
    try:
        yield stub
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


async def _serve(stub, datagrams, streams, stop):
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Udp(stub), sock=datagrams)
    server = await asyncio.start_server(lambda *pair: _stream(stub, *pair), sock=streams)
    await stop.wait()
    transport.close()
    server.close()
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(0)  # in which the datagrams' end is told that it is over


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, stub):
        self.stub = stub

    def connection_made(self, transport):
        self.transport = transport
        self.other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def connection_lost(self, _error):
        self.other.close()

    def datagram_received(self, packet, address):
        self.stub.udp.append(packet)
        self.stub.ports.append(address[1])
        for seconds, sent in self.stub.behave(packet, "udp"):
            sender = self.other if isinstance(sent, Elsewhere) else self.transport
            asyncio.get_running_loop().call_later(seconds, sender.sendto, sent, address)


async def _stream(stub, reader, writer):
    loop = asyncio.get_running_loop()
    try:
        while True:
            (length,) = struct.unpack("!H", await reader.readexactly(2))
            packet = await reader.readexactly(length)
            stub.tcp.append(packet)
            for seconds, sent in stub.behave(packet, "tcp"):
                loop.call_later(seconds, writer.write, struct.pack("!H", len(sent)) + sent)
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()
