"""Asks a resolver for names of flood.example, each once, until it is killed; reads what comes.

`python -m tests.e2e.flood udp|tcp SERVER RATE SOURCE...`: so many a second, in turn from each
address, over TCP from CONNECTIONS of each. Says "asking" once it does.
"""

import contextlib
import itertools
import select
import socket
import struct
import sys
import time

CONNECTIONS = 10
"""By which one address can hold 640 questions: the resolver reads 64 of each, and takes 64."""
PACE = 0.01
"""Seconds between bursts."""
_HEAD = struct.pack("!HHHHHH", 0, 0x0100, 1, 0, 0, 0)
_TAIL = b"\5flood\7example\0\0\1\0\1"


def main(way, server, rate, *sources):
    socks = []
    for source in sources:
        for _ in range(CONNECTIONS if way == "tcp" else 1):
            kind = socket.SOCK_STREAM if way == "tcp" else socket.SOCK_DGRAM
            sock = socket.socket(socket.AF_INET, kind)
            sock.bind((source, 0))
            sock.connect((server, 53))
            sock.setblocking(False)  # noqa: FBT003 - as it is named there
            socks.append(sock)
    poll = select.poll()
    for sock in socks:
        poll.register(sock, select.POLLIN)
    by_file = {sock.fileno(): sock for sock in socks}
    turns = itertools.cycle(socks)
    print("asking", flush=True)
    begun, sent = time.monotonic(), 0
    while True:
        while sent < (time.monotonic() - begun) * int(rate):
            label = b"n%d" % sent
            packet = _HEAD + bytes([len(label)]) + label + _TAIL
            with contextlib.suppress(BlockingIOError):
                next(turns).send(struct.pack("!H", len(packet)) * (way == "tcp") + packet)
            sent += 1
        for file, _ in poll.poll(PACE * 1000):
            with contextlib.suppress(BlockingIOError):
                while by_file[file].recv(65_536):
                    pass
        time.sleep(PACE)


if __name__ == "__main__":
    main(*sys.argv[1:])
