"""Which channel questions leave by, and IDs that are not awaited already."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd.resolver.channels import Channels


@given(st.integers(0, 4), st.integers(1, 3), st.integers(-1, 15), st.integers())
def test_any_channel_but_the_resting_one_is_drawn_and_what_is_awaited_there_is_at_hand(
    bits, upstreams, resting, seed
):
    channels = Channels(upstreams, 1 << bits, random.Random(seed).getrandbits)
    channels.resting = resting
    for _ in range(20):
        assert 0 <= channels.current < 1 << bits
        for upstream, pending in enumerate(channels.leaving):
            assert pending is channels.pending[upstream][channels.current]
        channels.turn()
        assert channels.current != resting or bits == 0


@pytest.mark.parametrize("awaited", [0, 1, 0xFFFF])
def test_an_id_that_is_awaited_is_not_drawn_again(awaited):
    channels = Channels(1, 16, random.Random(1).getrandbits)
    pending = dict.fromkeys(set(range(0x10000)) - {awaited})
    assert channels.unused(pending) == awaited


def test_ids_are_the_source_of_randomnesss():
    drawn = iter(range(1, 3))
    channels = Channels(1, 1, lambda bits: int.from_bytes(bytes((next(drawn), 7)) * (bits // 16)))
    assert [channels.draw() for _ in range(257)] == [0x0701] * 256 + [0x0702]
