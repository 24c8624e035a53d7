"""Plans as tables and as batches: nothing of a plan is missing from either."""

from hypothesis import given
from hypothesis import strategies as st

from blockd import prefixes
from blockd.config import RoutesSection
from blockd.prefixes import Prefix
from blockd.routes import show
from blockd.routes.bypass import Bypass
from blockd.routes.model import METRIC, Cut, FibRule, Install, Kind, Plan, Route, RulePlan
from blockd.routes.plan import diff
from blockd.routes.show import Row
from blockd.routes.swap import Move

P = prefixes.parse
NOTHING = Plan((), (), 0, (), ())
NO_RULES = RulePlan((), (), ())

PLAN = Plan(
    installs=(
        Install(P("198.18.1.0/28"), Kind.BLACKHOLE, replaces=False),
        Install(P("2001:db8::/32"), Kind.THROW, replaces=True),
    ),
    withdrawals=(
        Route(P("198.18.9.0/24"), Kind.PROHIBIT, 177, 0),
        Route(P("2001:db8:9::/48"), None, 177, 1024),
    ),
    kept=7,
    foreign=(Route(P("198.18.8.0/24"), Kind.BLACKHOLE, 4, 0),),
    occupied=(P("198.18.8.0/24"),),
)
RULES = RulePlan(
    add=(6,),
    remove=(FibRule(4, 99, 5355, 177, plain=True),),
    foreign=(FibRule(4, 5354, 5354, 4, plain=True),),
)
CUTS = (
    Cut(P("198.18.1.1"), "upstream resolver", P("198.18.1.0/28"), whole=False),
    Cut(P("198.18.2.0/24"), "connected network", P("198.18.2.0/25"), whole=True),
)


def test_a_plan_is_shown_in_its_order_then_what_is_left_alone():
    assert show.rows(PLAN, RULES, CUTS) == [
        Row("install", "blackhole 198.18.1.0/28", ""),
        Row("replace", "throw 2001:db8::/32", ""),
        Row("install", "rule for IPv6", ""),
        Row("withdraw", "rule for IPv4, preference 99, table 5355", ""),
        Row("withdraw", "prohibit 198.18.9.0/24", ""),
        Row("withdraw", "route 2001:db8:9::/48", ""),
        Row("cut", "198.18.1.0/28", "hole for upstream resolver 198.18.1.1/32"),
        Row("cut", "198.18.2.0/25", "not installed: inside connected network 198.18.2.0/24"),
        Row("foreign", "blackhole 198.18.8.0/24", "protocol 4, left alone"),
        Row("foreign", "rule for IPv4, preference 5354, table 5354", "protocol 4, left alone"),
        Row("occupied", "198.18.8.0/24", "a foreign route holds its place"),
        Row("keep", "7 routes", "right as they are"),
    ]


def test_nothing_to_do_is_no_row():
    assert show.rows(NOTHING, NO_RULES, ()) == []
    assert show.text([]) == ""


def test_text_is_aligned_without_trailing_blanks():
    rows = [Row("install", "blackhole 198.18.1.0/28", ""), Row("keep", "7 routes", "right")]
    assert show.text(rows) == "install  blackhole 198.18.1.0/28\nkeep     7 routes  right\n"


def batch(plan, rules, family):
    return show.batch(plan, rules, family=family, table=5354, preference=99, protocol=177)


def test_each_family_has_its_batch():
    assert batch(PLAN, RULES, 4).splitlines() == [
        "route add blackhole 198.18.1.0/28 table 5354 proto 177 metric 0",
        "rule del pref 99 table 5355 protocol 177",
        "route del prohibit 198.18.9.0/24 table 5354 proto 177 metric 0",
    ]
    assert batch(PLAN, RULES, 6).splitlines() == [
        "route replace throw 2001:db8::/32 table 5354 proto 177 metric 1",
        "rule add pref 99 table 5354 protocol 177",
        "route del  2001:db8:9::/48 table 5354 proto 177 metric 1024",
    ]
    assert batch(NOTHING, NO_RULES, 4) == ""


PREFIXES = st.one_of(
    st.integers(0, 1023).map(lambda n: Prefix(4, (198 << 24 | 18 << 16) + (n << 6), 26)),
    st.integers(0, 1023).map(lambda n: Prefix(6, (0x20010DB8 << 96) + (n << 64), 64)),
)


@given(
    st.dictionaries(PREFIXES, st.sampled_from(list(Kind)), max_size=20),
    st.dictionaries(PREFIXES, st.sampled_from(list(Kind)), max_size=20),
)
def test_every_change_of_a_plan_stands_in_the_table_and_in_one_batch(wanted, held):
    actual = [Route(p, kind, 177, METRIC[p.family]) for p, kind in held.items()]
    plan = diff(wanted, actual, 177)
    lines = [line for f in (4, 6) for line in batch(plan, NO_RULES, f).splitlines()]
    rows = show.rows(plan, NO_RULES, ())
    changes = [*plan.installs, *plan.withdrawals]
    assert len(lines) == len(changes) == sum(row.verb != "keep" for row in rows)
    for change in changes:
        words = f"{change.kind} {change.prefix}"
        assert sum(f" {words} " in line for line in lines) == 1
        assert sum(row.what == words for row in rows) == 1


def test_a_swap_is_shown_with_its_tables_and_its_batch_goes_its_way():
    old = Route(P("198.18.1.0/28"), Kind.BLACKHOLE, 177, 0)
    four = Move(
        4,
        5355,
        swaps=True,
        fill=Plan((Install(P("198.18.1.0/28"), Kind.PROHIBIT, replaces=False),), (), 0, (), ()),
        rules=RulePlan((4,), (FibRule(4, 5354, 5354, 177, plain=True),), ()),
        clear=Plan((), (old,), 0, (), ()),
    )
    six = Move(6, 5354, swaps=False, fill=NOTHING._replace(kept=3), rules=NO_RULES, clear=NOTHING)
    ahead = Bypass(FibRule(6, 1000, 254, 4, plain=True), whole=True)
    assert show.moves((four, six), (), 5354, [ahead]) == [
        Row("swap", "IPv4 to table 5355", "filled first, then looked up instead of table 5354"),
        Row("install", "prohibit 198.18.1.0/28", ""),
        Row("install", "rule for IPv4", ""),
        Row("withdraw", "rule for IPv4, preference 5354, table 5354", ""),
        Row("withdraw", "blackhole 198.18.1.0/28", ""),
        Row("keep", "3 routes", "right as they are"),
        Row("bypassed", "IPv6",
            "rule for IPv6, preference 1000, looks table 254 up for every packet"),
    ]  # fmt: skip
    assert show.batch_of(four, RoutesSection()).splitlines() == [
        "route add prohibit 198.18.1.0/28 table 5355 proto 177 metric 0",
        "rule add pref 5354 table 5355 protocol 177",
        "rule del pref 5354 table 5354 protocol 177",
        "route del blackhole 198.18.1.0/28 table 5354 proto 177 metric 0",
    ]
    assert show.batch_of(six, RoutesSection()) == ""
