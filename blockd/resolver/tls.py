"""TLS for DNS (RFC 7858): our certificate, whom we trust, and a session without a socket.

Octets in, octets out: the same connection protocols serve TCP and TLS, and what bounds the
one bounds the other, handshakes included. What the octets say is the protocols' business.
"""

import contextlib
import getpass
import ssl
from pathlib import Path

from blockd.config import ResolverSection
from blockd.errors import ConfigError

_PROTOCOLS = ["dot"]  # RFC 7858's name in ALPN: IANA's registry
_RECORD = 16_384  # octets of the longest record: RFC 8446 5.1


class Certificate:
    """The server's certificate in force, as the context that each new connection takes."""

    def __init__(self, certificate: str, key: str) -> None:
        """Read the files.

        Raises:
            ConfigError: they cannot be used; the message says what to mend.
        """
        self._files = certificate, key
        self.context = _server_context(certificate, key)

    def renewed(self, settings: ResolverSection | None = None) -> None:
        """Read the files again, for new connections; open ones go on as they began.

        Args:
            settings: name the files, where they may be others by now.

        Raises:
            ConfigError: they cannot be used; the certificate before stays in force.
        """
        files = self._files if settings is None else (settings.certificate, settings.key)
        self.context = _server_context(*files)
        self._files = files


def server(settings: ResolverSection) -> Certificate | None:
    """Return the configured certificate; None where nothing is served over TLS.

    Raises:
        ConfigError: it is missing, or cannot be used.
    """
    if not settings.listen_tls:
        return None
    if not settings.certificate:
        raise ConfigError(
            "[resolver] listen_tls needs a certificate: set certificate and key to PEM files"
        )
    return Certificate(settings.certificate, settings.key)


def client_context(cafile: str | None = None) -> ssl.SSLContext:
    """Return how upstreams are asked: their certificates are checked (RFC 8310 8.1).

    Args:
        cafile: authorities to trust instead of the system's; SSL_CERT_FILE does the same.
    """
    context = ssl.create_default_context(cafile=cafile)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(_PROTOCOLS)
    return context


class Session:
    """One side of a TLS connection."""

    def __init__(
        self,
        context: ssl.SSLContext,
        server_name: str | None = None,
        before: ssl.SSLSession | None = None,
    ) -> None:
        """Begin, before any octet.

        Args:
            context: ours, or whom we trust.
            server_name: as a client, the name that the server's certificate must be for; None:
                we are the server.
            before: an earlier session with that server, to be resumed.
        """
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = context.wrap_bio(
            self._in, self._out, server_name is None, server_name, before
        )
        self.established = False
        """Whether the handshake is over, so that `send` may be called."""
        self.ended = False
        """Whether the peer said that nothing more will come from it."""

    @property
    def session(self) -> ssl.SSLSession | None:
        """What a later connection to the same server can resume."""
        return self._object.session

    def start(self) -> bytes:
        """Return a client's first octets."""
        self._shake()
        return self._out.read()

    def receive(self, octets: bytes | memoryview) -> bytes:
        """Take what came from the peer; returns what it says.

        There may be octets for the peer afterwards, see `outgoing`, with an error too.

        Raises:
            ssl.SSLError: the peer broke the protocol, or its certificate is not good.
        """
        self._in.write(octets)
        if not self.established:
            self._shake()
        said = b""
        while self.established and not self.ended:
            try:
                piece = self._object.read(_RECORD)
            except ssl.SSLWantReadError:
                break
            except ssl.SSLZeroReturnError:
                piece = b""
            self.ended = not piece
            said += piece
        return said

    def send(self, message: bytes) -> bytes:
        """Return the octets to send for a message, with whatever else is to be sent."""
        self._object.write(message)
        return self._out.read()

    def outgoing(self) -> bytes:
        """Return the octets that are to be sent to the peer."""
        return self._out.read()

    def end(self) -> bytes:
        """Return the octets that say that nothing more will come from us (RFC 8446 6.1)."""
        # The peer may not have said so, or there is no session yet: nobody waits for it.
        with contextlib.suppress(ssl.SSLError):
            self._object.unwrap()
        return self._out.read()

    def _shake(self) -> None:
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            return
        self.established = True


def _server_context(certificate: str, key: str) -> ssl.SSLContext:
    key = key or certificate
    _expect(certificate, b"-----BEGIN CERTIFICATE-----", "certificate")
    _expect(key, b"PRIVATE KEY-----", "key")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # RFC 8310 9, RFC 9325 3.1.1
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(_PROTOCOLS)

    def password() -> str:
        raise ConfigError(
            f"{key}: the key is protected by a password; give [resolver] key one that is not:"
            f" openssl pkey -in {key} -out FILE"
        )

    try:
        context.load_cert_chain(certificate, key, password)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise ConfigError(
                f"{key}: this key does not belong to the certificate in {certificate}; set"
                " [resolver] certificate and key to files that were made together"
            ) from None
        raise ConfigError(
            f"{certificate}: TLS cannot use it with {key}: {error.reason or error}; set"
            " [resolver] certificate and key to a whole PEM chain and its key"
        ) from None
    except OSError as error:
        raise _unreadable(certificate, error, "certificate") from None
    return context


def _expect(path: str, mark: bytes, option: str) -> None:
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise _unreadable(path, error, option) from None
    if mark not in content:
        raise ConfigError(
            f"{path}: holds no {option} in PEM form; set [resolver] {option} to a file that does"
        )


def _unreadable(path: str, error: OSError, option: str) -> ConfigError:
    return ConfigError(
        f"{path}: cannot be read: {error.strerror or error}; [resolver] {option} is a PEM file"
        f" that the user {_user()} may read"
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "of this service"
