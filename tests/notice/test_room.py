"""Who may stay when there is no room for all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd.notice.room import Limits, Room, client_of

SMALL = Limits(connections=6, of_one=3)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9)), max_size=60))
def test_neither_all_nor_one_has_more_than_its_share(steps):
    room, here = Room(SMALL), {}
    for number, (leaves, client) in enumerate(steps):
        if leaves and here:
            gone = list(here)[client % len(here)]
            room.remove(gone)
            del here[gone]
            continue
        before = [each for each, owner in here.items() if owner == str(client)]
        going = room.admit(number, str(client))
        here[number] = str(client)
        if going is not None:
            assert len(before) == 3 or len(here) == 7
            del here[going]
        assert room.all() == list(here)
        owners = list(here.values())
        assert len(owners) <= 6
        assert max(map(owners.count, owners)) <= 3
    for each in list(here):
        room.remove(each)
        room.remove(each)
    assert len(room) == 0
    assert not room._counts


def test_a_client_that_takes_much_makes_room_for_itself_and_for_others():
    room = Room(SMALL)
    for number in range(3):
        assert room.admit(("greedy", number), "greedy") is None
    assert room.admit(("greedy", 3), "greedy") == ("greedy", 0)
    for number in range(3):
        assert room.admit(number, f"client {number}") is None
    assert room.admit(3, "client 3") == ("greedy", 1)
    assert room.closed_for_others == 2


def test_among_equals_the_oldest_goes():
    room = Room(SMALL)
    for number in range(6):
        room.admit(number, str(number))
    assert room.admit(6, "6") == 0


@pytest.mark.parametrize(
    ("address", "like", "same"),
    [
        ("198.18.0.1", "198.18.0.2", False),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
    ],
)
def test_a_client_is_an_address_or_the_64_of_one(address, like, same):
    assert (client_of(address) == client_of(like)) is same
