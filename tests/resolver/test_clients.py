"""What is known of the clients of one second: who may ask, how often, and their cookies."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd import prefixes
from blockd.resolver import clients as table
from blockd.resolver.clients import Clients
from blockd.resolver.cookies import OCTETS, Cookies

NOW = 1_790_000_000.7
ALLOWED = ("127.0.0.0/8", "198.18.0.0/15", "::1/128", "2001:db8::/32")


def packed(text):
    return ipaddress.ip_address(text).packed


def made(limit=10, allow=ALLOWED, now=lambda: NOW):
    return Clients(map(prefixes.parse, allow), limit, Cookies(bytes(16)), now)


def asks(clients, text):
    """Ask once, as the listeners do; tell whether it is answered."""
    address = packed(text)
    client = clients.known.get(address) or clients.admit(address)
    client.bucket.left -= 1
    return client.bucket.left >= 0


def test_a_client_is_known_once_it_was_admitted():
    clients = made()
    client = clients.admit(packed("198.18.0.1"))
    assert clients.known == {packed("198.18.0.1"): client}
    assert (client.permitted, client.bucket.left, client.cookie) == (True, 10, b"")


@pytest.mark.parametrize(
    ("text", "permitted"),
    [
        ("198.18.0.1", True), ("198.20.0.1", False), ("2001:db8::1", True), ("2001:db9::1", False),
        ("::ffff:198.18.0.1", True), ("::ffff:198.20.0.1", False), ("127.0.0.1", True),
    ],
)  # fmt: skip
def test_who_may_not_ask_is_answered_nothing(text, permitted):
    for limit in (10, 0):
        clients = made(limit)
        assert clients.admit(packed(text)).permitted == permitted
        assert [asks(clients, text) for _ in range(3)] == [permitted] * 3


SHARING = [
    ("198.18.5.1", "198.18.5.255", True),
    ("198.18.5.1", "198.18.6.1", False),
    ("2001:db8:1:200::1", "2001:db8:1:2ff:ffff::", True),
    ("2001:db8:1:200::1", "2001:db8:1:300::1", False),
    ("198.18.5.1", "::ffff:198.18.5.2", True),
    ("::ffff:198.18.5.1", "::ffff:198.18.6.1", False),
    ("::ffff:198.18.5.1", "::ffff:198.18.5.77", True),
]


@pytest.mark.parametrize(("first", "second", "shared"), SHARING)
def test_clients_of_one_prefix_share_a_limit(first, second, shared):
    clients = made(3)
    assert [asks(clients, first) for _ in range(5)] == [True] * 3 + [False] * 2
    assert asks(clients, second) == (not shared)


@pytest.mark.parametrize("text", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_loopback_has_no_limit(text):
    clients = made(1, allow=(*ALLOWED, "::/0", "0.0.0.0/0"))
    assert all(asks(clients, text) for _ in range(1000))


@pytest.mark.parametrize("text", ["::7f00:1", "::", "::2", "0.0.0.1", "::fffe:127.0.0.1"])
def test_what_only_looks_like_loopback_has_one(text):
    clients = made(1, allow=("::/0", "0.0.0.0/0"))
    assert [asks(clients, text) for _ in range(2)] == [True, False]


def test_no_limit_is_none():
    clients = made(0)
    assert all(asks(clients, "198.18.0.1") for _ in range(5000))


def test_each_second_begins_anew():
    clients = made(2)
    clients.cookie(packed("198.18.0.1"), clients.admit(packed("198.18.0.1")))
    asks(clients, "198.20.0.1")
    for _ in range(3):
        assert [asks(clients, "198.18.0.1") for _ in range(3)] == [True, True, False]
        known = clients.tick()
        assert known == {}
        assert clients.known is known
        assert clients._buckets == {}


def test_other_limits_apply_at_once():
    clients = made(2)
    assert [asks(clients, "198.18.0.1") for _ in range(3)] == [True, True, False]
    clients.configure(map(prefixes.parse, ["198.20.0.0/16"]), 1)
    assert not asks(clients, "198.18.0.1")
    assert [asks(clients, "198.20.0.1") for _ in range(2)] == [True, False]


def test_memory_is_bounded_and_a_flood_of_prefixes_shares_one_limit(monkeypatch):
    monkeypatch.setattr(table, "MOST", 20)
    clients = made(5)
    answered = [asks(clients, f"198.18.{number}.1") for number in range(200)]
    assert answered[:20] == [True] * 20
    assert answered[20:] == [True] * 5 + [False] * 175
    assert (len(clients.known), len(clients._buckets)) == (20, 21)
    assert asks(clients, "198.18.3.1")  # who was known before goes on
    assert asks(clients, "127.0.0.1")
    clients.tick()
    assert asks(clients, "198.18.199.1")


def test_beyond_the_bound_who_may_not_ask_shares_one_account_and_no_cookie_earns_more(monkeypatch):
    monkeypatch.setattr(table, "MOST", 20)
    clients = made(5)
    for number in range(20):
        assert clients.admit(packed(f"198.20.{number}.1")).bucket.left == -1
    beyond = [clients.admit(packed(f"198.20.{number}.1")) for number in range(20, 60)]
    assert len({id(client.bucket) for client in beyond}) == 1
    own = [clients.admit(packed(f"198.18.{number}.1")).own for number in range(40)]
    assert own == [0] * 40
    shared = beyond[0].bucket
    clients.tick()
    assert clients.admit(packed("198.18.0.1")).own == 5
    for number in range(60):
        clients.admit(packed(f"198.20.{number}.1"))
    again = clients.admit(packed("198.20.60.1")).bucket
    assert (again is shared, again.left) == (False, -1)


def test_who_may_not_ask_takes_no_room_of_those_who_may(monkeypatch):
    monkeypatch.setattr(table, "MOST", 20)
    clients = made(5)
    for number in range(200):
        assert not asks(clients, f"198.20.{number}.1")
    assert len(clients.known) == 20
    assert clients._buckets == {}
    assert [asks(clients, "198.18.0.1") for _ in range(6)] == [True] * 5 + [False]


addresses = st.sampled_from(
    ["198.18.0.1", "198.18.0.2", "198.18.1.1", "2001:db8::1", "2001:db8::2", "2001:db8:0:100::1"]
)


@given(st.integers(1, 5), st.lists(addresses, max_size=60))
def test_no_prefix_gets_more_than_its_limit_and_nobody_less(limit, asking):
    clients = made(limit)
    taken = {}
    for text in asking:
        address = packed(text)
        prefix = address[: 3 if len(address) == 4 else 7]
        taken[prefix] = taken.get(prefix, 0) + 1
        assert asks(clients, text) == (taken[prefix] <= limit)


def test_a_cookie_is_made_once_a_client_and_second():
    seconds = iter([NOW, NOW + 1])
    clients = made(now=lambda: next(seconds))
    address = packed("198.18.0.1")
    client = clients.admit(address)
    first = clients.cookie(address, client)
    assert clients.cookie(address, client) == client.cookie == first
    assert first == Cookies(bytes(16)).make(address, int(NOW))
    clients.tick()
    assert clients.cookie(address, clients.admit(address)) != first


@pytest.mark.parametrize(
    ("cookie", "proven"),
    [
        (b"12345678", False),
        (b"12345678" + bytes(OCTETS), False),
        (b"", False),
        (b"12345678" + Cookies(bytes(16)).make(packed("198.18.0.1"), int(NOW) - 60), True),
        (b"87654321" + Cookies(bytes(16)).make(packed("198.18.0.1"), int(NOW)), True),
        (b"12345678" + Cookies(bytes(16)).make(packed("198.18.0.1"), int(NOW) - 4000), False),
        (b"12345678" + Cookies(bytes(16)).make(packed("198.18.0.2"), int(NOW)), False),
    ],
)
def test_a_good_cookie_proves_its_sender(cookie, proven):
    assert made().proven(packed("198.18.0.1"), cookie) == proven
