# Whatever the octets are: `parse_query` gives a query or a FormError and nothing else; no call of
# `Engine` raises, and what it answers is a reply to them that fits; `parse_reply` raises FormError
# alone; `judge` never raises.
"""Octets where packets are expected: `python -m tests.fuzz.packets [OPTION...] [CORPUS]`.

It needs atheris, which is not among the tests' dependencies, and runs until something breaks or
as long as libFuzzer's options say (`-max_total_time=60`). The tests try the seeds alone.
"""

import itertools
import random
import sys
import tempfile
from pathlib import Path

from tests.resolver import messages

NAMES = (
    "www.unlisted.test", "www.listed.example", "good.listed.example", "only.example",
    "x.led.example", "held.example", "silent.example", "zero.example", "a.localhost", ".",
)  # fmt: skip
KINDS = ("A", "AAAA", "CNAME", "MX", "HTTPS", "ANY", "AXFR", 128)
EDNS = (
    {"edns": False},
    {"do": True, "options": [(10, bytes(8))]},
    {"options": [(8, b"\0\1\x18\0\xc6\x12\x09"), (12, bytes(9)), (11, b"")]},
)
ODD = ({"version": 1}, {"qclass": 3}, {"opcode": 5}, {"qr": 1}, {"rd": 0, "cd": 1})
ZONES = (
    ("www.unlisted.test 300 CNAME x.listed.example", "x.listed.example 300 A 198.18.0.1"),
    ("www.unlisted.test 300 A 198.18.77.1", "www.unlisted.test 300 AAAA 2001:db8:77::1"),
    ("www.unlisted.test 300 HTTPS 1 . alpn=h2 ipv4hint=198.18.77.1",),
    ("www.unlisted.test 300 HTTPS 0 x.listed.example.",),
    ("unlisted.test 300 TYPE39 \\# 16 066c6973746564076578616d706c6500",),
    ("www.unlisted.test 300 TYPE65400 \\# 2 beef",),
    (),
)
DENIAL = ("unlisted.test 300 SOA ns.test. desk.test. 1 2 3 4 5",)


def seeds():
    """Return some hundred packets: queries, replies without their question, broken ones."""
    found = [
        messages.query(name, kind, **more)
        for name, kind, more in itertools.product(NAMES, KINDS, EDNS)
    ]
    found += [messages.query(NAMES[0], **more) for more in ODD]
    asked = messages.query(NAMES[0], "HTTPS")
    end = asked.index(b"\0\0\x41\0\1") + 5
    for zone, authority, edns in itertools.product(ZONES, ((), DENIAL), (True, False)):
        packet = messages.reply(asked, *zone, authority=authority, edns=edns)
        found.append(packet[:12] + packet[end:])
    rng = random.Random(5354)
    for packet in rng.sample(found, 120):
        at = rng.randrange(len(packet))
        found += [
            packet[:at],
            packet[:at] + rng.randbytes(1) + packet[at + 1 :],
            packet[:at] + rng.randbytes(rng.randrange(1, 9)) + packet[at:],
        ]
    return [*found, b"", b"\0", bytes(12), b"\xff" * 600]


def main():
    import atheris

    with atheris.instrument_imports(include=["blockd"]):
        from tests.fuzz.invariant import Invariant
    with tempfile.TemporaryDirectory() as directory:
        corpus = Path(directory) / "seeds"
        corpus.mkdir()
        for number, packet in enumerate(seeds()):
            (corpus / str(number)).write_bytes(packet)
        atheris.Setup([*sys.argv, str(corpus)], Invariant(Path(directory)).check)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
