"""Answers: statuses, fields and forms."""

import base64
import hashlib
from http import HTTPStatus

import pytest

from blockd.notice.answer import Answerer
from blockd.notice.request import Request
from tests.notice.rules import FULL, NAME, OPERATOR, verdict

STYLE = "p { color: red }"
PLACE = "http://198.18.0.80/"
DATE = "Wed, 25 Nov 2026 01:20:06 GMT"
BLOCKED = verdict(**FULL)


def answered(name=NAME, found=BLOCKED, operator=OPERATOR, place=PLACE, **asked):
    answer = Answerer(STYLE, operator).answer(Request("", **asked), name, found, place, DATE)
    return parted(answer)


def parted(answer):
    """Return status, fields and body; no field stands twice."""
    assert len(dict(answer.fields)) == len(answer.fields)
    return answer.status, dict(answer.fields), answer.body


def test_a_listed_name_gets_451():
    status, _, body = answered()
    assert status is HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS
    assert b"www.listed.example is blocked" in body


@pytest.mark.parametrize(
    ("operator", "place", "link"),
    [
        (OPERATOR, PLACE, f'<{OPERATOR}>; rel="blocked-by"'),
        ("", PLACE, f'<{PLACE}>; rel="blocked-by"'),
        ("", "", None),
    ],
)
def test_the_link_names_who_carries_the_block_out(operator, place, link):
    """RFC 7725 4: not the entity that mandates it, which the body names."""
    _, fields, body = answered(operator=operator, place=place)
    assert fields.get("Link") == link
    assert b"Example Authority" in body


@pytest.mark.parametrize(
    ("name", "found", "status"),
    [
        (NAME, None, HTTPStatus.MISDIRECTED_REQUEST),  # RFC 9110 15.5.20
        (NAME, verdict(allow=True, reason="a test"), HTTPStatus.MISDIRECTED_REQUEST),
        (None, None, HTTPStatus.NOT_FOUND),
    ],
)
def test_any_other_host_is_told_that_nothing_is_blocked(name, found, status):
    given, fields, body = answered(name=name, found=found)
    assert given is status
    assert "Link" not in fields
    assert b"www.listed.example is blocked" not in body


def test_nothing_may_run_be_fetched_framed_or_kept():
    for _, fields, _ in (answered(), answered(found=None), parted(
        Answerer(STYLE).error(HTTPStatus.BAD_REQUEST, DATE)
    )):  # fmt: skip
        digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
        rules = fields["Content-Security-Policy"].split("; ")
        assert rules[:2] == ["default-src 'none'", f"style-src 'sha256-{digest}'"]
        assert "frame-ancestors 'none'" in rules
        assert fields["Cache-Control"] == "no-store"
        assert fields["X-Content-Type-Options"] == "nosniff"
        assert fields["Referrer-Policy"] == "no-referrer"
        assert fields["Date"] == DATE
        assert "Server" not in fields
        assert "Set-Cookie" not in fields


@pytest.mark.parametrize(
    ("accept", "kind", "begins"),
    [
        ("", "text/html; charset=utf-8", b"<!doctype html>"),
        ("text/plain", "text/plain; charset=utf-8", b"www.listed.example "),
        ("application/json", "application/problem+json", b'{"title":"Unavailable'),
    ],
)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_form_and_the_language_are_the_clients(accept, kind, begins, language):
    _, fields, body = answered(accept=accept, accept_language=language)
    assert fields["Content-Type"] == kind
    assert fields["Content-Language"] == {"en": "en", "zh": "zh-Hans"}[language]
    assert fields["Vary"] == "Accept, Accept-Language"
    assert body.startswith(begins)
    assert ("封锁" in body.decode()) is (language == "zh")


def test_what_is_no_request_gets_its_status_as_text():
    status, fields, body = parted(Answerer(STYLE).error(HTTPStatus.BAD_REQUEST, DATE))
    assert status is HTTPStatus.BAD_REQUEST
    assert fields["Content-Type"] == "text/plain; charset=utf-8"
    assert body == b"400 Bad Request\n"
