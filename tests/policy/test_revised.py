"""Names as those of the last generation with some changed: whole whichever way they are asked."""

import pytest

from blockd import names
from blockd.policy import layout, revised, rows, table
from blockd.policy.reader import Policy
from blockd.policy.revised import Revised
from blockd.policy.rows import Numbers
from blockd.policy.writer import write
from blockd.watchlist.compile import compile_rules
from blockd.watchlist.formats import parse
from blockd.watchlist.model import NameEntry, Rule, Scope
from tests import entries

LISTED = [f"n{number:02}.example" for number in range(10)]
NEW = Rule(id="new", source="b.txt")


def wire(text):
    return names.parse(text)


@pytest.fixture
def policy(tmp_path, monkeypatch):
    for module in (table, revised):
        monkeypatch.setattr(module, "BATCH", 3)
    text = "".join(f"{name}\n" for name in LISTED)
    rules = compile_rules([parse(text.encode(), "a.txt")], entries.TODAY)
    write(tmp_path / "1.mdb", 1, rules)
    opened = Policy(tmp_path / "1.mdb")
    yield opened
    opened.close()


CHANGES = {
    "nothing": {},
    "one more in front": {"a.example": NEW},
    "some more behind": {f"z{n}.example": NEW for n in range(5)},
    "one less, the first of its batch": {"n03.example": None},
    "a whole batch less": dict.fromkeys(LISTED[3:6]),
    "all less": dict.fromkeys(LISTED),
    "all others": dict.fromkeys(LISTED) | {f"m{n}.example": NEW for n in range(4)},
    "another rule": {"n00.example": NEW, "n09.example": NEW},
    "less of what was not there": {"n05x.example": None},
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("between", [(), ("n04.example.example",)])
@pytest.mark.parametrize("shifted", [False, True])
def test_it_is_the_mapping_and_has_the_rows_of_what_was_and_what_changed(
    policy, change, between, shifted
):
    old = policy.every_rule()
    given = {
        wire(name): rule and NameEntry(wire(name), Scope.SUBTREE, rule, 5)
        for name, rule in CHANGES[change].items()
    }
    found = Revised(policy.table(layout.NAMES), old, len(LISTED), given, {})
    wanted = {
        wire(n): NameEntry(wire(n), Scope.SUBTREE, old[0], at + 1) for at, n in enumerate(LISTED)
    }
    wanted |= given
    wanted = {name: entry for name, entry in wanted.items() if entry is not None}
    assert dict(found) == wanted
    assert len(found) == len(wanted)
    assert found.get(wire("never.example")) is None
    numbers = Numbers([NEW, *old] if shifted else [*old, NEW])
    marked = list(map(wire, between))
    stored = {name: rows.pack(entry, numbers.of) for name, entry in wanted.items()}
    stored |= dict.fromkeys(marked, layout.BETWEEN)
    batches = list(found.batches(marked, numbers))
    assert [row for batch in batches for row in zip(*batch, strict=True)] == sorted(stored.items())
    assert all(batch[0] for batch in batches)
