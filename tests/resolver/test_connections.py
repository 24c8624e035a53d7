"""Who may stay: bounds hold in any order of events, and nobody is remembered."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd.resolver.connections import Connections, Limits, client_of

LIMITS = Limits(connections=5, of_one=3, idle=10, least_idle=1)
events = st.lists(
    st.tuples(
        st.sampled_from(["admit", "busy", "idle", "remove"]),
        st.integers(0, 9),
        st.sampled_from([b"a", b"b", b"c"]),
    ),
    max_size=60,
)


@given(events)
def test_bounds_hold_whatever_happens(happening):
    connections = Connections(LIMITS)
    client, busy = {}, set()
    idle = []  # the longest idle first
    for event, number, owner in happening:
        if event == "admit":
            if number in client:
                continue
            own = [other for other in idle if client[other] == owner]
            full = list(client.values()).count(owner) >= LIMITS.of_one
            expected = None
            if full or len(client) >= LIMITS.connections:
                able = own if full else idle
                expected = able[0] if able else None
                admitted = bool(able)
            else:
                admitted = True
            assert connections.admit(number, owner) == (admitted, expected)
            if expected is not None:
                del client[expected]
                idle.remove(expected)
            if admitted:
                client[number] = owner
                idle.append(number)
        elif event == "remove":
            connections.remove(number)
            client.pop(number, None)
            busy.discard(number)
            idle = [other for other in idle if other != number]
        elif event == "busy" and number in client:
            connections.busy(number)
            busy.add(number)
            idle = [other for other in idle if other != number]
        elif event == "idle":
            connections.idle(number)
            busy.discard(number)
            idle = [other for other in idle if other != number]
            if number in client:
                idle.append(number)
        assert len(connections) == len(client) <= LIMITS.connections
        assert LIMITS.least_idle <= connections.patience() <= LIMITS.idle
    for number in range(10):
        connections.remove(number)
    assert not any((connections._client, connections._counts, connections._idle))


def test_patience_is_whole_up_to_half_the_room_and_falls_to_the_least():
    limits = Limits(connections=100, idle=10, least_idle=1)
    connections = Connections(limits)
    seen = []
    for number in range(100):
        seen.append(connections.patience())
        connections.admit(number, bytes([number]))
    assert seen[:51] == [10] * 51
    assert seen == sorted(seen, reverse=True)
    assert connections.patience() == 1


@pytest.mark.parametrize(
    ("address", "client"),
    [
        (b"\x0a\0\0\1", b"\x0a\0\0\1"),
        (bytes.fromhex("20010db8000000010000000000000001"), bytes.fromhex("20010db800000001")),
        (b"\0" * 10 + b"\xff\xff\x0a\0\0\1", b"\x0a\0\0\1"),
    ],
)
def test_a_client_is_an_ipv4_address_or_an_ipv6_network(address, client):
    assert client_of(address) == client
