"""DNS messages on a stream: each behind two octets of its length (RFC 1035 4.2.2).

Octets alone, of either side of a connection; no sockets, and no look into the messages.
"""

LONGEST = 65_535
"""Octets of the longest message on a stream."""


def framed(message: bytes) -> bytes:
    """Return a message with its length in front, for one write (RFC 7766 8)."""
    return len(message).to_bytes(2, "big") + message


class Frames:
    """Cuts what a stream brings into messages, however it comes in segments."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        """Start at the beginning of a stream."""
        self._buffer = bytearray()

    def feed(self, octets: bytes | memoryview) -> None:
        """Take what came."""
        self._buffer += octets

    def take(self) -> bytes | None:
        """Return the next whole message, or None until more has come."""
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        end = 2 + (buffer[0] << 8 | buffer[1])
        if len(buffer) < end:
            return None
        message = bytes(buffer[2:end])
        del buffer[:end]
        return message

    @property
    def whole(self) -> bool:
        """Whether a whole message can be taken."""
        buffer = self._buffer
        return len(buffer) >= 2 and len(buffer) >= 2 + (buffer[0] << 8 | buffer[1])

    @property
    def cut(self) -> bool:
        """Whether the beginning of a message waits for its rest."""
        return bool(self._buffer) and not self.whole
