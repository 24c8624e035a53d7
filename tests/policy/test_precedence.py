"""Zones of which one changes: what it gives and takes is what reading all of them would say."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blockd import names
from blockd.config import Config, GuardSection, ListSection, Share, SourceSection
from blockd.policy import commit
from blockd.policy.store import Store
from tests.policy.test_unchanged import outcome_of

pytestmark = pytest.mark.usefixtures("suffixes_are_read_once")

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ALL = Share(percent=100)
GUARD = GuardSection(budget=ALL, max_added=Share(number=1000), max_removed=Share(number=1000))
TOP = "$TTL 60\n@ SOA a. b. {} 2 3 4 5\n@ NS a.\nkeep-{}.example CNAME .\n" + "; the same\n" * 4
"""Enough lines between the serial and the names for a patch."""
ZONES = ("one.rpz", "three.rpz", "two.rpz")  # not in the order of their names below
ORDER = ("one.rpz", "two.rpz", "three.rpz")


class Gateway:
    """Three zones in an order and a list without one, compiled the short way and the whole one."""

    def __init__(self, top):
        self.lists = top / "lists"
        self.lists.mkdir()
        self.short, self.whole = Store(top / "short"), Store(top / "whole")
        self.serial = 0
        self.terms = {}

    def put(self, name, lines):
        """Write a list; a zone has another serial each time."""
        self.serial += 1
        head = TOP.format(self.serial, name[:2]) if name.endswith("rpz") else "keep.example\n"
        (self.lists / name).write_text(head + "".join(f"{line}\n" for line in lines))

    def agree(self, zones=ORDER, now=NOW):
        """Compile both ways; what they say and leave must be the same."""
        sources = tuple(
            SourceSection(path=str(self.lists / name), **self.terms.get(name, {}))
            for name in (*zones, "plain.txt")
        )
        config = Config(list=ListSection(paths=(), source=sources), guard=GUARD)
        (self.whole.state / "recompile").unlink(missing_ok=True)
        found, wanted = (outcome_of(store, config, now, "p") for store in (self.short, self.whole))
        assert found == wanted
        assert self.short.current() is not None

    def decides(self, text):
        """Return which list decides about a name."""
        policy = self.short.open()
        try:
            found = policy.match(names.parse(text))
            return found and Path(found.rule.source).stem
        finally:
            policy.close()


@pytest.fixture
def gateway(tmp_path):
    made = Gateway(tmp_path)
    for name in (*ORDER, "plain.txt"):
        made.put(name, [])
    return made


X, BELOW, DEEP = "x.example CNAME .", "*.x.example CNAME .", "d.e.x.example CNAME rpz-drop."
PASS = "x.example CNAME rpz-passthru."
BOTH = [X, BELOW]
ADDRESS, WIDE = "32.1.1.18.198.rpz-ip CNAME .", "24.0.1.18.198.rpz-ip CNAME ."
CHANGES = {
    "a name comes to the first zone": ({"two": [DEEP]}, {"one": BOTH}, "d.e.x.example", "one"),
    "it goes from there": ({"one": BOTH, "two": [DEEP]}, {"one": []}, "d.e.x.example", "two"),
    "half of it goes": ({"one": BOTH, "two": [DEEP]}, {"one": [X]}, "d.e.x.example", "two"),
    "the other half goes": ({"one": BOTH, "two": BOTH}, {"one": [BELOW]}, "x.example", "two"),
    "an exception comes": ({"two": BOTH}, {"one": [PASS]}, "x.example", "one"),
    "a name comes to the last zone": ({"one": BOTH}, {"three": [DEEP]}, "d.e.x.example", "one"),
    "one goes between others": (
        {"one": [X], "two": [BELOW], "three": [DEEP]}, {"two": []}, "d.e.x.example", "three",
    ),
    "a list without an order": ({"one": BOTH}, {"plain": ["d.e.x.example"]}, "d.e.x.example",
                                "plain"),
    "a name that ends alike": (
        {"one": BOTH, "two": ["ex.example CNAME ."]}, {"one": []}, "ex.example", "two",
    ),
    "addresses": ({"one": [WIDE], "two": [ADDRESS]}, {"one": []}, "keep-tw.example", "two"),
    "half of what a list without an order has too": (
        {"one": [BELOW], "two": ["b.x.example CNAME ."], "plain": ["x.example"]},
        {"one": []}, "b.x.example", "two",
    ),
    "the whole of it, above an exception": (
        {"one": BOTH, "two": ["c.b.x.example CNAME rpz-passthru."], "plain": ["x.example"]},
        {"one": []}, "c.b.x.example", "two",
    ),
    "half of it in two zones at once": (
        {"one": [X], "two": BOTH, "three": ["b.x.example CNAME ."]},
        {"one": [], "two": []}, "b.x.example", "three",
    ),
    "octets that look like a shorter name": (
        {"two": ["a\\001x\\007example.example CNAME ."]}, {"one": ["x.example.example CNAME ."]},
        "keep-tw.example", "two",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", CHANGES)
def test_what_changes_in_one_zone_is_decided_anew_as_far_as_it_reaches(gateway, monkeypatch, what):
    before, after, name, deciding = CHANGES[what]
    lists = {"one": [], "two": [], "three": [], "plain": []} | before
    for stem, lines in lists.items():
        gateway.put(f"{stem}.txt" if stem == "plain" else f"{stem}.rpz", lines)
    gateway.agree()
    revised = []
    revise = commit.revise
    monkeypatch.setattr(commit, "revise", lambda *a: revised.append(revise(*a)) or revised[-1])
    for stem, lines in after.items():
        gateway.put(f"{stem}.txt" if stem == "plain" else f"{stem}.rpz", lines)
    gateway.agree()
    assert [each is not None for each in revised] == [True]  # the whole way does without
    assert gateway.decides(name) == deciding
    for stem in after:
        gateway.put(f"{stem}.txt" if stem == "plain" else f"{stem}.rpz", lists[stem])
    gateway.agree()


def test_a_zone_that_is_taken_out_gives_back_what_it_decided(gateway):
    gateway.put("one.rpz", BOTH)
    gateway.put("two.rpz", [X, "y.example CNAME ."])
    gateway.put("three.rpz", [DEEP, "*.y.example CNAME ."])
    gateway.agree()
    assert gateway.decides("d.e.x.example") == "one"
    gateway.agree(("two.rpz", "three.rpz"))
    assert gateway.decides("x.example") == "two"
    assert gateway.decides("d.e.x.example") == "three"
    gateway.agree(ORDER)
    assert gateway.decides("d.e.x.example") == "one"


NAMES = ["x.example", "e.x.example", "d.e.x.example", "y.example", "ex.example", "a.d.e.x.example"]
ACTIONS = [".", "*.", "rpz-drop.", "rpz-passthru."]
LINES = [f"{w}{name} CNAME {a}" for name in NAMES for w in ("", "*.") for a in ACTIONS]
LINES += [ADDRESS, WIDE, "32.1.1.18.198.rpz-ip CNAME rpz-passthru.", "y.example A 198.18.0.1"]
ALIKE = [line for line in LINES if line.endswith("CNAME .")]
"""Of a zone with one action a few lines are read by themselves."""
_lines = st.lists(st.sampled_from(LINES), max_size=6) | st.lists(st.sampled_from(ALIKE), max_size=6)
_zone = st.tuples(st.sampled_from(ZONES), _lines)
_plain = st.tuples(st.just("plain.txt"), st.lists(st.sampled_from(NAMES), max_size=3))
_steps = st.lists(
    st.tuples(
        st.lists(_zone | _plain, max_size=2), st.sampled_from([ORDER, ORDER, ORDER[1:], ORDER[:2]])
    ),
    min_size=2,
    max_size=5,
)
_terms = st.fixed_dictionaries(
    dict.fromkeys(
        ZONES,
        st.sampled_from([{}, {}, {"enforce": False}, {"action": "passthru"}, {"action": "nodata"}]),
    )
)


@settings(max_examples=40)
@given(_steps, _terms)
def test_after_any_changes_zones_stand_as_if_all_were_read(steps, terms):
    with tempfile.TemporaryDirectory() as scratch:
        made = Gateway(Path(scratch))
        made.terms = terms
        for name in (*ORDER, "plain.txt"):
            made.put(name, [])
        for edits, zones in steps:
            for name, lines in edits:
                made.put(name, lines)
            made.agree(zones)
