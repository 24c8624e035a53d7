"""Messages come out as they went in, however a stream is cut."""

from hypothesis import given
from hypothesis import strategies as st

from blockd.resolver.frames import Frames, framed

messages = st.lists(st.binary(max_size=300) | st.just(b"x" * 65_535), max_size=6)


@given(messages, st.lists(st.integers(1, 400), min_size=1, max_size=6))
def test_messages_come_out_in_order_however_they_are_cut(sent, cuts):
    stream = b"".join(map(framed, sent))
    frames = Frames()
    got = []
    turn = 0
    while stream:
        size = cuts[turn % len(cuts)] * (1 if len(stream) < 10_000 else 100)
        frames.feed(stream[:size])
        stream = stream[size:]
        turn += 1
        while frames.whole:
            got.append(frames.take())
        assert frames.take() is None
    assert got == sent
    assert not frames.cut


@given(st.binary(max_size=300), st.data())
def test_a_message_is_cut_until_its_last_octet(message, draw):
    stream = framed(message)
    size = draw.draw(st.integers(1, len(stream) - 1))
    frames = Frames()
    frames.feed(memoryview(stream)[:size])
    assert frames.cut
    assert not frames.whole
    assert frames.take() is None
    frames.feed(stream[size:])
    assert frames.whole
    assert not frames.cut
    assert frames.take() == message


def test_nothing_is_neither_cut_nor_whole():
    frames = Frames()
    assert not frames.cut
    assert not frames.whole
    assert frames.take() is None
