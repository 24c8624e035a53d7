"""Keys of prefixes and ranges: they sort as prefixes do, and come back as they went in."""

from hypothesis import given
from hypothesis import strategies as st

from blockd.policy import layout
from blockd.prefixes import WIDTH, Prefix, Range


@st.composite
def any_prefix(draw):
    family = draw(st.sampled_from([4, 6]))
    width = WIDTH[family]
    address = draw(st.integers(0, 2**width - 1))
    return Prefix(family, address, width).supernet(draw(st.integers(0, width)))


@given(st.lists(any_prefix(), max_size=20))
def test_keys_sort_as_prefixes_do_and_come_back_whole(found):
    keys = sorted(map(layout.pack_prefix, found))
    assert [layout.unpack_prefix(key) for key in keys] == sorted(found)


@given(any_prefix(), st.data())
def test_what_a_prefix_covers_follows_it(prefix, data):
    longer = data.draw(st.integers(prefix.length, WIDTH[prefix.family]))
    inner = Prefix(prefix.family, data.draw(st.integers(prefix.network, prefix.last)), longer)
    inner = inner.supernet(longer)
    assert prefix.covers(inner)
    assert layout.pack_prefix(prefix) <= layout.pack_prefix(inner)


def test_values_of_one_slot_and_of_two_are_told_apart_by_their_size():
    assert len({layout.ONE.size, layout.TWO.size}) == 2
    assert layout.TWO.unpack(layout.BETWEEN) == (layout.NONE, 0, layout.NONE, 0)


addresses = st.sampled_from([4, 6]).flatmap(
    lambda family: st.tuples(st.just(family), st.integers(0, 2 ** WIDTH[family] - 1))
)


@given(st.sets(addresses))
def test_keys_of_ranges_sort_as_ranges_do(firsts):
    found = sorted(Range(family, first, first, bytes(8)) for family, first in firsts)
    rows = [layout.pack_range(each) for each in found]
    assert rows == sorted(rows)
    assert [key for key, _ in rows] == [
        layout.range_key(each.first.to_bytes(WIDTH[each.family] // 8, "big")) for each in found
    ]
