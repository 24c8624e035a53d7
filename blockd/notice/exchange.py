"""One request and its answer as octets: HTTP/1.1 by h11, bounded. Pure.

Which host a request is for is read in `request`, and what it is told is decided in `answer`. One
exchange a connection, so that nothing behind the head is read: neither a body nor another request.
"""

from http import HTTPStatus

import h11

from blockd.notice import request
from blockd.notice.answer import Answer
from blockd.notice.request import Request

LONGEST = 8192
"""Octets of a head. RFC 9112 3 asks for a request line of 8000 at least."""

MOST_LINES = 100
"""Of a head, with the empty one at its end: h11 takes its time for each, and others wait for it."""

_FORBIDDEN = b"\0", b"\v", b"\f"  # RFC 9110 5.5


class Exchange:
    """Takes a head as its octets come, and frames the answer."""

    def __init__(self) -> None:
        """Wait for the first octet."""
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=LONGEST - 1)
        self._taken = 0
        self._lines = 0
        self._after_return = False
        self._without_body = False

    @property
    def begun(self) -> bool:
        """Whether a request has begun: browsers connect ahead, and may never send one."""
        return self._taken > 0

    def take(self, octets: bytes) -> Request | HTTPStatus | None:
        """Return the request when its head is whole, or the status that it gets as none.

        Args:
            octets: what has come since; not called again once it has returned something.

        Returns:
            None while more has to come.
        """
        if not self.begun:
            octets = octets.lstrip(b"\r\n")  # RFC 9112 2.2: empty lines before it are passed over
        # By lines, since a body may come along with the head, and may hold anything.
        for line in octets[: LONGEST - self._taken].splitlines(keepends=True):
            if self._is_forbidden(line):
                return HTTPStatus.BAD_REQUEST
            self._taken += len(line)
            self._lines += line.endswith(b"\n")
            if self._lines > MOST_LINES:
                return HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            self._http.receive_data(line)
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as error:
                return self._refusal(error)
            if isinstance(event, h11.Request):
                return self._read(event)
        return None

    def give(self, answer: Answer) -> bytes:
        """Return an answer as it goes onto the wire."""
        fields = [
            *answer.fields,
            ("Content-Length", str(len(answer.body))),
            ("Connection", "close"),
        ]
        response = h11.Response(
            status_code=answer.status, reason=answer.status.phrase, headers=fields
        )
        parts = [self._http.send(response)]
        if not self._without_body:
            parts.append(self._http.send(h11.Data(data=answer.body)))
        return b"".join([*parts, self._http.send(h11.EndOfMessage())])

    def _is_forbidden(self, line: bytes) -> bool:
        """Tell whether a line, or a part of one, has what no head may have.

        h11 0.16 refuses it as well, but takes time with the square of the blanks before it: 0.2 s
        for a head, in which nobody else would be answered.
        """
        bare_return = self._after_return and not line.startswith(b"\n")  # RFC 9112 2.2
        self._after_return = line.endswith(b"\r")
        return bare_return or any(octet in line for octet in _FORBIDDEN)

    def _read(self, head: h11.Request) -> Request | HTTPStatus:
        self._without_body = head.method == b"HEAD"  # RFC 9110 9.3.2
        if not head.http_version.startswith(b"1."):
            # HTTP/2 begins with a request of its own, `PRI * HTTP/2.0`: RFC 9113 3.4
            return HTTPStatus.HTTP_VERSION_NOT_SUPPORTED
        return request.read(head.method, head.target, head.headers) or HTTPStatus.BAD_REQUEST

    def _refusal(self, error: h11.RemoteProtocolError) -> HTTPStatus:
        status = HTTPStatus(error.error_status_hint)
        too_long = status is HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        if too_long and b"\n" not in self._http.trailing_data[0]:
            return HTTPStatus.REQUEST_URI_TOO_LONG  # RFC 9112 3: it has to be this one
        return status
