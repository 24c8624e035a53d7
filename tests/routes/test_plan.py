"""Plans are right for every address, in every order of events, and never touch a stranger."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd import prefixes
from blockd.errors import GuardError
from blockd.prefixes import Prefix
from blockd.routes import show
from blockd.routes.model import METRIC, FibRule, Install, Kind, Route
from blockd.routes.plan import changes, desired, diff, diff_rules, overriding, with_holes
from blockd.terms import RouteType
from blockd.watchlist.model import Rule

P = prefixes.parse
OURS, OTHER = 177, 4
_BASE = 198 << 24 | 18 << 16
_CORNER = range(_BASE, _BASE + 64)

BLOCK = Rule(id="p001", source="list.toml")
SHADOW = Rule(id="p002", source="list.toml", enforce=False)
ALLOW = Rule(id="allow", source="allow.toml", allow=True)
PROHIBIT = Rule(id="p003", source="list.toml", route=RouteType.PROHIBIT)
REFUSE = Rule(id="p004", source="list.toml", route=RouteType.UNREACHABLE)

corner = st.builds(
    lambda at, length: Prefix(4, _BASE + at, 32).supernet(length),
    st.integers(0, 63),
    st.integers(26, 32),
)
RULES = st.sampled_from([BLOCK, SHADOW, ALLOW, PROHIBIT, REFUSE])
entries = st.dictionaries(corner, RULES, max_size=20)
wanted_tables = entries.map(lambda found: desired(found.items(), RouteType.BLACKHOLE))
foreign_routes = st.builds(
    Route, corner, st.sampled_from([None, *Kind]), st.just(OTHER), st.sampled_from([0, 50])
)
own_strays = st.builds(
    Route, corner, st.sampled_from([None, *Kind]), st.just(OURS), st.sampled_from([0, 50])
)


def match(address, table):
    """What a table does with an address: a kind, or None where it says nothing."""
    covers = [(p.length, kind) for p, kind in table.items() if p.network <= address <= p.last]
    found = max(covers)[1] if covers else None
    return None if found is Kind.THROW else found


def meant(address, listed, default=RouteType.BLACKHOLE):
    """What the entries say about an address, read naively."""
    covers = [
        (p.length, r)
        for p, r in listed.items()
        if p.network <= address <= p.last and (r.allow or r.enforce)
    ]
    if not covers:
        return None
    rule = max(covers, key=lambda cover: cover[0])[1]
    return None if rule.allow else Kind(rule.route or default)


def routes_of(table, protocol=OURS):
    return {Route(prefix, kind, protocol, METRIC[prefix.family]) for prefix, kind in table.items()}


class KernelModel:
    """A table as Linux keeps it: one route a prefix and metric, by ownership of protocol."""

    def __init__(self, routes):
        self.routes = {(r.prefix, r.metric): r for r in routes}

    def make(self, change):
        if isinstance(change, Install):
            key = (change.prefix, METRIC[change.prefix.family])
            held = self.routes.get(key)
            assert change.replaces == (held is not None)
            assert held is None or held.protocol == OURS
            self.routes[key] = Route(key[0], change.kind, OURS, key[1])
        else:
            assert change.protocol == OURS
            assert self.routes.pop((change.prefix, change.metric)) == change


@given(entries)
def test_every_address_gets_what_its_longest_entry_says(listed):
    table = desired(listed.items(), RouteType.BLACKHOLE)
    assert [match(a, table) for a in _CORNER] == [meant(a, listed) for a in _CORNER]


six_corner = st.builds(
    lambda at, length: Prefix(6, (0x20010DB8 << 96) + at, 128).supernet(length),
    st.integers(0, 63),
    st.integers(122, 128),
)


@given(
    st.dictionaries(six_corner, RULES, max_size=20),
    st.dictionaries(six_corner, st.just("next hop"), max_size=5),
    st.sampled_from(list(RouteType)),
)
def test_installed_routes_say_what_the_policy_says_but_for_the_holes(listed, facts, default):
    """From a list to a kernel's longest match, with exceptions inside blocks inside exceptions."""
    table, _ = with_holes(desired(listed.items(), default), facts)
    kernel = KernelModel([])
    for change in changes(diff(table, [], OURS)):
        kernel.make(change)
    held = {route.prefix: route.kind for route in kernel.routes.values()}
    for address in range(0x20010DB8 << 96, (0x20010DB8 << 96) + 64):
        safe = any(p.network <= address <= p.last for p in facts)
        assert match(address, held) == (None if safe else meant(address, listed, default))


@given(wanted_tables)
def test_holes_lie_inside_something_blocked(table):
    for prefix, kind in table.items():
        if kind is Kind.THROW:
            others = {p: k for p, k in table.items() if p != prefix}
            found = prefixes.longest_match(prefix, others)
            assert found
            assert found[1] is not Kind.THROW


def test_exceptions_make_holes_only_where_something_is_blocked():
    table = desired(
        [
            (P("198.18.0.0/16"), BLOCK),
            (P("198.18.1.0/24"), ALLOW),
            (P("198.19.0.0/24"), ALLOW),
            (P("2001:db8:1::/48"), ALLOW),
        ],
        RouteType.UNREACHABLE,
    )
    assert table == {P("198.18.0.0/16"): Kind.UNREACHABLE, P("198.18.1.0/24"): Kind.THROW}


@pytest.mark.parametrize("order", [(BLOCK, ALLOW), (ALLOW, BLOCK)])
def test_at_equal_length_the_exception_wins(order):
    listed = [(P("198.18.1.0/24"), rule) for rule in order]
    assert desired(listed, RouteType.BLACKHOLE) == {}


def test_a_shadow_rule_gives_nothing():
    assert desired([(P("198.18.1.0/24"), SHADOW)], RouteType.BLACKHOLE) == {}


@pytest.mark.parametrize("texts", [["0.0.0.0/0"], ["::/0"], ["0.0.0.0/1", "128.0.0.0/1"]])
def test_the_whole_of_a_family_is_refused(texts):
    with pytest.raises(GuardError, match="the whole of IPv[46]"):
        desired([(P(text), BLOCK) for text in texts], RouteType.BLACKHOLE)


def slices(family, length, count, at=0):
    """Return neighbouring prefixes of one length: one does not see what they cover in sum."""
    width = {4: 32, 6: 128}[family]
    return [(Prefix(family, (at + n) << (width - length), length), BLOCK) for n in range(count)]


UNDER, OVER = "taken", "refused"


@pytest.mark.parametrize(
    ("entries", "verdict"),
    [
        (slices(4, 8, 112), UNDER),  # half of the 224 /8s before multicast
        (slices(4, 8, 113), OVER),
        (slices(4, 16, 28_673), OVER),
        ([(P("0.0.0.0/1"), BLOCK)], OVER),
        ([(P("0.0.0.0/1"), BLOCK), (P("0.0.0.0/4"), ALLOW)], UNDER),
        ([(P("0.0.0.0/1"), BLOCK), (P("0.0.0.0/8"), ALLOW)], OVER),
        # What lies in one another counts once.
        ([*slices(4, 8, 100), *((p, PROHIBIT) for p, _ in slices(4, 9, 200))], UNDER),
        (slices(6, 4, 1, at=2), UNDER),
        (slices(6, 5, 3, at=4), OVER),
        ([(P("8000::/1"), BLOCK)], OVER),
        ([(P("::/0"), SHADOW), (P("0.0.0.0/0"), ALLOW)], UNDER),
    ],
)  # fmt: skip
def test_no_list_covers_more_than_half_of_the_addresses(entries, verdict):
    if verdict is UNDER:
        desired(entries, RouteType.BLACKHOLE)
        return
    with pytest.raises(GuardError, match="cover more than half of them: .*; nothing was changed"):
        desired(entries, RouteType.BLACKHOLE)


def test_the_refusal_says_how_much_it_is_and_which_entry_is_wide():
    with pytest.raises(GuardError) as refused:
        desired([*slices(4, 8, 150, at=11), (P("10.0.0.0/9"), BLOCK)], RouteType.BLACKHOLE)
    assert str(refused.value) == (
        "the list covers 67 % of IPv4's unicast addresses, and no routes may cover more than half"
        " of them: take the widest prefixes, such as 11.0.0.0/8, out of the list; nothing was"
        " changed"
    )


@given(wanted_tables, st.dictionaries(corner, st.just("next hop"), max_size=5))
def test_holes_leave_facts_alone_and_the_rest_enforced(table, facts):
    holed, cuts = with_holes(table, facts)
    for address in _CORNER:
        safe = any(p.network <= address <= p.last for p in facts)
        assert match(address, holed) == (None if safe else match(address, table))
    touched = any(match(a, table) for p in facts for a in range(p.network, p.last + 1))
    assert bool(cuts) >= touched


def test_cuts_say_what_was_cut_and_why():
    table = {P("198.18.0.0/16"): Kind.BLACKHOLE, P("198.19.0.7/32"): Kind.BLACKHOLE}
    facts = {P("198.18.0.53/32"): "upstream resolver", P("198.19.0.0/24"): "connected network"}
    holed, cuts = with_holes(table, facts)
    assert holed == {P("198.18.0.0/16"): Kind.BLACKHOLE, P("198.18.0.53/32"): Kind.THROW}
    assert [(c.why, str(c.entry), c.whole) for c in cuts] == [
        ("upstream resolver", "198.18.0.0/16", False),
        ("connected network", "198.19.0.7/32", True),
    ]


def no_conflicts(routes):
    return list({(r.prefix, r.metric): r for r in routes}.values())


tables_found = st.tuples(
    st.lists(foreign_routes, max_size=6), st.lists(own_strays, max_size=6), wanted_tables
).map(lambda found: no_conflicts([*routes_of(found[2]), *found[1], *found[0]]))


@given(wanted_tables, tables_found)
def test_after_the_plan_there_is_nothing_to_do_and_no_stranger_was_touched(wanted, actual):
    kernel = KernelModel(actual)
    plan = diff(wanted, actual, OURS)
    for change in changes(plan):
        kernel.make(change)
    after = diff(wanted, kernel.routes.values(), OURS)
    assert after.empty
    strangers = {r for r in actual if r.protocol != OURS}
    assert set(after.foreign) == strangers == set(plan.foreign)
    ours = {r.prefix: r.kind for r in kernel.routes.values() if r.protocol == OURS}
    taken = {r.prefix for r in strangers if r.metric == 0}
    assert ours == {p: k for p, k in wanted.items() if p not in taken}
    assert set(plan.occupied) == taken & wanted.keys()


@given(wanted_tables, wanted_tables)
def test_at_no_moment_is_an_address_treated_a_third_way(old, new):
    kernel = KernelModel(routes_of(old))
    for change in changes(diff(new, routes_of(old), OURS)):
        kernel.make(change)
        now = {r.prefix: r.kind for r in kernel.routes.values()}
        for address in _CORNER:
            assert match(address, now) in {match(address, old), match(address, new)}


def rule(family=4, preference=5354, table=5354, protocol=OURS, *, plain=True):
    return FibRule(family, preference, table, protocol, plain)


MAIN = rule(preference=32766, table=254, protocol=2)


@pytest.mark.parametrize(
    ("actual", "add", "remove", "foreign"),
    [
        ([MAIN], (4, 6), [], []),
        ([MAIN, rule(), rule(6)], (), [], []),
        ([rule()], (6,), [], []),
        ([rule(protocol=OTHER), rule(6)], (), [], [rule(protocol=OTHER)]),
        ([rule(plain=False), rule(6)], (4,), [], [rule(plain=False)]),
        ([rule(), rule(6), rule(preference=9)], (), [rule(preference=9)], []),
        ([rule(), rule(6), rule(table=5355)], (), [rule(table=5355)], []),
        ([rule(), rule(6), rule(table=9999)], (), [], []),
    ],
)
def test_rules_end_as_one_a_family(actual, add, remove, foreign):
    plan = diff_rules(actual, 5354, 5354, OURS)
    assert (plan.add, list(plan.remove), list(plan.foreign)) == (add, remove, foreign)


def test_each_family_may_have_another_table_in_force():
    actual = [rule(), rule(table=5355), rule(6), MAIN]
    plan = diff_rules(actual, 5354, 5354, OURS, {4: 5355, 6: 5354})
    assert (plan.add, plan.remove) == ((), (rule(),))
    plan = diff_rules(actual, 5354, 5354, OURS, {6: 5355})
    assert (plan.add, plan.remove) == ((6,), (rule(6),))


def test_a_plan_is_shown_as_rows_and_as_batch_lines():
    wanted = {P("198.18.1.0/28"): Kind.BLACKHOLE, P("2001:db8:1::/48"): Kind.PROHIBIT}
    actual = [
        Route(P("198.18.9.0/24"), Kind.BLACKHOLE, OURS, 0),
        Route(P("198.18.8.0/24"), None, OTHER, 0),
    ]
    plan, rules = diff(wanted, actual, OURS), diff_rules([rule()], 5354, 5354, OURS)
    lines = show.text(show.rows(plan, rules, [])).splitlines()
    assert lines == [
        "install   prohibit 2001:db8:1::/48",
        "install   blackhole 198.18.1.0/28",
        "install   rule for IPv6",
        "withdraw  blackhole 198.18.9.0/24",
        "foreign   route 198.18.8.0/24  protocol 4, left alone",
    ]
    four, six = (
        show.batch(plan, rules, family=family, table=5354, preference=5354, protocol=OURS)
        for family in (4, 6)
    )
    assert four == (
        "route add blackhole 198.18.1.0/28 table 5354 proto 177 metric 0\n"
        "route del blackhole 198.18.9.0/24 table 5354 proto 177 metric 0\n"
    )
    assert six == (
        "route add prohibit 2001:db8:1::/48 table 5354 proto 177 metric 1\n"
        "rule add pref 5354 table 5354 protocol 177\n"
    )


@given(wanted_tables, st.lists(foreign_routes))
def test_where_packets_pass_by_a_strangers_route_it_is_known(wanted, foreign):
    others = {r.prefix: r for r in foreign if r.prefix not in wanted}
    found = overriding(wanted, others.values())
    for address in _CORNER:
        single = Prefix(4, address, 32)
        ours, theirs = (
            prefixes.longest_match(single, wanted),
            prefixes.longest_match(single, others),
        )
        blocked = ours is not None and ours[1] is not Kind.THROW
        if blocked and theirs is not None and theirs[0].length > ours[0].length:
            passes = theirs[1].kind in {None, Kind.THROW}
            assert (theirs[1] in found) is passes
