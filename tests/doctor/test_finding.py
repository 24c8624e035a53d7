"""What every check finds is a trouble with what to do about it: both said, each in one line."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from blockd.config import Endpoint, ResolverSection, RoutesSection
from blockd.doctor import daemons, dns, host, tables
from blockd.doctor.finding import Finding, UnseenError
from blockd.errors import BlockdError, UnreachableError
from blockd.routes.model import FibRule

NOW = datetime(2026, 11, 24, tzinfo=UTC)
DNS = (Endpoint("0.0.0.0"),)
VRF = FibRule(4, 1000, 0, 2, plain=False, action="l3mdev")
OURS = FibRule(4, 5354, 5354, 177, plain=True)
FULL = host.Disk(0, 0, read_only=False)
FLOWTABLE = '{"nftables": [{"flowtable": {"family": "ip", "table": "f", "name": "x"}}]}'

TROUBLES = {
    "port": dns.ports(DNS, [dns.Listener("UDP", "0.0.0.0", 53, ("named (7)",))]),
    "loop": dns.loops(ResolverSection(listen=DNS), [Endpoint("127.0.0.1")], ()),
    "capabilities": host.capabilities(host.Rights(0, None, 1024), DNS, routes=True),
    "networkd": tables.networkd({}),
    "rules": tables.rules([VRF, OURS], RoutesSection()),
    "flowtables": tables.flowtables(FLOWTABLE),
    "rp_filter": tables.filters({"all": 0, "eth0": 0}, forwards=True),
    "ipv6": host.ipv6((Endpoint("::"),), 0, off=True),
    "clock": host.clock(NOW, NOW + timedelta(days=3), synchronised=True),
    "disk": host.disk(FULL, 1 << 20, "/var/lib/blockd"),
    "silent": daemons.silent({"resolver": None}, {"resolver": ""}),
    "behind": daemons.behind({"resolver": {"generation": 1}}, 2),
    "reported": daemons.reported({"resolver": {"problem": "it is late"}}),
    "no generation": daemons.behind({}, None),
}


@pytest.mark.parametrize("check", TROUBLES)
def test_each_trouble_has_its_remedy_and_both_are_one_line(check):
    assert TROUBLES[check]
    for finding in TROUBLES[check]:
        assert isinstance(finding, Finding)
        for text in finding:
            assert text == text.strip() != ""
            assert text.isprintable()
            assert not text.endswith("."), "a sentence that others are put behind"


def test_in_json_a_finding_is_its_two_texts():
    assert msgspec.json.encode([Finding("it is so", "do this")]) == b'[["it is so","do this"]]'


def test_a_check_that_cannot_look_ends_as_a_kernel_or_a_daemon_out_of_reach():
    error = UnseenError("nft is not there")
    assert isinstance(error, BlockdError)
    assert error.exit_status == UnreachableError.exit_status == 4
    assert str(error) == "nft is not there"
    assert str(UnseenError()) == "A check could not look."
