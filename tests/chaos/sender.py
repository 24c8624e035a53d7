"""`python -m tests.chaos.sender RATE ADDRESS...`: datagrams to all addresses, until it is ended.

RATE is packets a second in total, 0 as many as possible; each carries its own address.
"""

import socket
import sys
import time

from blockd.resolver.mmsg import Connected
from tests.e2e.gateway import FAMILIES

PORT = 9
"""Discard (RFC 863)."""
BURST = 16
"""Datagrams to one address in a row: one system call."""


def main(rate, *addresses):
    seconds = BURST / float(rate) if float(rate) else 0
    out = Connected()
    flows = []
    for address in addresses:
        sock = socket.socket(FAMILIES[6 if ":" in address else 4], socket.SOCK_DGRAM)
        sock.connect((address, PORT))
        flows.append((sock, [address.encode()] * BURST))
    due = time.monotonic()
    while True:
        for sock, payloads in flows:
            out.send(sock.fileno(), payloads)
            due += seconds
        time.sleep(max(0.0, due - time.monotonic()))


if __name__ == "__main__":
    main(*sys.argv[1:])
