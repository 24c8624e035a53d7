"""One commit: judged between comparing and writing, and either whole or nothing."""

from datetime import UTC, datetime

import pytest

from blockd.config import GuardSection
from blockd.errors import GuardError
from blockd.policy.commit import Order, commit
from blockd.policy.record import Acceptance
from blockd.policy.store import Store
from blockd.watchlist import examine
from blockd.watchlist.never import Never
from blockd.watchlist.sources import Source

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LIST = b"a.example\nb.example\n"


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "state")


def order(content, **more):
    sources = [Source("list.txt", content)]
    return Order(
        sources=sources,
        look=lambda _unchanged: examine.examine(sources, GuardSection(), [], Never()),
        unchanged=None, inputs="inputs", settings="settings", limits=GuardSection(),
        never=Never(), now=NOW, reason="changed", **more,
    )  # fmt: skip


def committed(store, content, **more):
    with store.lock():
        last = store.record(store.current()) if store.current() else None
        policy = store.open() if last else None
        try:
            return commit(store, last, policy, order(content, **more))
        finally:
            if policy is not None:
                policy.close()


def files(store):
    return {path: path.lstat().st_mtime_ns for path in store.state.rglob("*") if path.is_file()}


def test_the_judge_sees_rules_and_difference_and_its_word_is_recorded(store):
    seen = []

    def judge(rules, difference):
        seen.append((rules.listed, len(difference.added), store.current()))
        return Acceptance(digest="d" * 20, by="somebody")

    outcome = committed(store, LIST, judge=judge)
    assert seen == [(2, 2, None)]
    assert (outcome.number, outcome.committed) == (1, True)
    assert store.record(1).accepted.by == "somebody"


def test_a_judge_that_refuses_leaves_everything_as_it_was(store):
    def judge(_rules, _difference):
        raise GuardError("too much")

    committed(store, LIST)
    before = files(store)
    with pytest.raises(GuardError, match="too much"):
        committed(store, b"c.example\n", judge=judge)
    assert (store.current(), files(store)) == (1, before)


def test_it_counts_its_steps(store):
    steps = []
    with store.lock():
        commit(store, None, None, order(LIST), lambda *step: steps.append(step))
    mine = [step for step in steps if step[2] == 3]
    assert [done for _, done, _ in mine] == sorted(done for _, done, _ in mine)
    assert mine[-1][1] == 3


def test_a_record_says_what_was_committed_and_vouches_for_the_one_before(store):
    committed(store, LIST)
    committed(store, LIST + b"c.example\n")
    first, second = store.record(1), store.record(2)
    assert (first.previous, len(second.previous)) == ("", 64)
    assert (second.names, second.added, second.removed) == (3, 1, 0)
