"""Questions to upstreams over lasting connections, to real servers that behave as scripts say."""

import asyncio
import contextlib
import itertools
import ssl
import struct

import dns.message
import pytest

from blockd.config import Upstream
from blockd.errors import ConfigError
from blockd.resolver import streams, tls
from blockd.resolver.inflight import UNSENT, Exchange, Waiter
from blockd.resolver.streams import Patience, Stream
from blockd.resolver.wire import parse_query
from tests.resolver.certificates import NAME
from tests.resolver.streaming import DEADLINE, framed, query, until

QUICK = Patience(reply=0.6, idle=0.4)


@pytest.fixture
def trust(authority):
    return tls.client_context(authority.file)


class Server:
    """An upstream; what it was asked is in `connections`, a list of queries for each."""

    def __init__(self, behave):
        self.behave = behave
        self.connections = []
        self.open = 0
        self.resumed = []

    async def serve(self, reader, writer):
        asked = []
        self.connections.append(asked)
        self.open += 1
        over_tls = writer.get_extra_info("ssl_object")
        if over_tls:
            self.resumed.append(over_tls.session_reused)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            while True:
                (length,) = struct.unpack("!H", await reader.readexactly(2))
                asked.append(await reader.readexactly(length))
                if await self.behave(self, asked, writer) is False:
                    break
        self.open -= 1
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    @property
    def names(self):
        return [
            [str(dns.message.from_wire(q).question[0].name) for q in c] for c in self.connections
        ]


def reply(packet):
    return packet[:2] + bytes([packet[2] | 0x80]) + packet[3:]


async def answering(_server, asked, writer):
    writer.write(framed(reply(asked[-1])))


async def silent(_server, _asked, _writer):
    return None


def backwards(count):
    """Answer so many queries at once, the last one first."""

    async def behave(_server, asked, writer):
        if len(asked) == count:
            writer.write(framed(*[reply(packet) for packet in reversed(asked)]))

    return behave


def closing_after(count, connections=1):
    """The first connections end with so many queries unanswered."""

    async def behave(server, asked, writer):
        if len(server.connections) > connections:
            writer.write(framed(reply(asked[-1])))
        return len(asked) < count or len(server.connections) > connections

    return behave


@contextlib.asynccontextmanager
async def upstream(behave=answering, leaf=None, scheme=None, name=NAME, **options):
    """Run a server and a stream to it."""
    server = Server(behave)
    context = None
    if leaf is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(leaf.certificate, leaf.key)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=context)
    place = f"127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    scheme = scheme or ("tls" if leaf else "tcp")
    text = f"tls://{place}#{name}" if scheme == "tls" else f"{scheme}://{place}"
    stream = Stream(Upstream.parse(text), **options)
    server.listening = listening
    try:
        yield server, stream
    finally:
        stream.close()
        listening.close()
        await until(lambda: not server.open)


def asking(stream, *arguments, exchange=None, **options):
    """Ask, and return the future of what comes."""
    came = asyncio.get_running_loop().create_future()
    stream.ask(query(*arguments, **options), came.set_result, exchange=exchange)
    return came


async def got(future):
    async with asyncio.timeout(DEADLINE):
        return await future


@pytest.mark.parametrize("scheme", ["udp", "tcp", "tls"])
def test_many_questions_go_by_one_connection_and_are_answered_in_any_order(scheme, leaf, trust):
    async def scenario():
        secure = {"leaf": leaf, "context": trust} if scheme == "tls" else {"scheme": scheme}
        async with upstream(backwards(20), **secure) as (server, stream):
            futures = [asking(stream, f"n{n}.example", n) for n in range(20)]
            for number, future in enumerate(futures):
                packet = await got(future)
                assert packet[:2] == number.to_bytes(2, "big")
                assert f"n{number}.example" in str(dns.message.from_wire(packet).question[0])
            assert (len(server.connections), stream.connections) == (1, 1)
            assert stream.problem == ""

    asyncio.run(scenario())


def test_ids_on_the_wire_are_its_own_all_different_and_not_to_be_guessed():
    async def scenario():
        async with upstream(backwards(60)) as (server, stream):
            futures = [asking(stream, number=7) for _ in range(60)]
            assert {(await got(future))[:2] for future in futures} == {b"\0\7"}
            (asked,) = server.connections
            numbers = [int.from_bytes(packet[:2], "big") for packet in asked]
            assert len(set(numbers)) == 60
            steps = {after - before for before, after in itertools.pairwise(numbers)}
            assert len(steps) > 50

    asyncio.run(scenario())


def test_a_reply_to_nothing_that_was_asked_is_left_out():
    async def behave(_server, asked, writer):
        number = int.from_bytes(asked[-1][:2], "big")
        wrong = ((number + 1) & 0xFFFF).to_bytes(2, "big")
        right = reply(asked[-1])
        writer.write(framed(wrong + right[2:], b"", b"x", right, right))

    async def scenario():
        async with upstream(behave) as (_, stream):
            for number in range(5):
                assert (await got(asking(stream, number=number)))[:2] == bytes([0, number])

    asyncio.run(scenario())


def test_the_answer_never_comes_within_the_asking():
    async def scenario():
        stream = Stream(Upstream.parse("tcp://127.0.0.1:1"), patience=Patience(waiting=0))
        came = []
        stream.ask(query(), came.append)
        assert not came
        await until(lambda: came == [UNSENT])
        stream.close()

    asyncio.run(scenario())


@pytest.mark.parametrize("secure", [False, True])
def test_an_idle_connection_is_closed_and_made_anew(secure, leaf, trust):
    async def scenario():
        options = {"leaf": leaf, "context": trust} if secure else {}
        async with upstream(patience=QUICK, **options) as (server, stream):
            assert await got(asking(stream))
            assert server.open == 1
            await until(lambda: not server.open)
            assert await got(asking(stream))
            assert stream.connections == 2
            if secure:
                assert server.resumed == [False, True]

    asyncio.run(scenario())


def test_a_connection_in_use_stays_open():
    async def scenario():
        async with upstream(patience=QUICK) as (_, stream):
            for _ in range(10):
                assert await got(asking(stream))
                await asyncio.sleep(QUICK.idle / 4)
            assert stream.connections == 1

    asyncio.run(scenario())


@pytest.mark.parametrize("secure", [False, True])
def test_what_a_closed_connection_left_open_is_asked_once_more(secure, leaf, trust):
    async def scenario():
        options = {"leaf": leaf, "context": trust} if secure else {}
        async with upstream(closing_after(3), **options) as (server, stream):
            futures = [asking(stream, f"n{n}.example", n) for n in range(5)]
            for number, future in enumerate(futures):
                assert (await got(future))[:2] == bytes([0, number])
            assert stream.connections == 2
            assert server.names[1] == [f"n{n}.example." for n in range(5)]

    asyncio.run(scenario())


def test_it_is_not_asked_a_third_time():
    async def scenario():
        async with upstream(closing_after(1, connections=9)) as (server, stream):
            assert await got(asking(stream)) is None
            assert len(server.connections) == 2

    asyncio.run(scenario())


def test_silence_is_a_failure_and_the_next_question_gets_another_connection():
    async def behave(server, asked, writer):
        if len(server.connections) > 1:
            writer.write(framed(reply(asked[-1])))

    async def scenario():
        async with upstream(behave, patience=QUICK) as (server, stream):
            start = asyncio.get_running_loop().time()
            assert await got(asking(stream)) is None
            waited = asyncio.get_running_loop().time() - start
            assert QUICK.reply <= waited < QUICK.reply + 1
            assert await got(asking(stream))
            assert len(server.connections) == 2

    asyncio.run(scenario())


def test_one_unanswered_question_does_not_cost_others_the_connection():
    async def behave(_server, asked, writer):
        if b"\4lost" not in asked[-1]:
            writer.write(framed(reply(asked[-1])))

    async def scenario():
        async with upstream(behave, patience=QUICK) as (_, stream):
            lost = asking(stream, "lost.example")
            while not lost.done():
                assert await got(asking(stream))
            assert lost.result() is None
            assert stream.connections == 1

    asyncio.run(scenario())


def test_so_many_questions_are_in_flight_and_the_others_wait():
    held = []

    async def behave(_server, asked, writer):
        held.append((asked[-1], writer))

    async def scenario():
        patience = Patience(in_flight=4)
        async with upstream(behave, patience=patience) as (server, stream):
            futures = [asking(stream, number=n) for n in range(12)]
            for _ in range(12):
                await until(lambda: held)
                await asyncio.sleep(0.01)
                assert len(held) <= 4
                packet, writer = held.pop(0)
                writer.write(framed(reply(packet)))
            for future in futures:
                assert await got(future)
            assert len(server.connections) == 1

    asyncio.run(scenario())


def part_of(client):
    """Return a question in flight, of an address."""
    asked = parse_query(query("part.example"))
    return Exchange(asked, [Waiter(asked, print, client=client)], 0.0)


def test_one_prefixs_line_is_not_everybodys():
    many, other = part_of(bytes((198, 18, 1, 1))), part_of(bytes((198, 18, 2, 1)))

    async def scenario():
        async with upstream(patience=Patience(in_flight=1)) as (server, stream):
            futures = [asking(stream, number=n, exchange=many) for n in range(20)]
            assert await got(asking(stream, "other.example", exchange=other))
            assert sum(future.done() for future in futures) <= 3
            for future in futures:
                assert await got(future)
            assert len(server.connections[0]) == 21

    asyncio.run(scenario())


@pytest.mark.parametrize(("sites", "secure"), [(1, False), (30, False), (30, True)])
def test_what_some_ask_in_vain_makes_nobody_else_wait_and_costs_no_connection(
    sites, secure, leaf, trust
):
    flood = [part_of(bytes((198, 18, number, 1))) for number in range(1, sites + 1)]
    other = part_of(bytes((198, 18, 0, 1)))

    async def behave(_server, asked, writer):
        if b"\4lost" not in asked[-1]:
            writer.write(framed(reply(asked[-1])))

    async def scenario():
        options = {"leaf": leaf, "context": trust} if secure else {}
        patience = Patience(reply=0.2, in_flight=64)
        async with upstream(behave, patience=patience, **options) as (_, stream):
            clock = asyncio.get_running_loop().time
            took, failed, end = [], [], clock() + 3 * patience.reply
            message = query("lost.example")
            while clock() < end:
                for number in range(60):
                    stream.ask(message, failed.append, exchange=flood[number % sites])
                began = clock()
                assert await got(asking(stream, exchange=other))
                took.append(clock() - began)
                await asyncio.sleep(0.01)
            assert sorted(took)[len(took) // 2] < patience.reply / 4
            assert len(failed) > 2 * patience.in_flight
            assert stream.connections == 1

    asyncio.run(scenario())


@pytest.mark.parametrize("first", [bytes((198, 18, 1, 1)), b""])
@pytest.mark.parametrize("when", ["before", "after"])
def test_who_joins_a_question_has_the_turn_of_its_own_prefix(first, when):
    flood, shared, alone = part_of(first), part_of(first), part_of(first)
    other = bytes((198, 18, 2, 1))

    async def behave(_server, asked, writer):
        if b"\4lost" not in asked[-1]:
            writer.write(framed(reply(asked[-1])))

    async def scenario():
        async with upstream(behave, patience=Patience(reply=1.0, in_flight=8)) as (server, stream):
            for _ in range(200):
                asking(stream, "lost.example", exchange=flood)
            await until(lambda: server.connections and len(server.connections[0]) == 8)
            if when == "before":
                shared.waiters.append(Waiter(shared.query, print, client=other))
            waits = asking(stream, "shared.example", exchange=shared)
            alike = asking(stream, "alone.example", exchange=alone)
            if when == "after":
                await asyncio.sleep(0.05)
                assert not waits.done()
                for _ in range(3):
                    stream.join(shared, other)
            assert await got(waits)
            stream.join(shared, bytes((198, 18, 3, 1)))
            assert await got(asking(stream, "later.example", exchange=part_of(other)))
            assert not alike.done()
            assert server.names[0][8:] == ["shared.example.", "later.example."]

    asyncio.run(scenario())


def test_what_found_no_place_in_its_time_is_told_apart_from_what_was_not_answered():
    async def scenario():
        patience = Patience(reply=0.3, in_flight=2)
        async with upstream(silent, patience=patience) as (server, stream):
            part = part_of(bytes((198, 18, 1, 1)))
            futures = [asking(stream, number=n, exchange=part) for n in range(10)]
            assert [await got(future) for future in futures] == [None] * 2 + [UNSENT] * 8
            assert len(server.connections[0]) == 2

    asyncio.run(scenario())


def test_a_flood_that_nobody_answers_is_not_asked_by_one_connection_after_the_other():
    async def scenario():
        patience = Patience(reply=0.2, in_flight=64)
        async with upstream(silent, patience=patience) as (_, stream):
            clock = asyncio.get_running_loop().time
            began, message = clock(), query()
            while clock() - began < 4 * patience.reply:
                for _ in range(60):
                    stream.ask(message, lambda _: None)
                await asyncio.sleep(0.01)
            assert 2 <= stream.connections <= 5

    asyncio.run(scenario())


def test_what_is_over_before_its_turn_is_not_asked():
    exchange = part_of(bytes((198, 18, 1, 1)))

    async def scenario():
        async with upstream(patience=Patience(in_flight=1)) as (server, stream):
            over = [asking(stream, number=n, exchange=exchange) for n in range(20)]
            exchange.over = True
            assert await got(asking(stream, "other.example"))
            assert len(server.connections[0]) == 1
            assert not any(future.done() for future in over)

    asyncio.run(scenario())


def test_when_nobody_listens_everyone_is_told_at_once_and_later_ones_may_succeed():
    async def scenario():
        async with upstream() as (server, stream):
            address = server.listening.sockets[0].getsockname()
            server.listening.close()
            await server.listening.wait_closed()
            start = asyncio.get_running_loop().time()
            futures = [asking(stream) for _ in range(3)]
            assert [await got(future) for future in futures] == [None] * 3
            assert asyncio.get_running_loop().time() - start < 2
            assert "cannot be reached" in stream.problem
            server.listening = await asyncio.start_server(server.serve, *address)
            assert await got(asking(stream))
            assert stream.problem == ""
            server.listening.close()

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("said", "problem"), [(b"", "no connection within 0.6 s"), (b"no TLS here", "TLS fails")]
)
def test_a_server_without_tls_gets_no_question(said, problem, trust):
    heard = []

    async def scenario():
        done = asyncio.Event()

        async def serve(reader, writer):
            writer.write(said)
            heard.append(await reader.read())
            writer.close()
            done.set()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        place = f"tls://127.0.0.1:{server.sockets[0].getsockname()[1]}#{NAME}"
        stream = Stream(Upstream.parse(place), trust, QUICK)
        assert await got(asking(stream)) is None
        await until(lambda: problem in stream.problem)
        await got(done.wait())
        stream.close()
        server.close()

    asyncio.run(scenario())
    assert b"\3now" not in heard[0]


@pytest.mark.parametrize(
    ("name", "trusted", "reason"),
    [("other.example", True, "Hostname mismatch"), (NAME, False, "unable to get local issuer")],
)
def test_nothing_is_asked_of_whom_the_certificate_does_not_prove(
    name, trusted, reason, leaf, trust, caplog
):
    async def scenario():
        context = trust if trusted else tls.client_context()
        async with upstream(leaf=leaf, name=name, context=context) as (server, stream):
            for _ in range(2):
                assert await got(asking(stream)) is None
            assert f"its certificate is not good for {name}" in stream.problem
            assert reason in stream.problem
            assert not any(server.connections)

    with caplog.at_level("WARNING", streams.__name__):
        asyncio.run(scenario())
    assert len(caplog.records) == 1


def test_the_system_may_trust_others(authority, leaf, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", authority.file)

    async def scenario():
        async with upstream(leaf=leaf) as (_, stream):
            assert await got(asking(stream))

    asyncio.run(scenario())


@pytest.mark.parametrize("secure", [False, True])
def test_queries_are_padded_over_tls_alone(secure, leaf, trust):
    async def scenario():
        options = {"leaf": leaf, "context": trust} if secure else {}
        async with upstream(**options) as (server, stream):
            for name in ("a.example", "a" * 60 + "." + "b" * 60 + ".example"):
                assert await got(asking(stream, name))
            (asked,) = server.connections
            assert all((len(packet) % 128 == 0) is secure for packet in asked)
            assert asked[0][2:] == query("a.example")[2:] or secure

    asyncio.run(scenario())


def test_after_a_close_nobody_is_called():
    async def scenario():
        async with upstream(silent) as (_, stream):
            futures = [asking(stream) for _ in range(3)]
            await until(lambda: stream._link is not None and stream._link.asked)
            stream.close()
            futures.append(asking(stream))
            await asyncio.sleep(0.1)
            assert not any(future.done() for future in futures)

    asyncio.run(scenario())


def test_a_name_that_no_certificate_can_have_is_refused():
    async def scenario():
        with pytest.raises(ConfigError, match="tls://ADDRESS#NAME"):
            Stream(Upstream.parse("tls://127.0.0.1#.example"))

    asyncio.run(scenario())
