"""Load that dnsperf cannot make: EDNS, DO and a fresh client cookie with every query (W5).

`python -m tests.bench.fresh PORT FILE SECONDS` asks as dnsperf does, over 8 sockets with 400
questions outstanding at most, and prints what it counted as JSON. Loopback alone.
"""

import os
import select
import socket
import sys
import time
from collections import Counter
from pathlib import Path

import msgspec

from blockd.resolver.mmsg import Connected

SOCKETS, OUTSTANDING = 8, 400
_TYPES = {"A": 1, "AAAA": 28, "HTTPS": 65}
_HEAD = b"\1\0\0\1\0\0\0\0\0\1"
_OPT = b"\0\0\x29\x04\xd0\0\0\x80\0\0\x0c\0\x0a\0\x08"  # DO, and a client cookie to follow
_LOST = 1.0  # seconds


def main() -> None:
    """Load the port for a time."""
    port, path, seconds = int(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])
    questions = [_question(line) for line in path.read_text().splitlines()]
    batch = Connected()
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(SOCKETS)]
    for sock in sockets:
        sock.connect(("127.0.0.1", port))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    files = {sock.fileno(): 0 for sock in sockets}
    codes: Counter[int] = Counter()
    sent = place = 0
    most = OUTSTANDING // SOCKETS
    end = time.monotonic() + seconds
    heard = time.monotonic()
    while (now := time.monotonic()) < end + 0.2:
        if now < end:
            for file, outstanding in files.items():
                room = most - outstanding
                if room > 0:
                    chosen = questions[place : place + room]
                    place = (place + room) % len(questions)
                    cookies = os.urandom(10 * len(chosen))
                    batch.send(
                        file,
                        [
                            cookies[at : at + 2] + question + cookies[at + 2 : at + 10]
                            for at, question in zip(range(0, len(cookies), 10), chosen, strict=True)
                        ],
                    )
                    files[file] += len(chosen)
                    sent += len(chosen)
        ready, _, _ = select.select(list(files), [], [], 0.05)
        for file in ready:
            packets = batch.receive(file)
            files[file] -= len(packets)
            heard = now
            codes.update(packet[3] & 0xF for packet in packets)
        if now - heard > _LOST:
            files = dict.fromkeys(files, 0)
            heard = now
    answered = codes.total()
    print(
        msgspec.json.encode(
            {"answered": answered, "lost": sent - answered, "rate": answered / seconds,
             "codes": {str(code): count for code, count in codes.items()}}
        ).decode()
    )  # fmt: skip


def _question(line: str) -> bytes:
    name, kind = line.split()
    wire = b"".join(bytes((len(label),)) + label.encode() for label in name.split("."))
    return _HEAD + wire + b"\0" + _TYPES[kind].to_bytes(2, "big") + b"\0\1" + _OPT


if __name__ == "__main__":
    main()
