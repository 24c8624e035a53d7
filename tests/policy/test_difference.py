"""What a compile would change: entries by name and prefix, lines aside."""

import tempfile
from datetime import date
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings

from blockd import names
from blockd.policy.difference import Difference, difference
from blockd.policy.limits import Moved
from blockd.policy.reader import Policy
from blockd.policy.writer import write
from blockd.watchlist.compile import compile_rules, slots
from blockd.watchlist.formats import parse
from tests import entries

HEAD = "[[platform]]\nid = 'p'\n"
ONE = HEAD + "domains = ['a.example']\n"
OTHER = "[[platform]]\nid = 'q'\ndomains = ['b.example']\n"


def rules_of(text):
    return compile_rules([parse(text.encode(), "a.toml")] if text else [], entries.TODAY)


def between(old, new):
    with tempfile.TemporaryDirectory() as scratch:
        write(Path(scratch) / "1.mdb", 1, old)
        policy = Policy(Path(scratch) / "1.mdb")
        try:
            return difference(policy, new).plain()
        finally:
            policy.close()


def meanings(rules):
    """What stands under each key, without lines."""

    def bare(entry):
        return entry and msgspec.structs.replace(entry.rule, line=0)

    found = {
        names.to_text(name): tuple(map(bare, slots(entry))) for name, entry in rules.names.items()
    }
    return found | {str(entry.prefix): bare(entry) for entry in rules.prefixes}


CASES = [
    ("", ONE, [("a.example", "p")], [], []),
    (ONE, "", [], [("a.example", "p")], []),
    (ONE, "# c\n\n" + ONE, [], [], []),
    (ONE, HEAD + "domains = ['A.Example.']\n", [], [], []),
    (ONE, HEAD + "domains = ['=a.example']\n", [], [], [("=a.example", "p")]),
    (ONE, HEAD + "domains = ['*.a.example']\n", [], [], [("*.a.example", "p")]),
    (ONE, ONE + "ttl = 5\n", [], [], [("a.example", "p")]),
    (ONE, ONE.replace("'p'", "'q'"), [], [], [("a.example", "q")]),
    (ONE, ONE + "prefixes = ['198.18.1.0/28']\n", [("198.18.1.0/28", "p")], [], []),
    (ONE + "prefixes = ['2001:db8::1']\n", ONE, [], [("2001:db8::1/128", "p")], []),
    (ONE + "enforce = false\n", ONE, [("a.example", "p")], [], []),
    (ONE, ONE + "expires = 2026-02-28\n", [], [("a.example", "p")], []),
    (
        ONE,
        ONE + "[[allow]]\nreason = 'x'\ndomains = ['z.y.x.a.example']\n",
        [("z.y.x.a.example", "allow")],
        [],
        [],
    ),
    (
        ONE,
        ONE + "[[allow]]\nreason = 'x'\ndomains = ['a.example']\n",
        [],
        [],
        [("a.example", "allow")],
    ),
    (
        HEAD + "domains = ['b.example', 'c.example']\n",
        HEAD + "domains = ['d.example', 'b.example', '示例.example']\n",
        [("d.example", "p"), ("xn--fsq092h.example", "p")],
        [("c.example", "p")],
        [],
    ),
]


@pytest.mark.parametrize(("old", "new", "added", "removed", "changed"), CASES)
def test_a_change_is_shown_as_lists_write_it(old, new, added, removed, changed):
    found = between(rules_of(old), rules_of(new))
    assert {part: list(shown) for part, shown in found.items()} == {
        "added": added,
        "removed": removed,
        "changed": changed,
    }


@settings(max_examples=50)
@given(entries.lists, entries.lists)
def test_each_key_is_in_the_part_that_its_two_meanings_call_for(old, new):
    before, after = (compile_rules(sources, entries.TODAY) for sources in (old, new))
    found = between(before, after)
    was, is_now = meanings(before), meanings(after)
    wanted = {
        "added": is_now.keys() - was.keys(),
        "removed": was.keys() - is_now.keys(),
        "changed": {key for key in was.keys() & is_now.keys() if was[key] != is_now[key]},
    }
    for part, shown in found.items():
        assert list(shown) == sorted(shown)
        keys = [text.removeprefix("=").removeprefix("*.") for text, _ in shown]
        assert sorted(keys) == sorted(wanted[part])


@settings(max_examples=20)
@given(entries.lists)
def test_without_an_old_generation_everything_is_added(sources):
    rules = compile_rules(sources, entries.TODAY)
    found = difference(None, rules)
    assert len(found.added) == rules.listed + len(rules.prefixes)
    assert bool(found) == bool(rules.rules)
    assert not found.removed
    assert not found.changed


def test_no_difference_is_false():
    assert not Difference()
    assert not difference(None, rules_of(""))
    assert difference(None, rules_of(ONE))


@pytest.mark.parametrize("other", ["c.example", "=b.example"])
def test_a_digest_names_one_change_and_no_other(other):
    def digest(text):
        return difference(None, rules_of(text)).digest(entries.TODAY)

    both = HEAD + "domains = ['a.example', 'b.example']\n"
    assert digest(both) == digest("\n# moved\n" + both)
    assert digest(both) == digest(HEAD + "domains = ['b.example', 'a.example']\n")
    assert digest(both) != digest(both.replace("b.example", other))
    assert digest(both) != digest(both + "ttl = 5\n")
    assert digest(both) != digest(both.replace("'p'", "'q'"))


def test_what_expired_is_no_part_of_a_change(tmp_path):
    text = HEAD + "domains = ['a.example']\nexpires = 2026-03-01\n"
    write(tmp_path / "1.mdb", 1, rules_of(text + "\n" + OTHER))
    policy = Policy(tmp_path / "1.mdb")
    later = date(2026, 3, 2)
    found = difference(policy, rules_of(""), later)
    assert (len(found.removed), found.names.lifted) == (2, 1)
    policy.close()
    write(tmp_path / "2.mdb", 1, rules_of(text))
    policy = Policy(tmp_path / "2.mdb")
    found = difference(policy, rules_of(""), later)
    assert (len(found.removed), found.names) == (1, Moved(before=1))
    assert found.digest(later) == difference(policy, rules_of(text), later).digest(later)
    policy.close()
