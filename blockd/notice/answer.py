"""The whole answer to a request, fields and body, from what the list says of its host. Pure.

How it is framed as octets is a matter of `exchange`.
"""

import base64
import hashlib
from http import HTTPStatus
from typing import NamedTuple

from blockd import names
from blockd.hypertext import language
from blockd.notice import facts, media, page, plain
from blockd.notice.request import Request
from blockd.notice.words import Words
from blockd.policy.lookup import Verdict


class Answer(NamedTuple):
    """What a request is told."""

    status: HTTPStatus
    fields: list[tuple[str, str]]
    """All but what frames the body."""
    body: bytes
    """HEAD is told its length alone."""


class Answerer:
    """Answers in the forms and languages that there are."""

    def __init__(self, style: str, operator: str = "") -> None:
        """Take what every answer is made with.

        Args:
            style: the style sheet of the pages.
            operator: who runs this gateway, as a URI; empty: nobody said.
        """
        self._style = style
        self._operator = operator
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        # The digest lets in the style and nothing else, whatever a list's texts may hold.
        policy = (
            f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; form-action 'none';"
            " frame-ancestors 'none'; base-uri 'none'"
        )
        self._fixed = [
            ("Content-Security-Policy", policy),
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "no-referrer"),
            # RFC 7725 3: a 451 may be kept otherwise, and would outlive the list's entry.
            ("Cache-Control", "no-store"),
        ]

    def answer(
        self, request: Request, name: bytes | None, verdict: Verdict | None, place: str, date: str
    ) -> Answer:
        """Return the answer to a request.

        Args:
            request: what was asked.
            name: the name of its host, in canonical wire form; None: it has none.
            verdict: what decides about the name; None: nothing does.
            place: this server as a URI, which stands for the operator where that is not named.
            date: of now, as HTTP writes it (RFC 9110 5.6.7).
        """
        words = Words(language.chosen(request.accept_language))
        form = media.chosen(request.accept)
        fields = [
            ("Content-Language", language.LANGUAGES[words.language]),
            ("Vary", "Accept, Accept-Language"),
        ]
        if name is None or verdict is None or verdict.rule.allow:
            # RFC 9110 15.5.20: a name that this server does not answer for. Without a name it is
            # meant itself, and has nothing to show.
            status = HTTPStatus.NOT_FOUND if name is None else HTTPStatus.MISDIRECTED_REQUEST
            body = self._other(words, form, names.to_text(name) if name else "", status)
        else:
            status = HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS
            body = self._blocked(words, form, facts.blocked(name, verdict, self._operator))
            implementer = self._operator or place
            if implementer:
                # RFC 7725 4: who carries the block out, and not who ordered it.
                fields.append(("Link", f'<{implementer}>; rel="blocked-by"'))
        return self._answer(status, form, fields, body, date)

    def error(self, status: HTTPStatus, date: str) -> Answer:
        """Return the answer to what is no request that can be answered."""
        return self._answer(status, media.TEXT, [], f"{status.value} {status.phrase}\n", date)

    def _blocked(self, words: Words, form: str, about: facts.Blocked) -> str:
        match form:
            case media.PROBLEM:
                return plain.problem_of_blocked(words, about)
            case media.TEXT:
                return plain.text_of_blocked(words, about)
            case _:
                return page.of_blocked(words, about, self._style)

    def _other(self, words: Words, form: str, name: str, status: HTTPStatus) -> str:
        match form:
            case media.PROBLEM:
                return plain.problem_of_other(words, name, status)
            case media.TEXT:
                return plain.text_of_other(words, name)
            case _:
                return page.of_other(words, name, self._style)

    def _answer(
        self, status: HTTPStatus, form: str, fields: list[tuple[str, str]], body: str, date: str
    ) -> Answer:
        charset = "" if form == media.PROBLEM else "; charset=utf-8"
        first = [("Date", date), ("Content-Type", f"{form}{charset}")]
        return Answer(status, [*first, *fields, *self._fixed], body.encode())
