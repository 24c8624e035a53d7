"""Who may ask, for addresses of both families; and that nothing of it is remembered."""

import copy
import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd import prefixes
from blockd.config import ResolverSection
from blockd.resolver.access import Access
from tests.resolver.records import state


def packed(text):
    return ipaddress.ip_address(text).packed


@pytest.mark.parametrize(
    ("client", "permitted"),
    [
        ("127.0.0.1", True), ("10.255.255.255", True), ("172.31.0.1", True), ("172.32.0.1", False),
        ("192.168.1.1", True), ("169.254.0.9", True), ("198.18.0.1", False), ("0.0.0.0", False),
        ("::1", True), ("::", False), ("fe80::1", True), ("fd53::1", True), ("2001:db8::1", False),
        ("::ffff:10.0.0.1", True), ("::ffff:198.18.0.1", False), ("::10.0.0.1", False),
    ],
)  # fmt: skip
def test_by_default_loopback_and_private_networks_may_ask(client, permitted):
    found = Access(network.prefix for network in ResolverSection().allow)
    assert [found.permits(packed(client)) for _ in range(2)] == [permitted] * 2


networks = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).flatmap(
    lambda address: st.integers(0, address.max_prefixlen).map(
        lambda length: ipaddress.ip_network((address, length), strict=False)
    )
)


@given(st.lists(networks, max_size=5), st.data())
def test_it_is_as_the_networks_say(allow, data):
    near = [address for network in allow for address in (network[0], network[-1])]
    anywhere = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6))
    client = data.draw(st.sampled_from(near) | anywhere if near else anywhere)
    seen = getattr(client, "ipv4_mapped", None) or client
    found = Access(prefixes.parse(str(network)) for network in allow)
    assert found.permits(client.packed) == any(seen in network for network in allow)


def test_nobody_may_ask_where_nothing_is_allowed():
    assert not Access([]).permits(packed("127.0.0.1"))


def test_nothing_is_remembered_of_who_asked():
    found = Access([prefixes.parse("198.18.0.0/24"), prefixes.parse("2001:db8::/32")])
    before = copy.deepcopy(state(found))
    for number in range(300):
        assert found.permits(bytes((198, 18, number // 256, number % 256))) == (number < 256)
        assert found.permits(packed(f"2001:db8::{number:x}"))
    assert state(found) == before


@pytest.mark.parametrize(
    ("client", "permitted"),
    [("198.18.0.1", True), ("::ffff:198.18.0.1", True), ("2001:db8::1", False)],
)
def test_a_network_of_no_length_is_all_of_its_family(client, permitted):
    assert Access([prefixes.parse("0.0.0.0/0")]).permits(packed(client)) == permitted
    assert Access([prefixes.parse("::/0")]).permits(packed(client)) != permitted
