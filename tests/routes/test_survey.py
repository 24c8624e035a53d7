"""A survey says of each address what is said of it alone."""

import pytest

from blockd import prefixes
from blockd.routes.packet import Packets
from blockd.routes.survey import Survey, is_own
from tests import topology

pytestmark = pytest.mark.root

TABLE = """\
route add blackhole 198.18.7.0/24 table {0} proto 177
route add throw 198.18.7.8/29 table {0} proto 177
route add prohibit 198.18.8.0/24 table {0} proto 177
route add unreachable 198.18.9.0/24 table {0} proto 177
route add blackhole 2001:db8:7::/48 table {0} proto 177 metric 1
route add throw 2001:db8:7:8::/64 table {0} proto 177 metric 1
"""
ADDRESSES = [
    "198.18.6.255", "198.18.7.0", "198.18.7.7", "198.18.7.8", "198.18.7.15", "198.18.8.1",
    "198.18.9.255", "198.18.10.0", "2001:db8:6::1", "2001:db8:7::", "2001:db8:7:8::1",
    "2001:db8:7:ffff::1", topology.GATEWAY_V4, topology.CLIENT_V6, "127.0.0.1",
]  # fmt: skip


@pytest.mark.parametrize("table", [5354, 5355])
def test_of_many_addresses_the_same_is_said_as_of_each(table):
    with topology.gateway() as net:
        for line in TABLE.format(table).splitlines():
            net.gateway.ip(line)
        for family in ("-4", "-6"):
            net.gateway.ip(f"{family} rule add pref 5354 table {table} protocol 177")

        def inside():
            topology.assert_isolated()
            with Survey(5354, 177) as survey, Packets(5354, 177) as each:
                for text in ADDRESSES:
                    address = prefixes.parse(text)
                    assert survey.met(address) == each.met(address), text
                blocked = survey.met(prefixes.parse("198.18.8.1"))
                assert {met.lookup.outcome for met in blocked} == {"prohibit"}
                assert all(met.blocked(survey.tables) for met in blocked)

        net.gateway.call(inside)


@pytest.mark.parametrize(
    ("address", "own"),
    [
        (topology.GATEWAY_V4, True),
        (topology.GATEWAY_V6, True),
        ("127.0.0.53", True),
        ("::1", True),
        (topology.CLIENT_V4, False),
        ("198.18.0.9", False),
    ],
)
def test_a_hosts_own_addresses_are_known(address, own):
    with topology.gateway() as net:

        def inside():
            topology.assert_isolated()
            assert is_own(prefixes.parse(address)) is own

        net.gateway.call(inside)
