"""A web server with TLS on loopback, whose answers a test lays out."""

import contextlib
import gzip
import ssl
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.resolver.certificates import Authority

NAME = "localhost"


@dataclass
class Page:
    """What one path answers."""

    body: bytes = b""
    status: int = 200
    headers: dict = field(default_factory=dict)
    short_by: int = 0
    """Octets of the body that are announced and never sent."""
    ends: str = ""
    """How a body of no announced length ends: `with TLS` or `without`."""
    stops: bool = False
    """It says nothing more after the first octet, until the server ends."""


class Server:
    """Answers GET by `pages`; counts what was asked in `asked`, with the requests' headers."""

    def __init__(self, directory):
        self.authority = Authority(directory / "ca")
        leaf = self.authority.sign(NAME)
        self.pages = {}
        self.asked = []
        self._end = threading.Event()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(leaf.certificate, leaf.key)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._reader())
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._server.handle_error = lambda *_: None  # clients that go away are the tests' point
        self.port = self._server.server_address[1]

    def url(self, path, name=NAME):
        return f"https://{name}:{self.port}{path}"

    def put(self, path, body, **how):
        self.pages[path] = Page(body, **how)

    def put_conditional(self, path, body, etag):
        """Answer 304 to whoever has the ETag."""
        self.pages[path] = Page(body, headers={"ETag": etag})

    def paths(self):
        return [path for path, _ in self.asked]

    def _reader(server):  # noqa: N805 - the inner class has a `self` of its own
        class Reader(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                server.asked.append((self.path, dict(self.headers)))
                page = server.pages.get(self.path, Page(b"nothing here\n", 404))
                if isinstance(page, list):
                    page = page.pop(0) if len(page) > 1 else page[0]
                etag = page.headers.get("ETag")
                if etag and self.headers.get("If-None-Match") == etag:
                    page = Page(status=304)
                self.send_response(page.status)
                for name, value in page.headers.items():
                    self.send_header(name, value)
                if page.ends:
                    self.close_connection = True
                    self.send_header("Connection", "close")
                else:
                    self.send_header("Content-Length", str(len(page.body) + page.short_by))
                self.end_headers()
                if page.stops:
                    self.wfile.write(page.body[:1])
                    self.wfile.flush()
                    server._end.wait(20)
                    return
                self.wfile.write(page.body)
                if page.short_by:
                    self.close_connection = True
                if page.ends == "with TLS" or page.short_by:
                    self.connection.unwrap()

            def log_message(self, *_):
                pass

        return Reader

    @contextlib.contextmanager
    def running(self):
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield self
        finally:
            self._end.set()
            self._server.shutdown()
            self._server.server_close()
            thread.join()


def packed(body):
    return Page(gzip.compress(body, mtime=0), headers={"Content-Encoding": "gzip"})
