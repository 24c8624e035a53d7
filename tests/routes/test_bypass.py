"""Rules that come before ours: which can take a packet past the null routes, and which tables
the host goes by."""

import pytest

from blockd.routes import bypass
from blockd.routes.model import FibRule

LOCAL, MAIN = (FibRule(4, p, table, 2, plain=True) for p, table in ((0, 255), (32766, 254)))
OURS = FibRule(4, 5354, 5354, 177, plain=True)


def other(preference, table=100, **options):
    options.setdefault("plain", not options)
    return FibRule(4, preference, table, 4, **options)


@pytest.mark.parametrize(
    ("rule", "found"),
    [
        (other(1000, 254), "rule for IPv4, preference 1000, looks table 254 up for every packet"),
        (other(5354), "rule for IPv4, preference 5354, looks table 100 up for every packet"),
        (other(1000, selective=True),
         "rule for IPv4, preference 1000, looks table 100 up for some packets"),
        (other(1000, 0, action="l3mdev"),
         "rule for IPv4, preference 1000, looks the tables of VRFs up for some packets"),
        (other(1000, 0, action="goto", target=6000),
         "rule for IPv4, preference 1000, goes to preference 6000 for every packet"),
        (other(1000, 0, action="goto", target=5000), None),
        (other(1000, 0, action="prohibit"), None),
        (other(1000, 0, action="nop"), None),
        (other(1000, 5354, selective=True), None),  # looks our own table up
        (other(1000, 255, selective=True), None),
    ],
)  # fmt: skip
def test_a_rule_ahead_that_leads_elsewhere_is_a_bypass(rule, found):
    ahead = bypass.ahead([LOCAL, rule, OURS, MAIN], {4: 5354}, 5354)
    assert [str(each) for each in ahead] == ([found] if found else [])
    assert [each.whole for each in ahead] == ([found.endswith("every packet")] if found else [])


def test_what_comes_behind_ours_is_none_and_each_family_has_its_own():
    six = [rule._replace(family=6) for rule in (LOCAL, other(1000), OURS, MAIN)]
    rules = [LOCAL, OURS, other(5354), other(6000), MAIN, *six]
    assert [each.rule for each in bypass.ahead(rules, {4: 5354, 6: 5354}, 5354)] == [six[1]]


def test_where_ours_is_missing_it_is_that_and_no_bypass():
    assert bypass.ahead([LOCAL, other(1000), MAIN], {4: 5354}, 5354) == []
    swapped = OURS._replace(table=5355)
    assert bypass.ahead([LOCAL, other(1000), swapped, MAIN], {4: 5354}, 5354) == []
    assert len(bypass.ahead([LOCAL, other(1000), swapped, MAIN], {4: 5355}, 5354)) == 1


def test_the_tables_that_rules_look_up_are_what_the_host_goes_by():
    six = other(200, 300, selective=True)._replace(family=6)
    rules = [LOCAL, OURS, OURS._replace(table=5355), other(100, 200, selective=True), MAIN, six,
             other(9, 0, action="l3mdev"), other(9, 0, action="prohibit")]  # fmt: skip
    assert bypass.looked_up(rules, (5354, 5355)) == {4: {200, 254}, 6: {300}}
