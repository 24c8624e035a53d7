"""Names that mean another thing: the same whichever way the new rule set came to be."""

import pytest

from blockd.policy import packed, table
from blockd.policy.difference import difference
from blockd.policy.reader import Policy
from blockd.policy.writer import write
from blockd.watchlist.compile import compile_rules
from blockd.watchlist.formats import parse
from tests import entries


def rules_of(lines):
    text = "".join(f"{line}\n" for line in lines)
    return compile_rules([parse(text.encode(), "a.txt")], entries.TODAY)


NAMES = [f"n{number:02}.example" for number in range(20)]
EDITS = {
    "none": NAMES,
    "one at the beginning": ["a.example", *NAMES],
    "one at the end": [*NAMES, "z.example"],
    "all but one": NAMES[:7] + NAMES[8:],
    "the first half": NAMES[:10],
    "the second half": NAMES[10:],
    "others": [f"m{number:02}.example" for number in range(20)],
    "another order": NAMES[::-1],
    "every second one, and some between": NAMES[::2] + [f"n{n:02}x.example" for n in range(5)],
}


@pytest.mark.parametrize("edit", EDITS)
def test_batches_that_do_not_meet_are_compared_all_the_same(edit, tmp_path, monkeypatch):
    monkeypatch.setattr(table, "BATCH", 4)
    monkeypatch.setattr(packed, "BATCH", 3)
    write(tmp_path / "1.mdb", 1, rules_of(NAMES))
    policy = Policy(tmp_path / "1.mdb")
    found = difference(policy, rules_of(EDITS[edit]))
    policy.close()
    before, after = set(NAMES), set(EDITS[edit])
    assert {name for name, _ in found.added} == after - before
    assert {name for name, _ in found.removed} == before - after
    assert len(found.changed) == 0
