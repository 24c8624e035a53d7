"""Malformed packets by the ten thousand, from clients and from upstreams, at a running gateway.

The daemon stays up and goes on answering, and its log stays as it was.
"""

import itertools
import random
import socket
import struct
import time
import warnings

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.e2e import gateway as gateways
from tests.e2e.gateway import shipped
from tests.fuzz.packets import seeds
from tests.resolver import messages

pytestmark = [pytest.mark.root, pytest.mark.usefixtures("unharmed")]

DATAGRAMS, FRAMES = 5_000, 2_500
BATCH = 250
"""Packets between two queries that must be answered: the daemon has taken the first by then."""
SHIFTED = 25
"""Of that many frames one has a wrong length, and makes nonsense of its connection."""


@pytest.fixture(scope="module")
def running(net, tmp_path_factory):
    directory = tmp_path_factory.mktemp("gateway")
    with gateways.running(net, directory, shipped(), resolver="rate_limit = 0") as made:
        gateways.until(lambda: made.ask("resolver")["ready"], made.said)
        yield made


@pytest.fixture
def unharmed(running, client):
    """Have the same daemons run after the test, with nothing in the log, and all in force."""
    daemons, said = gateways.children(running.processes[0].pid), running.said()
    yield
    assert client.finds_in_force()
    assert gateways.children(running.processes[0].pid) == daemons
    assert running.said() == said
    assert running.ask("resolver")["problem"] == ""


@pytest.fixture(scope="module")
def datagrams(net):
    """A connected socket of the client's; what comes back to it is never read."""
    with gateways.socket_in(net.client, socket.AF_INET) as sock:
        sock.connect((gateways.GATEWAY_V4, gateways.DNS))
        yield sock


@pytest.fixture(scope="module")
def streams(net):
    made = Streams(net)
    yield made
    made.close()


class Streams:
    """A connection that is made again whenever the gateway has closed it."""

    def __init__(self, net):
        self.net = net
        self.sock = None

    def send(self, octets):
        for _ in range(2):
            if self.sock is None:
                self.sock = gateways.socket_in(self.net.client, socket.AF_INET6, socket.SOCK_STREAM)
                self.sock.connect((gateways.GATEWAY_V6, gateways.DNS))
            try:
                self.sock.settimeout(5)
                self.sock.sendall(octets)
                self.sock.settimeout(0)
                while self.sock.recv(65535):
                    pass
            except BlockingIOError:
                return
            except OSError:
                pass
            self.close()

    def close(self):
        if self.sock is not None:
            self.sock.close()
            self.sock = None


def framed(packet):
    return struct.pack("!H", len(packet)) + packet


def batches(count):
    """Yield packets whose every field is drawn by lot; or only those of question, OPT, records.

    To be called in a namespace: scapy remembers the interfaces that it finds when it is imported.
    """
    warnings.simplefilter("ignore")
    from scapy.all import DNS, DNSQR, DNSRR, DNSRROPT, EDNS0TLV, fuzz, raw

    asked = DNSQR(qname="www.unlisted.test")
    kinds = (
        lambda: fuzz(DNS()),
        lambda: fuzz(DNS(qr=0, opcode=0)),
        lambda: DNS(rd=1, qd=fuzz(DNSQR(qname=gateways.NAME))),
        lambda: DNS(rd=1, qd=asked, ar=fuzz(DNSRROPT())),
        lambda: DNS(rd=1, qd=asked, ar=DNSRROPT(rdata=[fuzz(EDNS0TLV())])),
        lambda: DNS(rd=1, qd=asked, an=fuzz(DNSRR(rrname="x.test"))),
    )
    for _ in range(count // BATCH):
        yield [raw(make()) for make in itertools.islice(itertools.cycle(kinds), BATCH)]


def taken(running):
    """Return how many packets the resolver has counted."""
    return sum(running.ask("resolver")["outcomes"].values())


def test_what_scapy_makes_by_lot_is_survived_over_udp(net, running, client, datagrams):
    def inside():
        for batch in batches(DATAGRAMS):
            for packet in batch:
                datagrams.send(packet)
            assert client.blocked(gateways.NAME)

    before = taken(running)
    net.client.call(inside)
    gateways.until(lambda: taken(running) >= before + DATAGRAMS, running.said)


def test_what_scapy_makes_by_lot_is_survived_over_tcp(net, running, client, streams):
    def inside():
        rng = random.Random(5354)
        for batch in batches(FRAMES):
            for number, packet in enumerate(batch):
                if number % SHIFTED:
                    streams.send(framed(packet))
                else:
                    streams.send(rng.randbytes(2) + packet)
                    streams.close()
            assert client.blocked(gateways.NAME)

    before = taken(running)
    net.client.call(inside)
    most = before + FRAMES * 0.9  # what is shifted is something else
    gateways.until(lambda: taken(running) >= most, running.said)


@st.composite
def changed(draw):
    """A packet that is right or nearly so, with a piece of it replaced by other octets."""
    packet = draw(st.sampled_from(SEEDS))
    start = draw(st.integers(0, len(packet)))
    return packet[:start] + draw(st.binary(max_size=24)) + packet[start + draw(st.integers(0, 8)) :]


SEEDS = seeds()
packets = st.lists(changed() | st.binary(max_size=300), min_size=60, max_size=120)
few = settings(
    max_examples=40,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@few
@given(packets)
def test_what_hypothesis_makes_is_survived_over_udp(client, datagrams, found):
    for packet in found:
        datagrams.send(packet)
    assert client.blocked(gateways.NAME)


@few
@given(packets, st.booleans())
def test_what_hypothesis_makes_is_survived_over_tcp(client, streams, found, whole):
    streams.send(b"".join(framed(packet) if whole else packet for packet in found))
    if not whole:
        streams.close()
    assert client.blocked(gateways.NAME)


def test_replies_that_make_no_sense_are_survived_and_every_query_is_answered(net):
    count = 1500
    with gateways.socket_in(net.client, socket.AF_INET) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        sock.connect((gateways.GATEWAY_V4, gateways.DNS))
        unanswered = set()
        for number in range(count):
            kind = ("A", "AAAA", "HTTPS", "TXT")[number % 4]
            sock.send(messages.query(f"n{number}.noise.test", kind, number=number))
            unanswered.add(number)
            time.sleep(0.001)
        sock.settimeout(gateways.PATIENCE)
        while unanswered:
            unanswered.discard(int.from_bytes(sock.recv(4096)[:2]))
