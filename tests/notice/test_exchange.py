"""Requests and answers as octets: what is one, what is none, and where each ends."""

import itertools
import time
from http import HTTPStatus

import h11
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from blockd.notice.answer import Answer
from blockd.notice.exchange import LONGEST, MOST_LINES, Exchange
from blockd.notice.request import Request

BAD = HTTPStatus.BAD_REQUEST
GET = b"GET / HTTP/1.1\r\nHost: x.example\r\n"
ANSWER = Answer(HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS, [("Vary", "Accept")], b"whole")


def head(line, *fields):
    return "\r\n".join([line, *fields, "", ""]).encode()


def taken(octets, cuts=()):
    """Return what the first piece that is enough gives."""
    exchange = Exchange()
    pieces = (octets[a:b] for a, b in itertools.pairwise([0, *sorted(cuts), len(octets)]))
    found = (exchange.take(piece) for piece in pieces if piece)
    return next((each for each in found if each is not None), None)


@pytest.mark.parametrize(
    ("octets", "host"),
    [
        (head("GET / HTTP/1.1", "Host: x.example"), "x.example"),
        (head("GET / HTTP/1.1", "hOsT:  X.Example.:8080\t"), "X.Example."),
        (head("BREW / HTTP/1.9", "Host: x.example"), "x.example"),
        (head("GET / HTTP/1.0"), ""),
        (head("GET http://x.example HTTP/1.0"), "x.example"),
        (head("GET http://x.example/ HTTP/1.1", "Host: y.example"), "x.example"),
        (head("CONNECT x.example:443 HTTP/1.1", "Host: y.example"), "x.example"),
        (head("GET / HTTP/1.1", "Host: x.example", "Upgrade: h2c"), "x.example"),
        (head("GET / HTTP/1.1", "Host: x.example", "Expect: 100-continue"), "x.example"),
        (head("GET / HTTP/1.1", "Host: bücher.example"), "bücher.example"),
        (b"GET / HTTP/1.1\nHost: x.example\n\n", "x.example"),
        (b"\r\n\n" + GET + b"\r\n", "x.example"),
        (GET + b"Content-Length: 6\r\n\r\n\0\v\r\r\n\n", "x.example"),
    ],
)
def test_a_head_is_read_whatever_comes_behind_it(octets, host):
    assert taken(octets) == Request(host)


@pytest.mark.parametrize(
    ("octets", "status"),
    [
        (head("GET / HTTP/1.1"), BAD),  # RFC 9112 3.2: without Host
        (head("GET http://x.example/ HTTP/1.1"), BAD),
        (head("GET / HTTP/1.1", "Host: x.example", "Host: x.example"), BAD),
        (head("GET / HTTP/1.1", "Host: a b"), BAD),
        (head("GET / HTTP/1.1", "Host : x.example"), BAD),  # RFC 9112 5.1
        (head("GET / HTTP/1.1", "Host: x.example", " folded"), BAD),
        (head("GET / HTTP/1.1", "Host: x.example", "a field"), BAD),
        (head("GET / HTTP/1.1", "Host: x.example", "Content-Length: -1"), BAD),
        (head("GET / HTTP/1.1", "Host: x.example", "a: \0"), BAD),  # RFC 9110 5.5
        (GET + b"a: b\rc: d", BAD),  # RFC 9112 2.2
        (head("GET  / HTTP/1.1", "Host: x.example"), BAD),
        (head("G(T / HTTP/1.1", "Host: x.example"), BAD),
        (head("GET /", "Host: x.example"), BAD),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", BAD),  # TLS: RFC 8446 5.1
        (b"\x16", BAD), (b"\0", BAD), (b" GET", BAD),
        (head("GET / HTTP/1.1", "Host: x.example", "Transfer-Encoding: gzip"),
         HTTPStatus.NOT_IMPLEMENTED),  # RFC 9112 6.1
        (head("PRI * HTTP/2.0") + b"SM\r\n\r\n", HTTPStatus.HTTP_VERSION_NOT_SUPPORTED),
        (head("GET / HTTP/3.0", "Host: x.example"), HTTPStatus.HTTP_VERSION_NOT_SUPPORTED),
    ],
)  # fmt: skip
def test_what_is_no_request_of_http_1_gets_the_status_that_says_so(octets, status):
    assert taken(octets) is status


def test_a_continued_field_is_one():
    """RFC 9112 5.2: blanks may stand for where it was folded."""
    fields = "Host: x.example", "Accept: text/html,", "\t text/plain"
    assert taken(head("GET / HTTP/1.1", *fields)) == Request("x.example", "text/html, text/plain")


@pytest.mark.parametrize("longer", [0, 1])
@pytest.mark.parametrize("cuts", [(), (1,), (LONGEST - 1,), range(1, LONGEST)])
def test_a_head_has_its_octets_and_no_more(longer, cuts):
    octets = GET + b"a: "
    octets += b"b" * (LONGEST - len(octets) - 4 + longer) + b"\r\n\r\n"
    too_long = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
    assert taken(octets, cuts) == (too_long if longer else Request("x.example"))
    # RFC 9112 3: a target that is too long has a status of its own.
    assert taken(b"GET /" + b"a" * LONGEST, cuts) is HTTPStatus.REQUEST_URI_TOO_LONG


PIECES = (b"\r", b"\n", b"\r\n", b" ", b"\0", b"a", b"a: b\r\n", b": ", GET, b"Host: y\r\n",
          b"PRI * HTTP/2.0\r\n", b"\xff")  # fmt: skip
OCTETS = st.lists(st.sampled_from(PIECES), max_size=12).map(b"".join) | st.binary(max_size=100)


@given(OCTETS, st.data())
@example(GET + b"\r\n\0", None)
def test_nothing_is_too_much_for_it_nor_read_otherwise_in_pieces(octets, drawn):
    cuts = drawn.draw(st.lists(st.integers(0, len(octets)))) if drawn else range(len(octets))
    whole = taken(octets)
    assert taken(octets, cuts) == whole
    assert taken(octets + b"\0", cuts) == (whole or taken(octets + b"\0"))


def test_only_a_beginning_has_begun():
    exchange = Exchange()
    assert (exchange.take(b"\r\n"), exchange.begun) == (None, False)
    assert (exchange.take(b"G"), exchange.begun) == (None, True)


@pytest.mark.parametrize("method", [b"GET", b"POST", b"OPTIONS", b"CONNECT", b"BREW", b"HEAD"])
@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
def test_an_answer_is_framed_for_every_method_and_head_gets_no_body(method, version):
    exchange = Exchange()
    exchange.take(b"%b x:80 HTTP/%b\r\nHost: x\r\n\r\n" % (method, version))
    fields, _, body = exchange.give(ANSWER).partition(b"\r\n\r\n")
    assert fields.split(b"\r\n") == [
        b"HTTP/1.1 451 Unavailable For Legal Reasons", b"Vary: Accept", b"Content-Length: 5",
        b"Connection: close",
    ]  # fmt: skip
    assert body == (b"" if method == b"HEAD" else b"whole")


@pytest.mark.parametrize(
    "octets",
    [b"", b"GET / HT", b"\x16", GET + b"\0", b"a" * LONGEST, head("PRI * HTTP/2.0"),
     head("GET / HTTP/1.1")],
)  # fmt: skip
def test_an_answer_can_be_given_whatever_came_before(octets):
    exchange = Exchange()
    exchange.take(octets)
    assert exchange.give(ANSWER).endswith(b"\r\n\r\nwhole")


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("more", [0, 1])
@pytest.mark.parametrize("is_cut", [False, True])
def test_a_head_has_so_many_lines_and_no_more(end, more, is_cut):
    octets = GET + (b"a:b" + end) * (MOST_LINES - 3 + more) + end
    too_many = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
    cuts = range(1, len(octets)) if is_cut else ()
    assert taken(octets, cuts) == (too_many if more else Request("x.example"))


@pytest.mark.parametrize("text", ["a\r\nSet-Cookie: x=y", "a\n", "a\0b"])
def test_no_text_begins_a_field_of_an_answer(text):
    with pytest.raises(h11.LocalProtocolError, match="Illegal header value"):
        Exchange().give(ANSWER._replace(fields=[("Link", text)]))


@pytest.mark.parametrize(
    "octets",
    [
        GET + b"a:" + b" " * LONGEST, GET + b"a:" + b" " * 8000 + b"\0\r\n\r\n",
        GET + b"a:" + b"\t" * 8000 + b"\f\r\n\r\n", GET + b"a:" + b" " * 8000 + b"\r\r\n\r\n",
        GET + b"a: " + b"b " * 4000 + b"\v\r\n\r\n", GET + b"a:\n" * LONGEST,
        GET + b"a:b\n" * 2000 + b"\n", GET + b"a:" + b"\n " * 4000 + b"\0\n\n",
    ],
)  # fmt: skip
def test_no_head_takes_long_to_be_read(octets):
    """One process reads them all."""
    started = time.process_time()
    for _ in range(5):
        taken(octets)
    each = (time.process_time() - started) / 5
    print(f"{each * 1000:.2f} ms")
    assert each < 0.1
