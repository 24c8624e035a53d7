"""Words of routes and rules: what they are called in logs, and when a plan has nothing to do."""

import pytest

from blockd import prefixes
from blockd.routes.model import METRIC, FibRule, Install, Kind, Plan, Route, RulePlan
from blockd.terms import RouteType

FOUR, SIX = prefixes.parse("198.18.1.0/28"), prefixes.parse("2001:db8:1::/48")
INSTALL = Install(FOUR, Kind.BLACKHOLE, replaces=False)
OURS = Route(SIX, Kind.PROHIBIT, 177, 1)
THEIRS = Route(FOUR, None, 4, 0)
RULE = FibRule(6, 5354, 5354, 177, plain=True)


@pytest.mark.parametrize(
    ("it", "said"),
    [
        (INSTALL, "blackhole 198.18.1.0/28"),
        (OURS, "prohibit 2001:db8:1::/48, protocol 177"),
        (THEIRS, "route 198.18.1.0/28, protocol 4"),
        (RULE, "rule for IPv6, preference 5354, protocol 177"),
    ],
)
def test_a_change_is_called_by_what_it_does_and_where_and_a_strangers_by_its_owner(it, said):
    assert str(it) == said


def test_whatever_a_list_may_ask_for_is_a_kind_of_route_and_only_a_hole_is_ours_alone():
    assert {str(kind) for kind in Kind} == {str(each) for each in RouteType} | {"throw"}


def test_ipv6_never_gets_the_metric_that_the_kernel_reads_as_its_default():
    # linux/ipv6_route.h: IP6_RT_PRIO_USER, 1024, stands in for 0.
    assert METRIC[4] == 0
    assert 0 < METRIC[6] < 1024


REPORTED = {"kept": 7, "foreign": (THEIRS,), "occupied": (FOUR,)}


@pytest.mark.parametrize("reported", [{"kept": 0, "foreign": (), "occupied": ()}, REPORTED])
@pytest.mark.parametrize("withdrawals", [(), (OURS,)])
@pytest.mark.parametrize("installs", [(), (INSTALL,)])
def test_a_plan_is_empty_where_nothing_is_to_be_done_whatever_it_reports(
    installs, withdrawals, reported
):
    assert Plan(installs, withdrawals, **reported).empty is not (bool(installs or withdrawals))


@pytest.mark.parametrize("foreign", [(), (RULE,)])
@pytest.mark.parametrize("remove", [(), (RULE,)])
@pytest.mark.parametrize("add", [(), (4,), (4, 6)])
def test_a_plan_of_rules_is_empty_where_nothing_is_to_be_done(add, remove, foreign):
    assert RulePlan(add, remove, foreign).empty is not (bool(add or remove))


def test_a_rule_is_an_ordinary_one_unless_it_is_said():
    assert (RULE.action, RULE.selective, RULE.target) == ("lookup", False, 0)
