"""Why a listed address is open: each reason in words, the nearest one first."""

import msgspec
import pytest

from blockd import prefixes
from blockd.config import RoutesSection
from blockd.routes import opening
from blockd.routes.model import Cut, FibRule, Kind

P = prefixes.parse
ADDRESS = P("198.18.1.1")
ROUTES = RoutesSection()
OURS = FibRule(4, 5354, 5354, 177, plain=True)
SIX = FibRule(6, 5354, 5354, 177, plain=True)
SWAPPED = FibRule(4, 5354, 5355, 177, plain=True)
LOCAL = FibRule(4, 0, 255, 2, plain=True)
MAIN = FibRule(4, 32766, 254, 2, plain=True)
AHEAD = FibRule(4, 100, 99, 3, plain=False, selective=True)
HELD = {P("198.18.1.0/28"): Kind.BLACKHOLE}
NEEDED = Cut(P("198.18.1.1"), "upstream resolver", P("198.18.1.0/28"), whole=False)
WITHIN = Cut(P("198.18.0.0/16"), "connected network", P("198.18.1.0/28"), whole=True)


def why(rules=(LOCAL, OURS, MAIN), held=HELD, cuts=(), met=(254,), routes=ROUTES):
    return opening.why(ADDRESS, met, rules, held, cuts, routes)


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        ({"routes": msgspec.structs.replace(ROUTES, enabled=False)}, "[routes] enabled = false"),
        ({"cuts": [WITHIN, NEEDED]}, "a hole for upstream resolver 198.18.1.1/32"),
        ({"cuts": [WITHIN]}, "not installed: inside connected network 198.18.0.0/16"),
        (
            {"cuts": [NEEDED._replace(protected=P("198.18.1.2"))]},
            "the kernel goes past table 5354 without a rule that says so; look at `ip rule`",
        ),
        (
            {"rules": [LOCAL, MAIN, SIX]},
            "no rule looks table 5354 up, so the route daemon has not run",
        ),
        (
            {"held": {}},
            "table 5354 holds no null route for it; `blockd status` says how it stands",
        ),
        (
            {"held": HELD | {ADDRESS: Kind.THROW}, "rules": [SWAPPED]},
            "table 5355 holds no null route for it; `blockd status` says how it stands",
        ),
        ({"met": [5354]}, "a route of others in table 5354 comes first; `blockd status` names it"),
        (
            {"rules": [LOCAL, AHEAD, OURS], "met": [99]},
            "rule for IPv4, preference 100, looks table 99 up for some packets, ahead of ours",
        ),
        (
            {"rules": [LOCAL, AHEAD._replace(preference=9, table=98), AHEAD, OURS], "met": [99]},
            "rule for IPv4, preference 100, looks table 99 up for some packets, ahead of ours",
        ),
    ],
)
def test_the_reason_is_told(found, reason):
    assert why(**found) == reason


@pytest.mark.parametrize(
    ("rules", "table"),
    [([], None), ([LOCAL, MAIN], None), ([SIX], None), ([LOCAL, OURS, MAIN], 5354),
     ([SWAPPED, OURS], 5355), ([OURS._replace(plain=False)], None)],
)  # fmt: skip
def test_the_table_in_force_is_the_one_that_is_looked_up_first(rules, table):
    assert opening.table_in_force(rules, ROUTES, 4) == table
