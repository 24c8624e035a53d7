"""Key files as minisign writes them: public keys, and secret ones with or without a password.

Bytes and texts only: no file is opened here, and randomness is passed in. The layouts are those
of minisign 0.11, src/minisign.h (`PubkeyStruct`, `SeckeyStruct`).
"""

import base64
import binascii
import hashlib
import hmac
import struct
from typing import NamedTuple, Self

from blockd.errors import SignatureError

COMMENT = "untrusted comment: "
"""Begins the first line of every file of minisign's; nothing vouches for what follows."""

LEGACY, PREHASHED = b"Ed", b"ED"
"""The algorithms of signatures; keys are always marked with the first."""

_PUBLIC = struct.Struct("<2s8s32s")
_SECRET = struct.Struct("<2s2s2s32sQQ104s")  # algorithm, KDF, checksum, salt, two limits, keys
_KEYS = struct.Struct("<8s64s32s")  # key number, seed and public key, checksum
_SCRYPT, _NO_KDF = b"Sc", b"\0\0"
_BLAKE2B = b"B2"

OPERATIONS, MEMORY = 1 << 25, 1 << 30
"""The limits that minisign protects a key with (libsodium's `SENSITIVE` ones): 1 GiB, seconds."""


class PublicKey(NamedTuple):
    """What verifies signatures; written as `RW...`."""

    number: bytes
    """8 octets that tell keys apart."""
    point: bytes
    """The Ed25519 public key, 32 octets."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a key of one line, or a key file of two; raises SignatureError."""
        lines = text.split("\n")
        line = lines[1] if lines[0].startswith(COMMENT) and len(lines) > 1 else text
        packed = unpacked(line.strip(), _PUBLIC.size, "a public key of minisign (`RW...`)")
        algorithm, number, point = _PUBLIC.unpack(packed)
        if algorithm != LEGACY:
            raise SignatureError(f"{line.strip()!r}: no Ed25519 key; minisign's begin with `RW`")
        return cls(number, point)

    @property
    def id(self) -> str:
        """The number as minisign shows it, which people compare."""
        return self.number[::-1].hex().upper()

    def __str__(self) -> str:
        """Return the key as one line."""
        return base64.b64encode(_PUBLIC.pack(LEGACY, self.number, self.point)).decode()

    def file(self) -> str:
        """Return the text of a key file."""
        return f"{COMMENT}minisign public key {self.id}\n{self}\n"


class SecretKey(NamedTuple):
    """What makes signatures."""

    number: bytes
    seed: bytes
    """32 octets; the public key follows from them (RFC 8032 5.1.5)."""
    point: bytes

    @property
    def public(self) -> PublicKey:
        """What verifies its signatures."""
        return PublicKey(self.number, self.point)

    @classmethod
    def make(cls, number: bytes, seed: bytes) -> Self:
        """Return the key of 8 and 32 random octets."""
        from nacl.bindings import crypto_sign_seed_keypair  # noqa: PLC0415 - 16 ms

        return cls(number, seed, crypto_sign_seed_keypair(seed)[0])

    @classmethod
    def parse(cls, text: str, password: bytes | None = None) -> Self:
        """Read a key file; raises SignatureError, PasswordError where a password is missing.

        Args:
            text: the file's two lines.
            password: for a key that is protected by one.
        """
        lines = text.split("\n")
        if not lines[0].startswith(COMMENT) or len(lines) < 2:
            raise SignatureError("is no key file of minisign: it lacks its comment line")
        packed = unpacked(lines[1].strip(), _SECRET.size, "a secret key of minisign")
        algorithm, kdf, check, salt, operations, memory, keys = _SECRET.unpack(packed)
        if algorithm != LEGACY or check != _BLAKE2B or kdf not in {_SCRYPT, _NO_KDF}:
            raise SignatureError("is no secret key that minisign 0.11 would write")
        if kdf == _SCRYPT:
            if password is None:
                raise PasswordError
            keys = _masked(keys, password, salt, operations, memory)
        number, secret, checksum = _KEYS.unpack(keys)
        if kdf == _SCRYPT and not hmac.compare_digest(checksum, _checksum(number, secret)):
            raise SignatureError("the password is wrong, or the key file is damaged")
        found = cls.make(number, secret[:32])
        if found.point != secret[32:]:
            raise SignatureError("the key file is damaged: its two halves do not fit")
        return found

    def file(
        self,
        password: bytes | None = None,
        salt: bytes = b"",
        operations: int = OPERATIONS,
        memory: int = MEMORY,
    ) -> str:
        """Return the text of a key file.

        Args:
            password: what protects it; None: nothing does.
            salt: with a password, 32 random octets.
            operations: how much work a guess shall be, in libsodium's unit.
            memory: and how many octets it shall need.
        """
        secret = self.seed + self.point
        if password is None:  # minisign -W leaves the checksum and all of the KDF's fields empty
            keys = _KEYS.pack(self.number, secret, bytes(32))
            packed = _SECRET.pack(LEGACY, _NO_KDF, _BLAKE2B, bytes(32), 0, 0, keys)
        else:
            keys = _KEYS.pack(self.number, secret, _checksum(self.number, secret))
            keys = _masked(keys, password, salt, operations, memory)
            packed = _SECRET.pack(LEGACY, _SCRYPT, _BLAKE2B, salt, operations, memory, keys)
        kind = "minisign secret key" if password is None else "minisign encrypted secret key"
        return f"{COMMENT}{kind}\n{base64.b64encode(packed).decode()}\n"


class PasswordError(SignatureError):
    """The secret key is protected by a password, and none was given."""


def unpacked(text: str, size: int, what: str) -> bytes:
    """Return the octets of a base64 text of a known size; raises SignatureError."""
    try:
        packed = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        packed = b""
    # Encoded again, since base64 leaves bits over: one key has one text.
    if len(packed) != size or base64.b64encode(packed).decode() != text:
        shown = text if len(text) <= 64 else f"{text[:61]}..."
        raise SignatureError(f"{shown!r} is not {what}")
    return packed


def _checksum(number: bytes, secret: bytes) -> bytes:
    return hashlib.blake2b(LEGACY + number + secret, digest_size=32).digest()


def _masked(keys: bytes, password: bytes, salt: bytes, operations: int, memory: int) -> bytes:
    from nacl.exceptions import CryptoError  # noqa: PLC0415 - 16 ms
    from nacl.pwhash import scrypt  # noqa: PLC0415

    try:
        stream = scrypt.kdf(len(keys), password, salt, operations, memory)
    except (CryptoError, MemoryError) as error:
        raise SignatureError(f"the key cannot be derived from the password: {error}") from None
    return bytes(a ^ b for a, b in zip(keys, stream, strict=True))
