"""Between zones the first that says anything about a name counts, as in a resolver with RPZ."""

from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from blockd import names, prefixes
from blockd.watchlist.compile import compile_rules, slots
from blockd.watchlist.formats import rpz
from blockd.watchlist.model import Rule
from blockd.watchlist.override import overridden

TODAY = date(2026, 3, 1)


def compiled(*texts, actions=()):
    """The rule set of zones in their order."""
    zones = []
    for order, text in enumerate(texts, 1):
        zone = rpz.parse(text, f"{9 - order}.rpz")  # the names of the files say the opposite
        zone.order = order
        zones.append(overridden(zone, dict(enumerate(actions, 1)).get(order, "given")))
    return compile_rules(zones[::-1], TODAY)


def decided(rules, text):
    """What the rules do with a name: the longest match."""
    wire = names.parse(text)
    for suffix in names.suffixes(wire):
        entry = rules.names.get(suffix)
        if entry is not None:
            slot = slots(entry)[suffix != wire]
            if slot is not None:
                return said(slot.rule)
    return "nothing"


def said(rule: Rule):
    return f"{rule.source}: {'passthru' if rule.allow else rule.action}"


UNIVERSE = ["a.test", "b.a.test", "c.b.a.test", "d.c.b.a.test", "x.a.test", "test"]
OWNERS = ["a.test", "*.a.test", "b.a.test", "*.b.a.test", "c.b.a.test", "*.test"]
zones = st.lists(
    st.dictionaries(
        st.sampled_from(OWNERS), st.sampled_from([".", "*.", "rpz-passthru.", "rpz-drop."]),
        max_size=5,
    ),
    min_size=1,
    max_size=3,
)  # fmt: skip
MEANS = {".": "nxdomain", "*.": "nodata", "rpz-passthru.": "passthru", "rpz-drop.": "drop"}


def first_match(listed, name):
    """The same by asking zone after zone, each for its longest match."""
    labels = name.split(".")
    for order, zone in enumerate(listed, 1):
        wild = ["*." + ".".join(labels[n:]) for n in range(1, len(labels))]
        for owner in (name, *wild):
            if owner in zone:
                return f"{9 - order}.rpz: {MEANS[zone[owner]]}"
    return "nothing"


@settings(max_examples=300)
@given(zones)
def test_the_first_zone_with_a_match_counts(listed):
    texts = ["".join(f"{o} CNAME {t}\n" for o, t in zone.items()) for zone in listed]
    rules = compiled(*texts)
    for name in UNIVERSE:
        assert decided(rules, name) == first_match(listed, name)


def test_a_zone_that_is_disabled_hides_nothing():
    block, free = "*.a.test CNAME .\n", "*.a.test CNAME rpz-passthru.\n"
    assert decided(compiled(free, block), "b.a.test") == "8.rpz: passthru"
    assert decided(compiled(free, block, actions=["disabled"]), "b.a.test") == "7.rpz: nxdomain"


def test_of_prefixes_the_first_zone_counts_too():
    wide, narrow = "24.0.1.18.198.rpz-ip CNAME .\n", "32.1.1.18.198.rpz-ip CNAME rpz-passthru.\n"
    for texts, kept in (((wide, narrow), ["24"]), ((narrow, wide), ["24", "32"])):
        rules = compiled(*texts)
        assert [str(e.prefix).partition("/")[2] for e in rules.prefixes] == kept
    assert prefixes.parse("198.18.1.0/24") in {entry.prefix for entry in rules.prefixes}


def test_what_is_overruled_is_said_once_a_zone():
    many = "".join(f"a{n}.b.test CNAME .\n" for n in range(5))
    (issue,) = compiled("*.b.test CNAME rpz-passthru.\n", many).issues
    assert str(issue) == (
        "7.rpz:1: warning: a0.b.test is decided by 8.rpz:1, in a zone before this one"
        " (and 4 more entries)"
    )


def test_sources_without_an_order_are_matched_by_length_alone():
    zone = rpz.parse("*.a.test CNAME .\n", "z.rpz")
    zone.order = 1
    other = rpz.parse("b.a.test CNAME rpz-passthru.\n", "a.rpz")
    assert decided(compile_rules([zone, other], TODAY), "b.a.test") == "a.rpz: passthru"
