"""What leads packets past the null routes: tables of rules, settings and flowtables."""

import json

import pytest

from blockd.config import RoutesSection
from blockd.doctor import tables
from blockd.routes.model import FibRule

OURS = [FibRule(4, 5354, 5354, 177, plain=True), FibRule(6, 5354, 5355, 177, plain=True)]
VRF = FibRule(4, 1000, 0, 2, plain=False, action="l3mdev")
MAIN = FibRule(6, 1, 254, 4, plain=True)


@pytest.mark.parametrize(
    ("ahead", "what", "remedy"),
    [
        ([], "", ""),
        ([VRF], "the kernel's own, of VRFs", "preference to 999 or less"),
        ([FibRule(4, 100, 254, 4, plain=True)], "table 254 up for every packet", "to 99 or less"),
        ([MAIN], "for every packet", "ip -6 rule del pref 1"),
        ([FibRule(4, 0, 255, 2, plain=True)], "", ""),  # the host's own addresses
    ],
)
def test_each_rule_ahead_has_its_remedy(ahead, what, remedy):
    found = tables.rules(ahead + OURS, RoutesSection())
    assert [what in each.what and remedy in each.remedy for each in found] == [True] * bool(what)


def test_without_a_rule_of_ours_nothing_is_ahead_of_it():
    assert tables.rules([VRF, MAIN], RoutesSection()) == []


@pytest.mark.parametrize(
    ("settings", "missing"),
    [
        (None, ()),
        ({}, tables.FOREIGN),
        ({"ManageForeignRoutes": "no"}, tables.FOREIGN[1:]),
        ({"ManageForeignRoutes": "No", "ManageForeignRoutingPolicyRules": "off"}, ()),
        (
            {"ManageForeignRoutes": "yes", "ManageForeignRoutingPolicyRules": "0"},
            tables.FOREIGN[:1],
        ),
    ],
)
def test_networkd_deletes_what_it_was_not_told_to_leave(settings, missing):
    found = tables.networkd(settings)
    assert len(found) == bool(missing)
    for finding in found:
        assert all((f"{key} " in finding.what) == (key in missing) for key in tables.FOREIGN)


@pytest.mark.parametrize("devices", ["eth0", ["eth0", "eth1"], None])
def test_each_flowtable_is_named(devices):
    table = {"family": "inet", "name": "ft", "table": "filter", "handle": 3, "dev": devices}
    listed = {"nftables": [{"metainfo": {"version": "1"}}, {"flowtable": table}]}
    (finding,) = tables.flowtables(json.dumps(listed))
    assert "flowtable inet filter ft" in finding.what
    assert ("eth0" in finding.what) == bool(devices)
    assert "nft delete flowtable inet filter ft" in finding.remedy


@pytest.mark.parametrize("listed", ["", '{"nftables": [{"metainfo": {"version": "1"}}]}'])
def test_no_flowtable_is_no_trouble(listed):
    assert tables.flowtables(listed) == []


@pytest.mark.parametrize(
    ("settings", "forwards", "named"),
    [
        ({"all": 0, "default": 0, "lo": 0, "eth0": 0, "wan": 0}, True, "eth0, wan"),
        ({"all": 0, "lo": 0, "eth0": 1, "wan": 0}, True, "wan"),
        ({"all": 2, "lo": 0, "eth0": 0}, True, ""),
        ({"all": 0, "lo": 0, "eth0": 0}, False, ""),
        ({"all": 0, "lo": 0, "eth0": 2}, True, ""),
    ],
)
def test_interfaces_without_a_filter_are_named(settings, forwards, named):
    found = tables.filters(settings, forwards=forwards)
    assert [f"on {named}:" in each.what for each in found] == [True] * bool(named)
