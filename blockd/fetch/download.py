"""One list over HTTPS: asked for once, within limits of size and time, redirects followed.

What is done with the content is `rounds`' business. Nothing here trusts the server: certificates
are checked, redirects lead to https alone, and a body that ends early is an error.
"""

import contextlib
import socket
import ssl
import threading
import zlib
from collections.abc import Iterator
from typing import Any, Self
from urllib.parse import urldefrag, urljoin

from msgspec import Struct
from urllib3 import HTTPSConnectionPool, Timeout
from urllib3.connection import HTTPSConnection
from urllib3.exceptions import HTTPError, IncompleteRead
from urllib3.exceptions import TimeoutError as NoAnswerError
from urllib3.response import BaseHTTPResponse

from blockd import __name__ as program
from blockd.errors import ConfigError, FetchError
from blockd.publishers import Url

REDIRECTS = 5
_CONNECT, _SILENCE = 10.0, 30.0
"""Seconds to reach a server, and between two of its packets; the whole has a limit of its own."""
_PIECE = 1 << 16
_BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers after which asking again may help (RFC 9110 15)."""


class Limits(Struct, frozen=True):
    """What one download may take."""

    largest: int
    """Octets, unpacked."""
    seconds: float


class Answer(Struct, frozen=True):
    """What a server sent."""

    content: bytes | None
    """None: what is held is still current."""
    etag: str = ""
    modified: str = ""
    """Its Last-Modified, as it was sent."""


class _Strict(ssl.SSLContext):
    """Takes an end without TLS's own for what it is: whoever is on the way can make one.

    A body of no announced length would end by it, and be cut off unnoticed (RFC 9112 8).
    """

    def wrap_socket(self, *args: Any, **how: Any) -> ssl.SSLSocket:
        """See ssl.SSLContext."""
        return super().wrap_socket(*args, **{**how, "suppress_ragged_eofs": False})


def trust(ca: str) -> ssl.SSLContext:
    """Return what certificates are checked against: a file's authorities, or the system's.

    Raises:
        ConfigError: the file cannot be used.
    """
    trusted = _Strict(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if ca:
            trusted.load_verify_locations(ca)
        else:
            trusted.load_default_certs()
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"{ca}: no authorities can be read from it: {error}; [fetch] ca names a PEM file"
        ) from None
    return trusted


def get(
    url: Url, limits: Limits, trusted: ssl.SSLContext, etag: str = "", modified: str = ""
) -> Answer:
    """Ask for a URL.

    Args:
        url: where.
        limits: of size and time.
        trusted: what the server's certificate is checked against.
        etag: of what is held, and
        modified: likewise; the server is asked whether there is anything newer (RFC 9110 13.1).

    Raises:
        FetchError: nothing came, or nothing that can be used.
    """
    headers = {"User-Agent": program, "Accept-Encoding": "gzip"}
    if etag:
        headers["If-None-Match"] = etag
    if modified:
        headers["If-Modified-Since"] = modified
    at = url
    with _Cut(limits.seconds) as cut:
        for _ in range(REDIRECTS + 1):
            with _asked(at, headers, trusted, cut) as response:
                if response.status in {301, 302, 303, 307, 308}:
                    at = _target(at, response)
                    continue
                if response.status == 304 and (etag or modified):
                    return Answer(None, etag, modified)
                if response.status != 200:
                    raise _refused(response)
                return Answer(
                    _body(response, limits.largest),
                    response.headers.get("ETag", ""),
                    response.headers.get("Last-Modified", ""),
                )
    raise FetchError(f"it leads from one redirect to the next, more than {REDIRECTS} times")


class _Cut:
    """Ends whatever a server still does when the time is over: time-outs are for single packets."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.is_over = False
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True
        self._lock = threading.Lock()
        self._watched: list[socket.socket] = []

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        with self._lock:
            for sock in self._watched:
                sock.close()
            self._watched.clear()

    def watch(self, sock: socket.socket) -> None:
        with self._lock:
            # A second descriptor: TLS takes the first one away, but both are one connection.
            self._watched.append(sock.dup())
        if self.is_over:
            self._end()

    def _end(self) -> None:
        self.is_over = True
        with self._lock:
            for sock in self._watched:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def _asked(
    url: Url, headers: dict[str, str], trusted: ssl.SSLContext, cut: _Cut
) -> Iterator[BaseHTTPResponse]:
    """Ask one server, and turn what urllib3 and the sockets raise into a sentence."""

    class Connection(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            made = super()._new_conn()
            cut.watch(made)
            return made

    host = f"[{url.host}]" if ":" in url.host else url.host
    timeout = Timeout(connect=_CONNECT, read=_SILENCE)
    try:
        with HTTPSConnectionPool(host, url.port, timeout=timeout, ssl_context=trusted) as pool:
            pool.ConnectionCls = Connection
            response = pool.urlopen(
                "GET", url.target, headers=headers, retries=False, redirect=False,
                preload_content=False, decode_content=False,
            )  # fmt: skip
            try:
                yield response
            finally:
                response.close()
    except (HTTPError, OSError) as error:
        if cut.is_over:
            raise FetchError(f"it took more than {cut.seconds:g} s", transient=True) from None
        raise FetchError(_reason(url, error), transient=True) from None


def _target(at: Url, response: BaseHTTPResponse) -> Url:
    location = response.headers.get("Location", "")
    try:
        return Url.parse(urldefrag(urljoin(str(at), location)).url)
    except ValueError as error:
        raise FetchError(f"it redirects to {location!r}, which is not followed: {error}") from None


def _refused(response: BaseHTTPResponse) -> FetchError:
    after = response.headers.get("Retry-After", "")
    return FetchError(
        f"the server answered {response.status} {response.reason or ''}".rstrip(),
        transient=response.status in _BUSY,
        after=int(after) if after.isascii() and after.isdigit() and len(after) < 9 else 0,
    )


def _body(response: BaseHTTPResponse, largest: int) -> bytes:
    """Return the content, unpacked where it was packed for the way alone (RFC 9110 8.4)."""
    pieces: list[bytes] = []
    size = 0
    for piece in response.stream(_PIECE, decode_content=False):
        pieces.append(piece)
        size += len(piece)
        if size > largest:
            raise _too_large(largest)
    content = b"".join(pieces)
    coding = response.headers.get("Content-Encoding", "identity").lower()
    if coding in {"identity", ""}:
        return content
    if coding not in {"gzip", "x-gzip"}:
        raise FetchError(f"it is packed as {coding!r}, which was not asked for")
    unpacking = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        content = unpacking.decompress(content, largest + 1)
    except zlib.error:
        raise FetchError("it is damaged: its packing fails", transient=True) from None
    if len(content) > largest:
        raise _too_large(largest)
    if not unpacking.eof:
        raise FetchError("it is cut off: its packing has no end", transient=True)
    return content


def _too_large(largest: int) -> FetchError:
    return FetchError(f"it has more than {largest} octets, which [fetch] largest allows")


def _reason(url: Url, error: Exception) -> str:
    """Return what went wrong, without the objects that urllib3 puts into its sentences."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"the certificate of {url.host} is not trusted: {cause.verify_message}"
        if isinstance(cause, ssl.SSLEOFError):
            return "it is cut off: the connection ended before TLS did"
        if isinstance(cause, IncompleteRead):
            return f"it is cut off after {cause.partial} octets"
        if isinstance(cause, OSError) and cause.strerror:
            return f"{url.host} cannot be asked: {cause.strerror}"
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, TimeoutError | NoAnswerError):
        return f"{url.host} is silent"
    return f"{url.host} cannot be asked: {error}"
