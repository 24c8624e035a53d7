"""A detached signature, its four lines, and what they prove about a content.

Pure: contents and texts in, a verdict out. Which keys are pinned and which serial is too old is
the caller's business. The layout is minisign 0.11's, src/minisign.h (`SigStruct`).
"""

import base64
import hashlib
import re
import struct
from collections.abc import Iterable
from typing import NamedTuple, Self

from msgspec import Struct

from blockd.errors import SignatureError
from blockd.minisign.keys import COMMENT, LEGACY, PREHASHED, PublicKey, SecretKey, unpacked

SUFFIX = ".minisig"
"""Behind a list's name, it names the signature's file."""

TRUSTED = "trusted comment: "
LARGEST = 16_384
"""Octets of a signature's file; minisign itself takes comments of 1,024 and 8,192."""

_SIGNATURE = struct.Struct("<2s8s64s")
_SERIAL = re.compile(r"(?:^|\s)serial:([0-9]{1,18})(?=\s|$)")
_TIMESTAMP = re.compile(r"(?:^|\s)timestamp:([0-9]{1,18})(?=\s|$)")


class Signed(Struct, frozen=True):
    """Who vouches for a content, and for which edition of it."""

    key: str
    """The number of the key, in hexadecimal as minisign shows it."""
    serial: int
    """`serial:N` of the trusted comment, or else its `timestamp:N`."""
    comment: str
    """The trusted comment."""


class Signature(NamedTuple):
    """The file beside a list."""

    algorithm: bytes
    number: bytes
    """Of the key that is said to have made it."""
    signature: bytes
    """Of the content."""
    comment: str
    """The trusted comment."""
    whole: bytes
    """The signature of both."""

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Read a signature's file; raises SignatureError, also for what minisign would take.

        Four lines and no more, so that nothing can hide behind what is shown.
        """
        if len(content) > LARGEST:
            raise SignatureError(f"has more than {LARGEST} octets; a signature has some 300")
        try:
            lines = content.decode("utf-8").replace("\r\n", "\n").split("\n")
        except UnicodeDecodeError:
            raise SignatureError("is no signature of minisign: not UTF-8") from None
        if lines[-1] == "":
            lines.pop()
        if len(lines) != 4 or not lines[0].startswith(COMMENT):
            raise SignatureError("is no signature of minisign: that has four lines")
        if not lines[2].startswith(TRUSTED):
            raise SignatureError("is no signature of minisign: its third line is no comment")
        comment = lines[2].removeprefix(TRUSTED)
        if any(ord(sign) < 0x20 and sign != "\t" for sign in comment):
            raise SignatureError("holds control characters in its trusted comment")
        packed = unpacked(lines[1], _SIGNATURE.size, "a signature of minisign")
        algorithm, number, signature = _SIGNATURE.unpack(packed)
        if algorithm not in {LEGACY, PREHASHED}:
            raise SignatureError(f"is made by {algorithm!r}, which is no algorithm of minisign")
        whole = unpacked(lines[3], 64, "a signature of a trusted comment")
        return cls(algorithm, number, signature, comment, whole)

    def file(self, comment: str) -> str:
        """Return the text of the signature's file, with an untrusted comment."""
        packed = base64.b64encode(_SIGNATURE.pack(self.algorithm, self.number, self.signature))
        whole = base64.b64encode(self.whole)
        lines = (COMMENT + comment, packed.decode(), TRUSTED + self.comment, whole.decode())
        return "\n".join(lines) + "\n"

    @property
    def serial(self) -> int | None:
        """What orders the editions of one list; None: its comment says nothing of it."""
        found = _SERIAL.search(self.comment) or _TIMESTAMP.search(self.comment)
        return int(found[1]) if found else None


def verify(content: bytes, signature: Signature, pinned: Iterable[PublicKey]) -> Signed:
    """Return what a signature proves about a content.

    Raises:
        SignatureError: it is made with none of the pinned keys, does not fit the content or its
            comment, or says nothing that orders editions.
    """
    keys = list(pinned)
    key = next((each for each in keys if each.number == signature.number), None)
    if key is None:
        made = PublicKey(signature.number, b"").id
        known = ", ".join(each.id for each in keys)
        raise SignatureError(f"made with key {made}, which is not among the pinned ones ({known})")
    if not _fits(_message(content, signature.algorithm), signature.signature, key):
        raise SignatureError(f"it does not fit the content: key {key.id} did not sign this")
    if not _fits(signature.signature + signature.comment.encode(), signature.whole, key):
        raise SignatureError(f"its trusted comment was changed: key {key.id} did not sign it")
    serial = signature.serial
    if serial is None:
        raise SignatureError(
            "its trusted comment holds neither `serial:N` nor `timestamp:N`, without which an old"
            " edition could pass for a new one"
        )
    return Signed(key.id, serial, signature.comment)


def sign(content: bytes, key: SecretKey, comment: str) -> Signature:
    """Return the prehashed signature of a content and of a trusted comment, a single line."""
    if "\n" in comment or "\r" in comment:
        raise SignatureError("a trusted comment has one line")
    made = _made(_message(content, PREHASHED), key)
    whole = _made(made + comment.encode(), key)
    return Signature(PREHASHED, key.number, made, comment, whole)


def _message(content: bytes, algorithm: bytes) -> bytes:
    return hashlib.blake2b(content).digest() if algorithm == PREHASHED else content


def _fits(message: bytes, signature: bytes, key: PublicKey) -> bool:
    from nacl.exceptions import BadSignatureError  # noqa: PLC0415 - 16 ms
    from nacl.signing import VerifyKey  # noqa: PLC0415

    try:
        VerifyKey(key.point).verify(message, signature)
    except BadSignatureError:
        return False
    return True


def _made(message: bytes, key: SecretKey) -> bytes:
    from nacl.signing import SigningKey  # noqa: PLC0415 - 16 ms

    return SigningKey(key.seed).sign(message).signature
