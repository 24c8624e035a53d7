"""A client that asks and sends all the while that something is done to its gateway."""

import itertools
import socket
import threading
import time

from tests.e2e import gateway as gateways
from tests.e2e.gateway import ADDRESSES, NAME, OPEN
from tests.e2e.internet import ECHO
from tests.resolver import messages
from tests.topology import GATEWAY_V4

PAUSE = 0.005
"""Seconds between queries: 200 a second."""
LATE = 5.0
"""Seconds after which an answer counts as lost: how long stub resolvers wait (resolv.conf(5))."""


class Watching(threading.Thread):
    """A client that asks and pings without a pause, and notes what comes back and how late."""

    def __init__(self, net):
        super().__init__()
        self.names = gateways.socket_in(net.client, socket.AF_INET)
        self.names.connect((GATEWAY_V4, 53))
        self.names.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.echoes = {}
        for address in ADDRESSES:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            self.echoes[address] = gateways.socket_in(net.client, family)
            self.echoes[address].connect((address, ECHO))
        self.asked, self.answered = {}, {}
        self.pings = 0
        self.echoed = dict.fromkeys(ADDRESSES, 0)
        self.ended = threading.Event()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *raised):
        self.ended.set()
        self.join()
        for sock in (self.names, *self.echoes.values()):
            sock.close()

    def run(self):
        due = time.monotonic()
        for number in itertools.count(1):
            if self.ended.is_set():
                break
            name = NAME if number % 2 else f"n{number}.unlisted.test"
            self.asked[number] = name, time.monotonic()
            self.names.send(messages.query(name, number=number))
            for sock in self.echoes.values():
                sock.send(number.to_bytes(2))
            self.pings += 1
            due += PAUSE
            time.sleep(max(due - time.monotonic(), 0))
            self.read()
        deadline = time.monotonic() + LATE
        while self.waiting() and time.monotonic() < deadline:
            time.sleep(0.01)
            self.read()

    def waiting(self):
        """Tell whether an answer or an echo is due that has not come."""
        late = any(self.echoed[address] < self.pings for address in OPEN)
        return late or len(self.answered) < len(self.asked)

    def read(self):
        for packet in gateways._waiting(self.names):
            self.answered[int.from_bytes(packet[:2])] = time.monotonic(), packet
        for address, sock in self.echoes.items():
            self.echoed[address] += sum(1 for _ in gateways._waiting(sock))

    def check(self):
        """Fail if a query was lost, an answer wrong, or a packet let through; print the figures."""
        lost = [name for number, (name, _) in self.asked.items() if number not in self.answered]
        waits = [at - self.asked[number][1] for number, (at, _) in self.answered.items()]
        print(
            f"{len(self.asked)} queries, {len(lost)} lost, the longest wait {max(waits):.2f} s;"
            f" {self.pings} packets to each of {len(ADDRESSES)} addresses"
        )
        assert lost == []
        assert max(waits) < LATE
        for number, (_, packet) in self.answered.items():
            reply = messages.read(packet)
            listed = self.asked[number][0] == NAME
            assert bool(messages.errors(reply)) == listed, reply
        assert {address for address, count in self.echoed.items() if count} == OPEN
        assert {self.echoed[address] for address in OPEN} == {self.pings}
