"""Clients go on asking while the list changes again and again: none goes without its answer."""

import socket
import struct
import threading
import time

import pytest

from tests.e2e import gateway as gateways
from tests.e2e.internet import ADDRESSES
from tests.resolver import messages

pytestmark = pytest.mark.root

CHANGES = 10
PAUSE = 0.003
"""Seconds between queries: some hundred a second, a few of them in flight at any time."""
LATE = 5.0
"""Seconds after which an answer counts as lost; the gateway gives up on an upstream earlier."""

_TIMESTAMPS = 35  # SO_TIMESTAMPNS: when the kernel had a datagram, asm-generic/socket.h
LISTED = "www.exchange-001.example"
CACHED, FRESH, SLOW = "kept.unlisted.test", "n{}.unlisted.test", "slow{}.unlisted.test"
TURNS = "turn{}.example"
"""The name that a change lists; before and, with the next change, after it is free."""


class Asking(threading.Thread):
    """Asks without a pause, and notes each query's name and each answer's time of arrival."""

    def __init__(self, sock):
        super().__init__()
        self.sock = sock
        self.sock.setsockopt(socket.SOL_SOCKET, _TIMESTAMPS, 1)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.asked = {}
        self.answered = {}
        self.turn = 0
        self.ended = threading.Event()

    def run(self):
        for number in range(1, 1 << 16):
            if self.ended.is_set():
                break
            self.asked[number] = self.name_of(number)
            self.sock.send(messages.query(self.asked[number], number=number))
            time.sleep(PAUSE)
            self.read()
        deadline = time.monotonic() + LATE
        while len(self.answered) < len(self.asked) and time.monotonic() < deadline:
            time.sleep(0.01)
            self.read()

    def name_of(self, number):
        """Return the next name: listed, kept, new, slow, and the one that turns, both ways."""
        turns = TURNS.format(self.turn)
        names = (LISTED, CACHED, FRESH, SLOW, turns, f"n{number}.{turns}", f"slow{number}.{turns}")
        return names[number % len(names)].format(number)

    def read(self):
        while True:
            try:
                packet, extra, _, _ = self.sock.recvmsg(4096, 64, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            seconds, nanoseconds = struct.unpack("@qq", extra[0][2][:16])
            number = int.from_bytes(packet[:2])
            self.answered[number] = (seconds + nanoseconds / 1e9, packet)


def test_no_query_is_lost_and_none_leaks_while_the_list_changes(make_gateway, net):
    gateway = make_gateway()
    gateway.start()
    gateway.await_generation(1)
    with gateways.socket_in(net.client, socket.AF_INET) as sock:
        sock.connect((gateways.GATEWAY_V4, 53))
        asking = Asking(sock)
        asking.start()
        in_force = []
        try:
            for change in range(CHANGES):
                asking.turn = change
                time.sleep(0.05)  # some of its answers are kept by then, and some under way
                listed = TURNS.format(change)
                gateway.put("turn.toml", f'[[platform]]\nid = "t"\ndomains = ["{listed}"]\n')
                done = gateway.blockd("compile", "--wait")
                since = time.time()
                assert done.returncode == 0, done
                time.sleep(0.1)
                in_force.append((listed, since, time.time()))
        finally:
            asking.ended.set()
            asking.join()
    assert gateway.generation() > CHANGES
    assert len(asking.asked) > 1000
    _check(asking, in_force)


def _check(asking, in_force):
    lost = [name for number, name in asking.asked.items() if number not in asking.answered]
    assert lost == []
    leaked, judged = [], 0
    for number, (arrived, packet) in asking.answered.items():
        name = asking.asked[number]
        reply = messages.read(packet)
        blocked = bool(messages.errors(reply))
        if name == LISTED:
            assert blocked, reply
        elif name.endswith(".unlisted.test"):
            assert messages.records(reply.answer) == [f"{name}. A {ADDRESSES['A']}"], reply
        else:
            for listed, since, until in in_force:
                if name.endswith(listed) and since <= arrived <= until:
                    judged += 1
                    if not blocked:
                        leaked.append((name, arrived - since))
    assert leaked == []
    assert judged > CHANGES
