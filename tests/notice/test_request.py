"""Which host a request is for, and which name that is."""

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from blockd import names
from blockd.notice import request
from blockd.notice.request import Request


def read(line="GET /", *hosts, **fields):
    method, target = line.encode().split(b" ")
    known = [(b"cookie", b"a=b"), *((b"host", host.encode("latin-1")) for host in hosts)]
    known += [(name.encode(), value) for name, values in fields.items() for value in values]
    return request.read(method, target, known)


@pytest.mark.parametrize(
    ("line", "hosts", "host"),
    [
        ("GET /", ["x.example"], "x.example"),
        ("HEAD /a?b=c", ["X.Example.:8080"], "X.Example."),
        ("GET /", [""], ""),
        ("GET /", [], ""),
        ("GET /", ["198.18.0.1"], "198.18.0.1"),
        ("GET /", ["[2001:db8::1]:80"], "[2001:db8::1]"),
        # RFC 9112 3.2.2: of an absolute form, whatever Host says.
        ("GET http://x.example/", ["y.example"], "x.example"),
        ("GET HTTPS://a:b@x.example:8443?q", ["y.example"], "x.example"),
        ("GET http://x.example", [], "x.example"),
        # RFC 9112 3.2.3
        ("CONNECT x.example:443", ["y.example"], "x.example"),
        ("OPTIONS *", ["x.example"], "x.example"),
        ("GET /", ["b\xc3\xbccher.example"], "bücher.example"),
        ("GET /", ["b%C3%BCcher.example"], "bücher.example"),
        ("GET /", ["<script>"], "<script>"),
    ],
)
def test_the_host_is_the_targets_or_else_the_fields(line, hosts, host):
    assert read(line, *hosts) == Request(host)


@pytest.mark.parametrize(
    ("line", "host"),
    [
        ("GET /", "a b"), ("GET /", "x.example/y"), ("GET /", "x.example:eighty"),
        ("GET /", "\xff\xfe"), ("GET http:///x", "x.example"), ("CONNECT a@b", "x.example"),
    ],
)  # fmt: skip
def test_what_is_no_authority_is_no_host(line, host):
    assert read(line, host) is None


def test_languages_and_forms_of_several_fields_are_one_and_bounded():
    found = read("GET /", accept=[b"text/plain", b"text/html"], **{"accept-language": [b"zh"]})
    assert found == Request("", "text/plain,text/html", "zh")
    assert len(read("GET /", accept=[b"a" * 7000]).accept) == 1000


@given(st.binary(max_size=40), st.binary(max_size=40))
@example(b"/", b"%ff")
@example(b"http://%ff", b"")
def test_no_target_and_no_host_are_too_much_for_it(target, host):
    for method in (b"GET", b"CONNECT"):
        found = request.read(method, target, [(b"host", host), (b"accept", host)])
        if found is not None:
            request.name_of(found.host)


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("x.example", "x.example"), ("X.EXAMPLE.", "x.example"), ("_a.x.example", "_a.x.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
        ("例え。テスト", "xn--r8jz45g.xn--zckzah"),
        ("", None), (".", None), ("a..b", None), ("<script>", None), ("a b", None), ("-a", None),
        ("198.18.0.1", None), ("[2001:db8::1]", None), ("2001:db8::1", None), ("a." * 128, None),
        ("ü" * 300, None), ("\0.example", None),
    ],
)  # fmt: skip
def test_a_host_is_a_name_in_any_spelling_or_none(host, name):
    assert request.name_of(host) == (None if name is None else names.parse(name))


def test_no_name_takes_long_to_be_looked_at():
    """IDNA takes time with the square of the length; each request pays for it."""
    worst = [".".join(["ü" * 63] * 3), "".join(map(chr, range(0x4E00, 0x4EFA))), "xn--" + "a" * 240]
    started = time.process_time()
    for _ in range(20):
        for host in worst:
            request.name_of(host)
    each = (time.process_time() - started) / 60
    print(f"{each * 1000:.2f} ms")
    assert each < 0.05
