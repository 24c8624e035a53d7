"""The short way to a rule set: what it gives is what a whole compile gives, row for row."""

import tempfile
from datetime import timedelta
from pathlib import Path

import lmdb
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blockd.policy import layout, packed, revised, table
from blockd.policy.difference import difference
from blockd.policy.reader import Policy
from blockd.policy.record import SourceRecord
from blockd.policy.remembered import Excepted, KeptSource, Remembered, remember
from blockd.policy.revise import Last, revise
from blockd.policy.writer import write
from blockd.watchlist.compile import Rivals, compile_rules, counted
from blockd.watchlist.model import NameEntry, Parsed, Rule, Scope
from tests import entries


@pytest.fixture(scope="module", autouse=True)
def _batches_are_short():
    with pytest.MonkeyPatch.context() as patch:
        for module in (table, revised, packed):
            patch.setattr(module, "BATCH", 3)
        yield


def remembered(sources, rules):
    """What a compile of these sources leaves, after it was written and read."""
    kept = [
        KeptSource(
            content=source.source,
            parsed=msgspec.structs.replace(source, names=[], prefixes=[]),
            record=SourceRecord(path=source.source, sha256="", names=0, prefixes=0, dropped=0),
            rules=tuple(counted(source)),
            excepted=Excepted((), (), ()),
        )
        for source in sources
    ]
    found = remember("", entries.TODAY, "", kept, rules)
    return msgspec.msgpack.decode(msgspec.msgpack.encode(found), type=Remembered)


def dumped(path):
    """All rows of a generation."""
    env = lmdb.open(str(path), subdir=False, readonly=True, lock=False, max_dbs=layout.DATABASES)
    with env.begin() as transaction:
        names = [name for name, _ in transaction.cursor()]
        found = {
            name: list(transaction.cursor(env.open_db(name, txn=transaction, create=False)))
            for name in names
        }
    env.close()
    return found


def plain(rules):
    """A rule set with mappings that compare."""
    shadow = msgspec.structs.replace(rules.shadow, names=dict(rules.shadow.names))
    return msgspec.structs.replace(rules, names=dict(rules.names), shadow=shadow)


def holds(old, new, kept, day):
    """Compile one way and the other, write both, and compare all that comes of them."""
    before = compile_rules(old, entries.TODAY)
    whole = compile_rules(new, day)
    with tempfile.TemporaryDirectory() as scratch:
        top = Path(scratch)
        write(top / "1.mdb", 1, before)
        policy = Policy(top / "1.mdb")
        left = remembered(old, before)
        changed = [source for place, source in enumerate(new) if place not in kept]
        last = Last(policy, [left.sources[place].rules for place in kept], *left.rivals())
        short = revise(last, changed, [counted(source) for source in changed], day)
        assert short is not None
        assert plain(short) == plain(whole)
        assert len(short.names) == len(whole.names)
        assert all(short.names.get(name) == whole.names.get(name) for name in entries.UNIVERSE)
        one, other = (difference(policy, rules, day) for rules in (short, whole))
        assert one.plain() == other.plain()
        assert (one.names, one.prefixes) == (other.names, other.prefixes)
        assert one.digest(day) == other.digest(day)
        digests = [write(top / f"{n}.mdb", 2, rules) for n, rules in ((2, short), (3, whole))]
        policy.close()
        assert digests[0] == digests[1]
        assert dumped(top / "2.mdb") == dumped(top / "3.mdb")
    # The next one begins with the same.
    assert remembered(new, short) == remembered(new, whole)


@pytest.mark.parametrize("lacking", [0, 1])
def test_a_generation_with_a_rule_that_its_kept_source_lacks_is_no_beginning(tmp_path, lacking):
    rules = [Rule(id=f"p{number}", source="kept.toml", line=number) for number in (1, 2)]
    listed = [
        NameEntry(name, Scope.SUBTREE, rule, rule.line)
        for name, rule in zip(entries.UNIVERSE[1:3], rules, strict=True)
    ]
    kept = Parsed(source="kept.toml", feed=False, names=listed)
    write(tmp_path / "1.mdb", 1, compile_rules([kept], entries.TODAY))
    policy = Policy(tmp_path / "1.mdb")
    left = counted(kept)[: len(rules) - lacking]
    found = revise(Last(policy, [left], Rivals(), Rivals()), [], [], entries.TODAY)
    policy.close()
    assert (found is None) is bool(lacking)


@settings(max_examples=150)
@given(entries.lists, entries.lists, st.sampled_from([(), (0,), (1,), (0, 1)]), st.integers(0, 2))
def test_the_short_way_leads_where_the_whole_one_does(old, other, kept, days):
    new = [old[place] if place in kept else other[place] for place in (0, 1)]
    holds(old, new, kept, entries.TODAY + timedelta(days=days))


@settings(max_examples=50)
@given(entries.lists, st.data())
def test_one_entry_more_or_less_is_enough_to_reach_all_that_hangs_on_it(old, data):
    edited = msgspec.structs.replace(
        old[1],
        names=data.draw(st.lists(st.sampled_from(old[1].names or [None]), unique=True)),
        prefixes=old[1].prefixes[1:],
    )
    edited.names = [entry for entry in edited.names if entry is not None]
    holds(old, [old[0], edited], (0,), entries.TODAY)
