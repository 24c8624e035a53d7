"""The UDP listener on real sockets: every query has its own answer, at once or late."""

import asyncio
import contextlib
import select
import socket
import time

import dns.flags
import pytest

from blockd import names, prefixes
from blockd.config import ResolverSection
from blockd.resolver import clients as table
from blockd.resolver import udp, wire
from blockd.resolver.clients import Clients
from blockd.resolver.engine import Engine
from blockd.resolver.reply import failure, parse_reply
from blockd.resolver.udp import UdpListener
from blockd.terms import Denied
from tests.resolver.gateway import COOKIES
from tests.resolver.messages import errors, query, raw, read, records, reply
from tests.resolver.records import give
from tests.resolver.stub import until

DEADLINE = 10
CLIENT = b"a client"


@pytest.fixture
def engine(policy):
    return Engine(ResolverSection(), policy)


class Udp:
    """A running listener; `waiting` are the queries to forward."""

    def __init__(self, listener, clients, opened):
        self.listener = listener
        self.clients = clients
        self.waiting = []
        self._opened = opened

    def client(self, to=None, source=None):
        """Return a connected socket: it takes replies from the address that it asks alone."""
        family, port = self.listener.sock.family, self.listener.sock.getsockname()[1]
        made = self._opened.enter_context(socket.socket(family, socket.SOCK_DGRAM))
        made.settimeout(0)
        if source:
            made.bind((source, 0))
        made.connect((to or ("::1" if family is socket.AF_INET6 else "127.0.0.1"), port))
        return made

    async def receive(self, client):
        async with asyncio.timeout(DEADLINE):
            return await asyncio.get_running_loop().sock_recv(client, 65_535)

    async def ask(self, client, packet):
        client.send(packet)
        return read(await self.receive(client))


def serve(engine, scenario, address="127.0.0.1", now=time.monotonic, **limits):
    """Run a scenario of a listener on a socket of its own."""

    async def run():
        loop = asyncio.get_running_loop()
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        allow = [prefixes.parse(each) for each in limits.get("allow", ("127.0.0.0/8", "::/0"))]
        clients = Clients(allow, limits.get("rate_limit", 0), COOKIES, time.time)
        with contextlib.ExitStack() as opened:
            sock = opened.enter_context(socket.socket(family, socket.SOCK_DGRAM))
            sock.bind((address, 0))
            running = Udp(None, clients, opened)
            listener = UdpListener(sock, engine, clients, running.waiting.append, now)
            running.listener = listener
            loop.add_reader(sock.fileno(), listener.readable)
            opened.callback(loop.remove_reader, sock.fileno())
            await scenario(running)
            listener.flush()

    asyncio.run(run())


def answered(asked, address):
    """Return what an upstream says to a waiting query."""
    name = names.to_text(asked.name)
    packet = reply(query(name), f"{name} 60 A {address}")
    return parse_reply(packet, 12 + len(asked.question))


def frozen():
    """One moment that lasts: all is within one second."""
    return 1000.0


def test_the_first_packet_and_its_like_are_answered_and_counted(engine):
    async def scenario(running):
        asker = running.client()
        for number in (1, 2, 3, 4):
            seen = await running.ask(asker, query("a.listed.example", number=number))
            assert (seen.id, seen.rcode()) == (number, wire.NXDOMAIN)
            assert errors(seen) == [(16, "p001: Notice 7")]
        assert [len(hot) for hot in engine.tick(1000.0)] == [1, 0]

    serve(engine, scenario, now=frozen)
    shown = engine.counters.snapshot()
    assert (shown["outcomes"]["sinkholed"], shown["platforms"]) == (4, {"p001": 4})


def test_many_batches_of_many_clients_get_each_their_own_answer(engine):
    async def scenario(running):
        askers = [running.client() for _ in range(7)]
        asked = {}
        for number in range(210):  # all are there before the listener looks
            name = [f"n{number}.listed.example", "a.listed.example", "zero.example"][number % 3]
            options = [(wire.COOKIE, CLIENT)] * (number % 2)
            asker = askers[number % 7]
            asker.send(query(name, number=number, options=options))
            asked.setdefault(asker, []).append((number, f"{name}.", len(options)))
        for asker, numbers in asked.items():
            seen = [read(await running.receive(asker)) for _ in numbers]
            found = [
                (m.id, m.question[0].name.to_text(), sum(o.otype == wire.COOKIE for o in m.options))
                for m in seen
            ]
            assert found == numbers
        assert not running.waiting

    serve(engine, scenario)
    assert engine.counters["sinkholed"].n == 210


def test_late_answers_go_to_who_asked_in_any_order(engine):
    async def scenario(running):
        askers = [running.client() for _ in range(100)]
        for number, asker in enumerate(askers):
            asker.send(query(f"n{number}.example", number=number))
        await until(lambda: len(running.waiting) == 100)
        for waiter in reversed(running.waiting):
            number = names.to_text(waiter.query.name).removesuffix(".example")[1:]
            give(waiter, answered(waiter.query, f"198.18.0.{number}"))
        for number, asker in enumerate(askers):
            seen = read(await running.receive(asker))
            assert seen.id == number
            assert records(seen.answer) == [f"n{number}.example. A 198.18.0.{number}"]

    serve(engine, scenario)
    assert engine.counters["forwarded"].n == 100


def test_silence_and_errors_stand_between_answers(engine):
    async def scenario(running):
        asker = running.client()
        for packet in (b"", b"x", raw(flags=0x8180), query("silent.example"), b"\0" * 5000):
            asker.send(packet)
        asker.send(query("a.listed.example", number=5))
        asker.send(query()[:-3])
        asker.send(query("zero.example", number=7))
        seen = [read(await running.receive(asker)) for _ in range(4)]
        assert [message.rcode() for message in seen] == [
            wire.FORMERR, wire.NXDOMAIN, wire.FORMERR, wire.NOERROR,
        ]  # fmt: skip

    serve(engine, scenario)
    shown = engine.counters.snapshot()
    assert (shown["outcomes"]["dropped"], shown["outcomes"]["malformed"]) == (4, 2)
    assert shown["platforms"]["p003"] == 1


def test_replies_leave_from_the_address_asked_on_a_wildcard_socket(engine):
    async def scenario(running):
        askers = [running.client(f"127.0.0.{number}") for number in (1, 2, 3)]
        for asker in askers:
            for name in ("a.listed.example", "a.listed.example", "www.example"):
                asker.send(query(name))
            for _ in range(2):
                assert read(await running.receive(asker)).rcode() == wire.NXDOMAIN
        await until(lambda: len(running.waiting) == 3)
        for waiter in running.waiting:
            give(waiter, None)
        for asker in askers:
            assert read(await running.receive(asker)).rcode() == wire.SERVFAIL

    serve(engine, scenario, "0.0.0.0")


@pytest.mark.usefixtures("ipv6")
def test_ipv6_is_served_alike(engine):
    async def scenario(running):
        asker = running.client()
        for _ in range(3):
            seen = await running.ask(
                asker, query("a.listed.example", options=[(wire.COOKIE, CLIENT)])
            )
            assert seen.rcode() == wire.NXDOMAIN
            (cookie,) = [o.to_wire() for o in seen.options if o.otype == wire.COOKIE]
            assert COOKIES.holds(cookie[8:], bytes(15) + b"\1", int(time.time()))
        asker.send(query("www.example"))
        await until(lambda: running.waiting)
        give(running.waiting[0], None)
        assert read(await running.receive(asker)).rcode() == wire.SERVFAIL

    serve(engine, scenario, "::")


def test_what_waits_to_be_sent_leaves_at_once_when_it_must(engine):
    async def scenario(running):
        asker = running.client()
        asker.send(query(number=9))
        await until(lambda: running.waiting)
        give(running.waiting[0], None)
        running.listener.flush()
        assert read(asker.recv(4096)).id == 9

    serve(engine, scenario)


def test_from_the_batch_after_an_adoption_no_answer_is_sent_as_if_unlisted(engine, make_policy):
    packet = query("www.example")
    asked = wire.parse_query(packet)
    answer = parse_reply(reply(packet, "www.example 60 A 198.18.0.1"), 12 + len(asked.question))
    engine.keep(asked, answer, 1000.0)
    listed, unlisted = make_policy("www.example"), make_policy("other.example")

    async def scenario(running):
        asker = running.client()

        async def rcodes():
            for _ in range(5):  # the last ones get the reply that was finished for them
                asker.send(packet)
            return {read(await running.receive(asker)).rcode() for _ in range(5)}

        for _ in range(2):
            assert await rcodes() == {wire.NOERROR}
            engine.adopt(listed)
            assert await rcodes() == {wire.NXDOMAIN}
            engine.adopt(unlisted)

    serve(engine, scenario, now=frozen)


def test_a_reply_that_comes_after_the_adoption_is_judged_by_the_new_list(engine, make_policy):
    async def scenario(running):
        asker = running.client()
        asker.send(query("www.example"))
        await until(lambda: running.waiting)
        engine.adopt(make_policy("www.example"))
        (waiter,) = running.waiting
        give(waiter, answered(waiter.query, "198.18.0.1"))
        assert read(await running.receive(asker)).rcode() == wire.NXDOMAIN

    serve(engine, scenario)


GARDEN = '[[platform]]\nid = "g"\ndomains = ["g.example"]\naction = "records"\n'


def test_a_name_whose_garden_went_while_it_was_asked_is_asked_for_itself(policy_of, make_policy):
    engine = Engine(ResolverSection(), policy_of(f'{GARDEN}records = ["CNAME pages.test"]\n'))

    async def scenario(running):
        asker = running.client()
        asker.send(query("g.example"))
        await until(lambda: running.waiting)
        first = running.waiting.pop()
        assert names.to_text(first.query.name) == "pages.test"
        engine.adopt(make_policy("other.example"))
        give(first, answered(first.query, "198.18.0.1"))
        await until(lambda: running.waiting)
        second = running.waiting.pop()
        assert names.to_text(second.query.name) == "g.example"
        give(second, answered(second.query, "198.18.0.2"))
        assert records(read(await running.receive(asker)).answer) == ["g.example. A 198.18.0.2"]

    serve(engine, scenario)


KINDS = {
    "sinkholed": query("a.listed.example", options=[(wire.COOKIE, CLIENT)]),
    "data": query("page.example", options=[(wire.COOKIE, CLIENT)]),
    "local": query("localhost", options=[(wire.COOKIE, CLIENT)]),
    "kept": query("kept.example", options=[(wire.COOKIE, CLIENT)]),
    "both": query("a.listed.example", options=[(wire.COOKIE, CLIENT + bytes(16))]),
    "class": query("a.listed.example", qclass=3, options=[(wire.COOKIE, CLIENT)]),
    "forwarded": query("www.example", options=[(wire.COOKIE, CLIENT)]),
}


@pytest.mark.parametrize("packet", KINDS.values(), ids=KINDS)
def test_cookies_are_answered_for_the_address_that_asks_hot_replies_included(engine, packet):
    asked = wire.parse_query(query("kept.example"))
    kept = parse_reply(reply(query("kept.example"), "kept.example 60 A 198.18.0.1"), 30)
    engine.keep(asked, kept, 1000.0)

    async def scenario(running):
        for source in ("127.0.0.1", "127.0.0.2", "127.0.0.1"):
            asker = running.client(source=source)
            for _ in range(3):
                asker.send(packet)
                await until(lambda: select.select([asker], [], [], 0)[0] or running.waiting)  # noqa: B023
                for waiter in running.waiting:
                    assert waiter.query.edns.cookie == CLIENT
                    give(waiter, answered(waiter.query, "198.18.0.9"))
                running.waiting.clear()
                seen = read(await running.receive(asker))
                (cookie,) = [o.to_wire() for o in seen.options if o.otype == wire.COOKIE]
                assert cookie[:8] == CLIENT
                assert COOKIES.holds(cookie[8:], socket.inet_aton(source), int(time.time()))

    serve(engine, scenario, now=frozen)


def test_who_may_not_ask_is_refused_and_nothing_else(engine):
    async def scenario(running):
        asker = running.client()
        asker.send(query()[:-1])
        asker.send(raw(flags=0x8180))
        for name in ("www.example", "listed.example"):
            seen = await running.ask(asker, query(name, options=[(wire.COOKIE, CLIENT)]))
            assert (seen.rcode(), errors(seen)[0][0]) == (wire.REFUSED, 18)
            assert wire.COOKIE in [option.otype for option in seen.options]
        assert not running.waiting

    serve(engine, scenario, allow=())
    assert (engine.counters["refused"].n, engine.counters["dropped"].n) == (2, 2)


def test_an_address_is_not_refused_without_end(engine):
    async def scenario(running):
        asker, other = running.client(), running.client(source="127.0.0.2")
        for number in range(2 * udp._REFUSALS):
            asker.send(query(number=number))
        for number in range(udp._REFUSALS):
            assert read(await running.receive(asker)).id == number
        assert (await running.ask(other, query())).rcode() == wire.REFUSED
        with pytest.raises(BlockingIOError):
            asker.recv(100)
        running.clients.tick()
        assert (await running.ask(asker, query())).rcode() == wire.REFUSED

    serve(engine, scenario, allow=())
    assert engine.counters["dropped"].n == udp._REFUSALS


def test_a_flood_of_addresses_is_not_refused_without_end(engine, monkeypatch):
    monkeypatch.setattr(table, "MOST", 3)

    async def scenario(running):
        askers = [running.client(source=f"127.0.1.{number}") for number in range(1, 100)]
        for asker in askers:
            asker.send(query())
        await until(lambda: engine.counters["dropped"].n == 99 - 3 - udp._REFUSALS)
        assert engine.counters["refused"].n == 3 + udp._REFUSALS
        running.clients.tick()
        assert (await running.ask(askers[-1], query())).rcode() == wire.REFUSED

    serve(engine, scenario, allow=())


def test_who_may_not_ask_hears_nothing_where_the_operator_says_so(policy):
    engine = Engine(ResolverSection(denied=Denied.DROP), policy)

    async def scenario(running):
        asker, allowed = running.client(), running.client(source="127.0.0.9")
        for _ in range(3):
            asker.send(query("a.listed.example"))
        assert (await running.ask(allowed, query("a.listed.example"))).rcode() == wire.NXDOMAIN
        with pytest.raises(BlockingIOError):
            asker.recv(100)

    serve(engine, scenario, allow=("127.0.0.9/32",))
    assert (engine.counters["dropped"].n, engine.counters["refused"].n) == (3, 0)


def limit(clients):
    """Loopback has no limit; let it be somebody's network for this second."""
    for text in ("127.0.0.1", "127.0.0.2"):
        address = socket.inet_aton(text)
        clients.admit(address).bucket = clients._bucket(address[:3])


@pytest.mark.parametrize("name", ["a.listed.example", "www.example", "localhost"])
def test_over_the_limit_every_second_query_is_sent_to_tcp_and_the_others_are_dropped(engine, name):
    async def scenario(running):
        limit(running.clients)
        one, two = running.client(), running.client(source="127.0.0.2")
        for number in range(60):
            (one, two)[number % 2].send(query(name, number=number))
        await until(lambda: engine.counters["limited"].n == 50)
        for waiter in running.waiting:
            give(waiter, failure(wire.SERVFAIL, 5))
        running.listener.flush()
        seen = []
        for asker in (one, two):
            while select.select([asker], [], [], 0.1)[0]:
                seen.append(read(asker.recv(4096)))
        cut = [message for message in seen if message.flags & dns.flags.TC]
        assert (len(cut), len(seen)) == (25, 35)
        assert all(not message.answer for message in cut)
        running.clients.tick()
        limit(running.clients)
        one.send(query(name))
        await until(lambda: select.select([one], [], [], 0)[0] or len(running.waiting) > 10)

    serve(engine, scenario, rate_limit=10, now=frozen)


def test_who_proves_where_it_is_by_a_cookie_has_a_limit_of_its_own(engine):
    def asking(number, cookie):
        return query("a.listed.example", number=number, options=[(wire.COOKIE, cookie)])

    async def scenario(running):
        limit(running.clients)
        asker, other = running.client(), running.client(source="127.0.0.2")
        for number in range(10):  # what the prefix may ask
            first = await running.ask(asker, asking(number, CLIENT))
        for number in (1, 2):
            other.send(asking(number, CLIENT))
        slip = read(await running.receive(other))  # it brings a cookie too: who is new goes on
        assert slip.flags & dns.flags.TC
        proofs = [message.options[-1].to_wire() for message in (first, slip)]
        mine = proofs[0]
        for forged in (proofs[1], CLIENT + bytes(16), CLIENT + mine[:7:-1], mine[:-1], CLIENT):
            asker.send(asking(1, forged))
        await until(lambda: engine.counters["limited"].n == 2 + 5)
        while select.select([asker], [], [], 0)[0]:
            assert read(asker.recv(4096)).flags & dns.flags.TC
        for client, proof in zip((asker, other), proofs, strict=True):
            for number in range(10):
                seen = await running.ask(client, asking(number, proof))
                assert (seen.id, seen.rcode()) == (number, wire.NXDOMAIN)
            client.send(asking(11, proof))
        await until(lambda: engine.counters["limited"].n == 2 + 5 + 2)

    serve(engine, scenario, rate_limit=10, now=frozen)


def test_without_a_limit_nobody_is_over_it(engine):
    async def scenario(running):
        asker = running.client()
        for number in range(300):
            assert (await running.ask(asker, query("zero.example", number=number))).id == number

    serve(engine, scenario, rate_limit=0)
    assert engine.counters["limited"].n == 0
