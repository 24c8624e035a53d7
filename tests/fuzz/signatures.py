# Whatever the octets are: `Signature.parse` gives a signature or a SignatureError and nothing else;
# what it gives is written and read as the same; and it verifies only where its signed lines are
# those that the key made.
"""Octets where a signature is expected: `python -m tests.fuzz.signatures [OPTION...] [CORPUS]`.

It needs atheris, as `tests.fuzz.packets` does. The tests try the seeds alone.
"""

import contextlib
import random
import sys
import tempfile
from pathlib import Path

from blockd.errors import SignatureError
from blockd.minisign.keys import PublicKey, SecretKey
from blockd.minisign.signature import Signature, sign, verify

LIST = b"a.example\n"
KEYS = tuple(SecretKey.make(bytes([n]) * 8, bytes([n]) * 32) for n in (1, 2))
COMMENTS = ("serial:1", "timestamp:1700000000\tfile:a.txt\thashed", "", "\u00e4 serial:18")
MADE = [sign(LIST, key, comment).file("x").encode() for key in KEYS for comment in COMMENTS]


def seeds():
    """Return signatures, whole and broken, and keys in their place."""
    rng = random.Random(5354)
    found = [*MADE, KEYS[0].file().encode(), KEYS[0].public.file().encode(), b"", b"\n" * 4]
    for made in MADE:
        at = rng.randrange(len(made))
        first, second, third, fourth, _ = made.split(b"\n")
        found += [
            made[:at],
            made[:at] + rng.randbytes(1) + made[at + 1 :],
            made.replace(b"\n", b"\r\n"),
            b"\n".join((first, fourth, third, second, b"")),
            b"\n".join((first, second, third, MADE[0].split(b"\n")[3], b"")),
        ]
    return found


def check(content):
    """Hold the invariant against one content."""
    with contextlib.suppress(SignatureError):
        PublicKey.parse(content.decode("utf-8", "replace"))
    try:
        found = Signature.parse(content)
    except SignatureError:
        return
    assert Signature.parse(found.file("y").encode()) == found
    try:
        verify(LIST, found, [key.public for key in KEYS])
    except SignatureError:
        return
    signed = [made.split(b"\n")[1:4] for made in MADE]
    assert content.replace(b"\r\n", b"\n").split(b"\n")[1:4] in signed


def main():
    import atheris

    atheris.instrument_all()
    with tempfile.TemporaryDirectory() as directory:
        for number, content in enumerate(seeds()):
            (Path(directory) / str(number)).write_bytes(content)
        atheris.Setup([*sys.argv, directory], check)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
