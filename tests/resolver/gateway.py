"""A resolver of all its parts but the daemon, in a thread, for tests that ask it as clients do."""

import asyncio
import contextlib
import socket
import struct
import threading
import time

from blockd import prefixes
from blockd.config import ResolverSection
from blockd.resolver.clients import Clients
from blockd.resolver.cookies import Cookies
from blockd.resolver.engine import Engine, zones
from blockd.resolver.exchange import Waiter
from blockd.resolver.forward import Forwarder
from blockd.resolver.tcp import TcpListener
from blockd.resolver.udp import UdpListener
from tests.resolver.messages import query, read
from tests.resolver.stub import sockets

DEADLINE = 10
LOOPBACK = (prefixes.parse("127.0.0.0/8"), prefixes.parse("::1/128"))
COOKIES = Cookies(b"a secret of ours")


class Gateway:
    """A running resolver."""

    def __init__(self, engine, upstreams, settings, datagrams, streams):
        self.engine = engine
        self.port = datagrams.getsockname()[1]
        self.forwarder = None
        self.loop = asyncio.new_event_loop()
        self._begun = threading.Event()
        self._stop = asyncio.Event()
        self._parts = upstreams, settings, datagrams, streams
        self.thread = threading.Thread(target=self.loop.run_until_complete, args=(self._run(),))

    async def _run(self):
        upstreams, settings, datagrams, streams = self._parts
        engine = self.engine
        self.forwarder = Forwarder(
            upstreams, zones(settings), settings, engine.keep, engine.counters.latency
        )
        engine.prefetch = lambda query: self.forwarder.forward(Waiter(query, lambda *_: None))
        clients = Clients(LOOPBACK, 0, COOKIES, time.time)
        shared = engine, clients, self.forwarder.forward, time.monotonic
        udp, tcp = UdpListener(datagrams, *shared), TcpListener(*shared)
        self.loop.add_reader(datagrams.fileno(), udp.readable)
        server = await self.loop.create_server(tcp, sock=streams)
        self._begun.set()
        await self._stop.wait()
        self.loop.remove_reader(datagrams.fileno())
        server.close()
        tcp.close()
        udp.flush()
        self.forwarder.close()
        datagrams.close()
        await asyncio.sleep(0)

    def call(self, function, *arguments):
        """Call a function where the resolver runs, between its batches."""

        async def called():
            return function(*arguments)

        return asyncio.run_coroutine_threadsafe(called(), self.loop).result(DEADLINE)

    def pass_time(self, seconds):
        """Make everything that is kept so much older."""

        def pass_it():
            for kept in self.engine.cache._kept.values():
                kept.since -= seconds
                kept.until -= seconds
                kept.retry_at -= seconds
            self.engine._quick.cool()

        self.call(pass_it)

    def until(self, condition):
        """Wait for a state of the resolver."""
        end = time.monotonic() + DEADLINE
        while not self.call(condition):
            assert time.monotonic() < end
            time.sleep(0.005)

    def client(self):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.settimeout(DEADLINE)
        sock.connect(("127.0.0.1", self.port))
        return sock

    def exchange(self, packet, *, tcp=False):
        """Return what the resolver says to a packet."""
        if tcp:
            with socket.create_connection(("127.0.0.1", self.port), DEADLINE) as sock:
                sock.sendall(struct.pack("!H", len(packet)) + packet)
                with sock.makefile("rb") as stream:
                    return stream.read(struct.unpack("!H", stream.read(2))[0])
        with self.client() as sock:
            sock.send(packet)
            return sock.recv(65_535)

    def ask(self, *arguments, tcp=False, **options):
        return read(self.exchange(query(*arguments, **options), tcp=tcp))


@contextlib.contextmanager
def gateway(policy, *upstreams, **settings):
    """Run a resolver with these upstreams and settings until the block ends."""
    section = ResolverSection(**settings)
    made = Gateway(Engine(section, policy), upstreams, section, *sockets())
    made.thread.start()
    try:
        assert made._begun.wait(DEADLINE)
        yield made
    finally:
        made.loop.call_soon_threadsafe(made._stop.set)
        made.thread.join()
        made.loop.close()
