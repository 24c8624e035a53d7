"""The page in a browser that runs none of its scripts: read, clicked, and looked at.

Pictures are kept in pytest's temporary directory of this run (`--basetemp`).
"""

import socket
import struct
import zlib

import pytest

from tests import topology
from tests.browser import browser
from tests.cli.program import RULES, Gateway, until
from tests.ports import free_port
from tests.resolver import messages
from tests.web.conftest import shown

READERS = {
    "english": {"language": "en-GB"},
    "chinese": {"language": "zh-CN,zh;q=0.9,en;q=0.5"},
    "dark": {"language": "en", "dark": True},
    "narrow": {"language": "zh", "dark": True, "width": 390, "height": 844},
}


@pytest.fixture(scope="module")
def space():
    topology.require()
    with topology.namespace("page") as made:
        yield made


@pytest.fixture(scope="module")
def site(space, tmp_path_factory):
    """A gateway that has blocked something, and whose list has changed once."""
    gateway = Gateway(tmp_path_factory.mktemp("site"), free_port())
    with shown(gateway, "watch", "resolve", space=space) as page:
        gateway.write(RULES + '\n[[platform]]\nid = "p002"\ndomains = ["more.example"]\n')
        until((gateway.state / "generations/00000002.mdb").exists)
        ask(space, gateway.port, "www.listed.example", 25)
        yield page


def ask(space, port, name, times):
    """Ask the resolver from within its namespace."""

    def asking():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(5)
            sock.connect(("127.0.0.1", port))
            for _ in range(times):
                sock.send(messages.query(name))
                assert sock.recv(4096)

    space.call(asking)


@pytest.fixture(scope="module")
def reader(space, site, tmp_path_factory):
    with browser(space, tmp_path_factory.mktemp("profile")) as opened:
        opened.place = f"http://127.0.0.1:{site.port}"
        yield opened


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return tmp_path_factory.mktemp("pictures")


def brightness(picture):
    """Return how bright the first pixel of a PNG is, 0 to 255."""
    at, found = 8, b""
    while at < len(picture):
        (size,) = struct.unpack(">I", picture[at : at + 4])
        if picture[at + 4 : at + 8] == b"IDAT":
            found += picture[at + 8 : at + 8 + size]
        at += 12 + size
    return max(zlib.decompressobj().decompress(found, 64)[1:4])


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("path", ["/", "/platforms", "/search?q=www.listed.example", "/history/2"])
def test_it_looks_as_the_reader_wants_it(reader, pictures, kind, path):
    wanted = READERS[kind]
    reader.reader(**wanted)
    reader.open(reader.place + path)
    name = path.strip("/").partition("?")[0].replace("/", "-") or "state"
    picture = reader.keep(pictures / f"{name}-{kind}.png")
    assert (brightness(picture) < 64) is wanted.get("dark", False)
    chinese = wanted["language"].startswith("zh")
    assert ("平台" in reader.text) is chinese
    assert reader.value("document.documentElement.lang") == ("zh-Hans" if chinese else "en")
    # Nothing sticks out: wide tables scroll within themselves.
    assert reader.value("document.documentElement.scrollWidth <= innerWidth")


def test_a_reader_finds_out_why_something_is_blocked(reader, pictures):
    reader.reader()
    reader.open(reader.place)
    assert "The resolver enforces generation 2; null routes are switched off." in reader.text
    reader.click('nav a[href="/search"]')
    reader.write("#q", "www.listed.example")
    reader.click("button")
    assert "www.listed.example is blocked" in reader.text
    assert "Example Authority" in reader.text
    reader.keep(pictures / "found.png")
    reader.click('dl a[href="/history/2"]')
    assert "Added: 1" in reader.text
    assert "more.example" in reader.text
    reader.click('nav a[href="/history"]')
    assert "in force now" in reader.text


def test_what_was_blocked_is_drawn_and_counted(reader):
    reader.reader()
    reader.open(reader.place)
    heights = reader.value(
        "[...document.querySelectorAll('rect.g0')].map(e => +e.getAttribute('height'))"
    )
    assert max(heights) > 0
    fill = reader.value("getComputedStyle(document.querySelector('rect.g0')).fill")
    assert fill == "rgb(179, 50, 60)"
    reader.click('nav a[href="/platforms"]')
    rows = reader.value("[...document.querySelectorAll('tbody tr')].map(e => e.innerText)")
    assert rows[0].split("\t")[:3] == ["p001", "Example Exchange", "25"]


def test_it_can_be_read_by_keyboard_and_by_ear(reader):
    reader.reader()
    for path in ("/", "/platforms", "/search", "/history"):
        reader.open(reader.place + path)
        assert reader.value("document.querySelectorAll('h1').length") == 1
        assert reader.value("document.querySelectorAll('nav a[aria-current=page]').length") == 1
        assert reader.value("[...document.querySelectorAll('input')].every(e => e.labels.length)")
        assert reader.value("[...document.querySelectorAll('th')].every(e => e.scope)")


def test_nothing_is_fetched_from_elsewhere(reader):
    assert reader.requested
    assert {url for url in reader.requested if not url.startswith(reader.place)} == set()
