"""One list over HTTPS, from a real server: what comes, and what must not be taken for a list."""

import time

import pytest

from blockd.errors import ConfigError, FetchError
from blockd.fetch import download
from blockd.fetch.download import Limits
from blockd.publishers import Url
from tests.fetch.server import Page, packed
from tests.resolver.certificates import Authority

LIMITS = Limits(largest=1000, seconds=10)
LIST = b"a.example\nb.example\n"


def get(server, path, limits=LIMITS, **held):
    trusted = download.trust(server.authority.file)
    return download.get(Url.parse(server.url(path)), limits, trusted, **held)


def test_a_list_comes_with_what_tells_its_edition(server):
    day = "Tue, 24 Nov 2026 10:00:00 GMT"
    server.put("/a.txt?x=1", LIST, headers={"ETag": '"7"', "Last-Modified": day})
    answer = get(server, "/a.txt?x=1")
    assert (answer.content, answer.etag, answer.modified) == (LIST, '"7"', day)
    ((_, headers),) = server.asked
    assert headers["Host"] == f"localhost:{server.port}"
    assert headers["User-Agent"] == "blockd"
    assert not {"If-None-Match", "If-Modified-Since"} & {*headers}


def test_what_is_current_is_not_sent_again(server):
    server.put_conditional("/a.txt", LIST, '"7"')
    assert get(server, "/a.txt", etag='"7"', modified="some day").content is None
    ((_, headers),) = server.asked
    assert (headers["If-None-Match"], headers["If-Modified-Since"]) == ('"7"', "some day")
    assert get(server, "/a.txt", etag='"6"').content == LIST


def test_packing_for_the_way_is_undone_and_that_of_a_file_is_left(server):
    server.pages["/a.txt"] = packed(LIST)
    assert get(server, "/a.txt").content == LIST
    server.put("/a.txt.gz", packed(LIST).body)
    assert get(server, "/a.txt.gz").content == packed(LIST).body


def test_redirects_are_followed_relative_ones_too(server):
    server.put("/a", b"", status=301, headers={"Location": "/b#part"})
    server.put("/b", b"", status=307, headers={"Location": server.url("/c")})
    server.put("/c", LIST)
    assert get(server, "/a").content == LIST
    assert server.paths() == ["/a", "/b", "/c"]


def test_a_body_of_no_announced_length_is_whole_when_tls_says_so(server):
    server.put("/a", LIST, ends="with TLS")
    assert get(server, "/a").content == LIST


def bomb():
    return Page(packed(b"a" * 1_000_000).body, headers={"Content-Encoding": "gzip"})


def cut(body):
    return Page(body.body[:-9], headers=body.headers)


BAD = {
    "not found": (Page(LIST, 404), "the server answered 404 Not Found", False),
    "busy": (Page(b"", 503), "the server answered 503 Service Unavailable", True),
    "not modified though nothing is held": (Page(b"", 304), "the server answered 304", False),
    "an empty answer": (Page(b"", 204), "the server answered 204", False),
    "part of it": (Page(LIST, 206), "the server answered 206", False),
    "cut off": (Page(LIST, short_by=5), "it is cut off after 20 octets", True),
    "cut off by somebody on the way": (Page(LIST, ends="without"), "ended before TLS did", True),
    "cut off within its packing": (cut(packed(LIST)), "its packing has no end", True),
    "damaged": (Page(b"no gzip", headers={"Content-Encoding": "gzip"}), "it is damaged", True),
    "packed in another way": (Page(LIST, headers={"Content-Encoding": "br"}), "packed as", False),
    "too large": (Page(b"a" * 1001), "it has more than 1000 octets", False),
    "too large when unpacked": (bomb(), "it has more than 1000 octets", False),
    "to plain HTTP": (
        Page(status=302, headers={"Location": "http://localhost/a"}),
        "it redirects to 'http://localhost/a', which is not followed", False,
    ),
    "to a file": (Page(status=302, headers={"Location": "file:///etc/passwd"}), "redirects", False),
    "round and round": (Page(status=302, headers={"Location": "/a"}), "more than 5 times", False),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_whole_list_is_an_error_that_says_why(server, case):
    page, said, transient = BAD[case]
    server.pages["/a"] = page
    with pytest.raises(FetchError) as caught:
        get(server, "/a")
    assert said in str(caught.value)
    assert caught.value.transient == transient


def test_the_server_may_say_when_to_come_back(server):
    server.put("/a", b"", status=429, headers={"Retry-After": "77"})
    with pytest.raises(FetchError) as caught:
        get(server, "/a")
    assert caught.value.after == 77


def test_a_server_that_stops_in_the_midst_is_not_waited_for(server):
    server.put("/a", LIST, stops=True)
    started = time.monotonic()
    with pytest.raises(FetchError, match=r"it took more than 0\.2 s") as caught:
        get(server, "/a", Limits(largest=1000, seconds=0.2))
    assert time.monotonic() - started < 5
    assert caught.value.transient


def test_the_certificate_must_be_for_the_name_and_of_a_trusted_authority(server, tmp_path):
    server.put("/a", LIST)
    trusted = download.trust(server.authority.file)
    elsewhere = Url.parse(server.url("/a", "127.0.0.1"))
    with pytest.raises(FetchError, match=r"127\.0\.0\.1 is not trusted: IP address mismatch"):
        download.get(elsewhere, LIMITS, trusted)
    other = download.trust(Authority(tmp_path / "other").file)
    for strange in (other, download.trust("")):
        with pytest.raises(FetchError, match="the certificate of localhost is not trusted"):
            download.get(Url.parse(server.url("/a")), LIMITS, strange)
    assert server.asked == []


def test_where_nobody_listens_the_error_names_the_server_and_the_cause(server):
    from tests.ports import free_port

    url = Url.parse(f"https://localhost:{free_port()}/a")
    with pytest.raises(FetchError, match="localhost cannot be asked: Connection refused"):
        download.get(url, LIMITS, download.trust(server.authority.file))


def test_authorities_that_cannot_be_read_are_a_configuration_error(tmp_path):
    (tmp_path / "ca.pem").write_text("nonsense")
    for name in ("ca.pem", "missing.pem"):
        with pytest.raises(ConfigError, match=r"\[fetch\] ca names a PEM file"):
            download.trust(str(tmp_path / name))
