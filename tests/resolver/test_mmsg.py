"""Datagrams in batches on real sockets: each reply finds its way back, from the address asked."""

import select
import socket

import pytest

from blockd.resolver.mmsg import BATCH, RECEIVE, REPLY, SEND, Connected, Datagrams
from tests import topology

V4 = (socket.AF_INET, "127.0.0.1", "0.0.0.0", (socket.IPPROTO_IP, 8))
V6 = (socket.AF_INET6, "::1", "::", (socket.IPPROTO_IPV6, 49))


@pytest.fixture(params=[V4, V6], ids=["v4", "v6"])
def ends(request):
    """A bound socket with packet information, its datagrams, and a function that makes clients."""
    family, address, wildcard, option = request.param
    if request.param is V6:
        request.getfixturevalue("ipv6")
    opened = []

    def open_one(bound):
        opened.append(socket.socket(family, socket.SOCK_DGRAM))
        opened[-1].settimeout(5)
        opened[-1].bind((bound, 0))
        return opened[-1]

    server = open_one(wildcard)
    server.setsockopt(*option, 1)
    server.settimeout(0)

    def client(source=address, to=address):
        sock = open_one(source)
        sock.connect((to, server.getsockname()[1]))
        return sock

    yield server, Datagrams(server), client
    for sock in opened:
        sock.close()


def receive(server, datagrams, count):
    """Return the octets of each datagram of a batch of so many."""
    assert select.select([server], [], [], 5)[0]
    lengths = datagrams.receive()
    assert len(lengths) == count
    return [datagrams.packets[n * RECEIVE : n * RECEIVE + size] for n, size in enumerate(lengths)]


def put(datagrams, place, origin, message):
    """Set reply number `place`, as the listener's loop does."""
    datagrams.out[place * SEND : place * SEND + len(message)] = message
    datagrams.sizes[place] = len(message)
    if datagrams.origins[place] != origin:
        datagrams.point(place, origin)


def test_nothing_there_is_no_batch(ends):
    _, datagrams, _ = ends
    assert datagrams.receive() == []


def test_a_batch_goes_out_as_it_came_in(ends):
    server, datagrams, client = ends
    clients = [client() for _ in range(5)]
    for number, each in enumerate(clients):
        each.send(b"query %d" % number * (number + 1))
    for place, packet in enumerate(receive(server, datagrams, 5)):
        put(datagrams, place, place, packet.upper())
    datagrams.send(5)
    for number, each in enumerate(clients):
        assert each.recv(4096) == b"QUERY %d" % number * (number + 1)
    assert datagrams.unsent == 0


def test_places_and_origins_may_differ_from_batch_to_batch(ends):
    server, datagrams, client = ends
    clients = [client() for _ in range(4)]
    for origins in ([0, 1, 2, 3], [1, 3], [3, 2, 1, 0], [0, 2]):
        for number, each in enumerate(clients):
            each.send(b"%d" % number)
        packets = receive(server, datagrams, 4)
        for place, origin in enumerate(origins):
            put(datagrams, place, origin, packets[origin] + b"!")
        datagrams.send(len(origins))
        for origin in origins:
            assert clients[origin].recv(100) == b"%d!" % origin


def test_more_than_a_batch_waits_for_the_next(ends):
    server, datagrams, client = ends
    one = client()
    for number in range(BATCH + 3):
        one.send(number.to_bytes(2, "big"))
    packets = receive(server, datagrams, BATCH) + receive(server, datagrams, 3)
    assert packets == [number.to_bytes(2, "big") for number in range(BATCH + 3)]


def test_a_late_reply_finds_its_way_when_other_batches_came_in_between(ends):
    server, datagrams, client = ends
    clients = [client() for _ in range(BATCH + 2)]
    backs = []
    for number, each in enumerate(clients):
        each.send(b"%d" % number)
        receive(server, datagrams, 1)
        backs.append(datagrams.whence(0))
    replies = [(back, b"late %d" % number) for number, back in enumerate(backs)]
    datagrams.send_late(replies[::-1])
    datagrams.send_late([])
    for number, each in enumerate(clients):
        assert each.recv(100) == b"late %d" % number


def test_empty_and_oversized_datagrams_are_taken(ends):
    server, datagrams, client = ends
    one = client()
    one.send(b"")
    one.send(b"x" * (RECEIVE + 100))
    one.send(b"last")
    assert receive(server, datagrams, 3) == [b"", b"x" * RECEIVE, b"last"]


def test_one_reply_that_cannot_be_sent_is_given_up_alone(ends):
    server, datagrams, client = ends
    clients = [client() for _ in range(3)]
    for each in clients:
        each.send(b"x")
    receive(server, datagrams, 3)
    backs = [datagrams.whence(place) for place in range(3)]
    name, control = backs[1]
    backs[1] = (name[:2] + b"\0\0" + name[4:], control)  # a spoofed source port of 0
    datagrams.send_late([(back, b"reply") for back in backs])
    assert datagrams.unsent == 1
    assert [clients[n].recv(100) for n in (0, 2)] == [b"reply", b"reply"]


def test_the_way_back_names_the_address_asked_and_no_interface(ends):
    server, datagrams, client = ends
    one = client()
    one.send(b"x")
    receive(server, datagrams, 1)
    _, control = datagrams.whence(0)
    if server.family is socket.AF_INET:  # struct in_pktinfo, ip(7)
        index, chosen = control[16:20], control[20:24]
    else:  # struct in6_pktinfo, ipv6(7)
        chosen, index = control[16:32], control[32:36]
    assert chosen == socket.inet_pton(server.family, one.getpeername()[0])
    assert index == bytes(4)


@pytest.mark.parametrize("ends", [V4], indirect=True, ids=["v4"])
def test_replies_leave_from_the_address_that_was_asked(ends):
    server, datagrams, client = ends
    # Connected, these take replies from the address they asked alone.
    clients = [client(to=f"127.0.0.{n}") for n in (2, 1, 3)]
    for each in clients:
        each.send(b"x")
    receive(server, datagrams, 3)
    backs = [datagrams.whence(place) for place in range(3)]
    for place in range(3):
        put(datagrams, place, place, b"now %d" % place)
    datagrams.send(3)
    datagrams.send_late([(back, b"late %d" % place) for place, back in enumerate(backs)])
    for place, each in enumerate(clients):
        assert [each.recv(100), each.recv(100)] == [b"now %d" % place, b"late %d" % place]


@pytest.fixture(params=[V4, V6], ids=["v4", "v6"])
def pair(request):
    """Two connected sockets, the second non-blocking."""
    family, address, *_ = request.param
    if request.param is V6:
        request.getfixturevalue("ipv6")
    with (
        socket.socket(family, socket.SOCK_DGRAM) as one,
        socket.socket(family, socket.SOCK_DGRAM) as other,
    ):
        for sock in (one, other):
            sock.bind((address, 0))
            sock.settimeout(5)
        one.connect(other.getsockname())
        other.connect(one.getsockname())
        other.settimeout(0)
        yield one, other


def test_connected_sockets_share_buffers_and_mix_nothing_up(pair):
    one, other = pair
    batches = Connected()
    sent = [b"%d" % number * (number % 40 + 1) for number in range(BATCH + 7)]
    batches.send(other.fileno(), sent)
    for message in sent:
        assert one.recv(4096) == message
        one.send(message[::-1])
    received = batches.receive(other.fileno()) + batches.receive(other.fileno())
    assert received == [message[::-1] for message in sent]
    assert batches.receive(other.fileno()) == []


def test_a_long_reply_is_taken_up_to_its_bound(pair):
    one, other = pair
    for size in (REPLY, REPLY + 1):
        one.send(b"x" * size)
        assert Connected().receive(other.fileno()) == [b"x" * REPLY]


def test_an_unreachable_port_is_an_error_of_the_next_call(pair):
    one, other = pair
    batches = Connected()
    one.close()
    batches.send(other.fileno(), [b"nobody", b"hears"])
    assert select.select([other], [], [], 5)[0]
    with pytest.raises(ConnectionRefusedError):
        batches.receive(other.fileno())
    assert batches.receive(other.fileno()) == []


def test_an_error_that_waits_costs_no_datagram(pair):
    one, other = pair
    batches = Connected()
    address = one.getsockname()
    one.close()
    batches.send(other.fileno(), [b"nobody hears"])
    with socket.socket(other.family, socket.SOCK_DGRAM) as again:
        again.bind(address)
        again.settimeout(5)
        batches.send(other.fileno(), [b"now", b"it is heard"])
        assert [again.recv(100), again.recv(100)] == [b"now", b"it is heard"]


@pytest.mark.root
def test_a_link_local_address_is_answered_from_by_its_interface():
    topology.require()

    def inside():
        _, _, wildcard, option = V6
        scope = socket.if_nametoindex("one")
        addresses = {"fe80::53": scope, "2001:db8::53": 0}
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as server:
            server.bind((wildcard, 0))
            server.setsockopt(*option, 1)
            server.settimeout(0)
            datagrams = Datagrams(server)
            port = server.getsockname()[1]
            for source, to in [(a, b) for a in addresses for b in addresses] * 2:
                with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as client:
                    client.settimeout(5)
                    client.bind((source, 0, 0, addresses[source]))
                    client.connect((to, port, 0, addresses[to]))
                    client.send(b"x")
                    receive(server, datagrams, 1)
                    put(datagrams, 0, 0, b"now")
                    datagrams.send(1)
                    datagrams.send_late([(datagrams.whence(0), b"late")])
                    assert [client.recv(9), client.recv(9)] == [b"now", b"late"]
            assert datagrams.unsent == 0

    with topology.namespace("scope") as space:
        space.ip("link add one type veth peer name two")
        for name in ("one", "two"):
            space.ip(f"link set {name} up")
        for address in ("fe80::53/64", "2001:db8::53/64"):
            space.ip(f"-6 addr add {address} dev one nodad")
        space.call(inside)
