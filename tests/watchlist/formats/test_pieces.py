"""Texts in pieces: what is read of them is what is read of the whole, in less memory."""

import random
import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd.watchlist.formats import FORMATS, parse, pieces
from blockd.watchlist.formats.pieces import Pieces, Window

TEXTS = st.text(st.sampled_from("aé示\U0001f600\r\n\n"), max_size=40).map(
    lambda text: text.encode()
) | st.builds(lambda text: b"\xef\xbb\xbf" + text.encode(), st.text("a\n\ufeff", max_size=9))


@given(TEXTS, st.integers(1, 12))
def test_pieces_are_whole_lines_and_make_up_the_text(octets, size):
    text = octets.decode("utf-8-sig")
    found = list(Pieces(octets, size))
    assert "".join(found) == text == Pieces(octets, size).whole() == pieces.whole(text)
    assert all(piece.endswith("\n") for piece in found[:-1])


@given(TEXTS, st.integers(0, 12))
def test_the_head_is_the_texts(octets, characters):
    text = octets.decode("utf-8-sig")
    assert pieces.head(Pieces(octets), characters) == text[:characters]
    assert pieces.head(text, characters) == text[:characters]


@given(TEXTS, st.integers(1, 12), st.integers(0, 5), st.data())
def test_a_window_shows_all_of_a_text_and_always_enough_of_it(octets, size, ahead, data):
    text = octets.decode("utf-8-sig")
    window, at, done = Window(Pieces(octets, size), ahead), 0, 0
    while window.move(at):
        done, at = done + at, 0
        while at < window.limit:
            assert text.startswith(window.text, done)
            left = text.count("\n", done + at)
            assert min(left, ahead + 1) <= window.text.count("\n", at)
            at = data.draw(st.integers(at + 1, len(window.text)))
    assert done + at == len(text)


def test_a_window_moves_on_in_time_whatever_the_length_of_lines():
    octets = (b"a" * 1000 + b"\n") * 10_000
    window, started = Window(Pieces(octets, 1), 2000), time.process_time()
    moves = 0
    while window.move(window.limit):
        moves += 1
    assert 1 < moves < 20
    assert time.process_time() - started < 1


HEADS = {"rpz": "$TTL 60\n@ SOA a. b. 1 2 3 4 5\n", "csv": "domain,ip,listed,reason\n"}
USUAL = {
    "domains": ["{n}", "*.{n} # why"],
    "hosts": ["0.0.0.0 {n}", "0.0.0.0 {n}\n:: {n}", "0.0.0.0 {n} www.{n}"],
    "adblock": ["||{n}^", "@@||{n}^", "||{n}^$important", "||{a}^"],
    "dnsmasq": ["address=/{n}/0.0.0.0\naddress=/{n}/::", "address=/{n}/198.18.0.80", "local=/{n}/"],
    "unbound": [
        'local-zone: "{n}" static',
        'local-zone: "{n}" redirect\nlocal-data: "{n} A 198.18.0.80"',
        'local-zone: "{n}" redirect\nlocal-data: "{n} A 0.0.0.0"',
    ],
    "rpz": ["{n} CNAME .", "{n} CNAME .\n*.{n} CNAME .", '{n} TXT ( "a"\n "b" ; c\n )'],
    "csv": ["{n},,,", "{n},2001:db8::{h},2026-01-01,r", '{n},,,"two\nlines"'],
    "addresses": ["{a}", "2001:db8::{h}", "198.18.0.{b}-198.18.0.255"],
}
ODD = ["", "# a comment", "! another", "示例.example", "a..example", "x" * 3000, '"', "(", "a\rb"]


def made(form, rng, lines):
    """A list with long runs of its usual lines, and odd ones here and there."""
    found = []
    while len(found) < lines:
        shape = rng.choice(USUAL[form])
        for _ in range(rng.choice([1, 5, 1500])):
            number = rng.randrange(1 << 16)
            found.append(
                shape.format(
                    n=f"n{number}.example",
                    a=f"198.18.{number >> 8}.{number & 255}",
                    h=f"{number:x}",
                    b=number & 255,
                )
            )
        found.append(rng.choice(ODD))
    return (HEADS.get(form, "") + "\n".join(found) + "\n").encode()


@pytest.mark.parametrize("form", USUAL)
def test_a_list_in_pieces_means_what_it_means_as_a_whole(form):
    rng = random.Random(form)
    octets = made(form, rng, 6000)
    expected = FORMATS[form](octets.decode(), "x")
    assert expected.entries > 1000
    for size in (1, 4000, 1 << 16):
        assert FORMATS[form](Pieces(octets, size), "x") == expected


LONG = {
    "ascii": b"a" * 399,
    "other letters": "é".encode() * 199,
    "in lines of a megabyte": b"a" * (1 << 20),
}


@pytest.mark.parametrize("form", ["domains", "rpz", "csv"])
@pytest.mark.parametrize("comment", LONG.values(), ids=LONG)
@pytest.mark.parametrize("end", [b"", b"cut off"])
def test_a_long_list_takes_little_beside_its_octets(form, comment, end):
    line = (b"; " if form == "rpz" else b"# ") + comment + b"\n"
    many = (24 << 20) // len(line) if len(line) < 1 << 20 else 2
    octets = HEADS.get(form, "").encode() + b"a.example,,,\n" + line * many + end
    tracemalloc.start()
    try:
        parsed = parse(octets, "x", form)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert parsed.refused == bool(end)
    assert peak < 16 << 20
