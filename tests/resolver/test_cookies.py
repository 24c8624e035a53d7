"""Server cookies hold for one client, for an hour, and under one secret alone."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd.resolver.cookies import OCTETS, PERIOD, Cookies

NOW = 1_790_000_000
MINE = Cookies(bytes(range(16)))
V4, V6 = (ipaddress.ip_address(text).packed for text in ("198.18.0.9", "2001:db8::9"))


@pytest.mark.parametrize("address", [V4, V6, bytes(16)])
def test_a_cookie_holds_for_its_client(address):
    cookie = MINE.make(address, NOW)
    assert len(cookie) == OCTETS
    assert cookie[:8] == bytes([1, 0, 0, 0]) + NOW.to_bytes(4, "big")  # RFC 9018 4.1 to 4.3
    assert MINE.holds(cookie, address, NOW)
    assert MINE.make(address, NOW) == cookie
    assert MINE.make(address, NOW + 1) != cookie


@pytest.mark.parametrize(
    ("age", "good"),
    [(0, True), (3600, True), (3601, False), (86_400, False), (-300, True), (-301, False)],
)
@pytest.mark.parametrize("made", [NOW, 2**32 - 1, 2**32 - 100, 2**32 + 50, 100])
def test_it_holds_for_an_hour_and_clocks_may_differ_a_little(age, good, made):
    assert MINE.holds(MINE.make(V4, made), V4, made + age) == good


def test_another_address_or_secret_has_another_cookie():
    cookie = MINE.make(V4, NOW)
    for other in (V6, V4[:3] + b"\0", V4 + bytes(12), bytes(10) + b"\xff\xff" + V4):
        assert not MINE.holds(cookie, other, NOW)
    for secret in (bytes(16), bytes(range(1, 17)), bytes(range(16)) + b"\1"):
        assert not Cookies(secret).holds(cookie, V4, NOW)
        assert not MINE.holds(Cookies(secret).make(V4, NOW), V4, NOW)
    assert Cookies(bytes(range(16))).holds(cookie, V4, NOW)  # another worker's


DAWN = NOW // PERIOD * PERIOD


@pytest.mark.parametrize("age", [1, 3600])
def test_a_cookie_outlives_the_change_of_the_key(age):
    made = DAWN - 1
    assert MINE.holds(MINE.make(V4, made), V4, made + age)
    early = MINE.make(V4, DAWN + 100)  # another worker's, whose clock is ahead
    assert MINE.holds(early, V4, made)


def test_each_period_has_a_key_of_its_own_and_all_who_share_the_secret_agree_on_it():
    other = Cookies(bytes(range(16)))
    for day in range(5):
        for second in (0, PERIOD - 1):
            cookie = MINE.make(V4, DAWN + day * PERIOD + second)
            assert other.make(V4, DAWN + day * PERIOD + second) == cookie
            assert len(MINE._keys) <= 2
    keys = {MINE._turn(day) for day in range(9)}
    assert len(keys) == 9
    assert bytes(range(16)) not in keys


@pytest.mark.parametrize("later", [PERIOD, 2 * PERIOD, 36 * PERIOD])
def test_what_one_key_made_says_nothing_in_another_period(later):
    forged = bytearray(MINE.make(V4, NOW))
    forged[4:8] = (NOW + later).to_bytes(4, "big")
    assert not MINE.holds(bytes(forged), V4, NOW + later)


@given(st.integers(0, OCTETS - 1), st.integers(1, 255))
def test_a_changed_cookie_does_not_hold(at, change):
    cookie = bytearray(MINE.make(V4, NOW))
    cookie[at] ^= change
    assert not MINE.holds(bytes(cookie), V4, NOW)


@given(st.binary(max_size=40), st.sampled_from([V4, V6]))
def test_no_other_octets_are_a_cookie(octets, address):
    assert not MINE.holds(octets, address, NOW)
    assert not MINE.holds(MINE.make(address, NOW) + octets + b"\0", address, NOW)
    assert not MINE.holds(MINE.make(address, NOW)[: len(octets) % OCTETS], address, NOW)


@pytest.mark.parametrize("octets", [16, 32])
def test_secrets_of_these_lengths_serve(octets):
    assert len(Cookies(bytes(octets)).make(V6, NOW)) == OCTETS
