"""Following the store: every new generation once, damaged ones never, what waits goes first."""

import asyncio

import pytest

from blockd.config import ResolverSection
from blockd.errors import NoPolicyError, StoreError
from blockd.policy.store import Store
from blockd.resolver.engine import Engine
from blockd.resolver.follow import RETRY, Follower
from tests.resolver.stub import until

RULE = '[[platform]]\nid = "p{}"\ndomains = {}\n'


@pytest.fixture
def follower(tmp_path):
    told, now = [], [0.0]
    engine = Engine(ResolverSection(), None)
    made = Follower(
        Store(tmp_path / "state"),
        engine,
        lambda: told.append(("adopting", engine.policy and engine.policy.number)),
        lambda: told.append(("adopted", engine.policy.number)),
        lambda: now[0],
    )
    made.now = now
    yield made, engine, told
    made.close()


def test_without_a_generation_there_is_nothing_to_follow_yet(follower):
    made, engine, _ = follower
    with pytest.raises(NoPolicyError):
        made.first()
    assert engine.policy is None


def test_a_new_generation_is_adopted_after_what_waits_was_sent(tmp_path, committing, follower):
    made, engine, told = follower
    committing(tmp_path)

    async def scenario():
        made.first()
        made.begin()
        made.look()  # nothing has changed
        committing(tmp_path, RULE.format(2, ["www.example"]))
        made.look()
        await until(lambda: engine.policy.number == 2)

    asyncio.run(scenario())
    assert told == [("adopting", None), ("adopting", 1), ("adopted", 2)]
    assert made.problem == ""


def test_two_generations_in_a_row_are_no_problem(tmp_path, committing, follower):
    made, engine, _ = follower
    committing(tmp_path)

    async def scenario():
        made.first()
        made.begin()
        committing(tmp_path, RULE.format(2, ["b.example"]))
        made.look()
        committing(tmp_path, RULE.format(3, ["c.example"]))
        await until(lambda: engine.policy.number >= 2)
        await until(lambda: made.look() or engine.policy.number == 3)

    asyncio.run(scenario())
    assert made.problem == ""


def test_a_damaged_generation_is_reported_and_the_old_one_stays(tmp_path, committing, follower):
    made, engine, _ = follower
    committing(tmp_path)

    async def scenario():
        made.first()
        made.begin()
        committing(tmp_path, RULE.format(2, ["b.example"]))
        path = Store(tmp_path / "state").generation_path(2)
        path.chmod(0o640)
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)
        made.look()
        await until(lambda: made.problem)

    asyncio.run(scenario())
    assert engine.policy.number == 1
    assert "damaged" in made.problem


def test_what_could_not_be_opened_is_tried_again_after_a_pause_and_told_once(
    tmp_path, committing, follower, monkeypatch, caplog
):
    made, engine, _ = follower
    committing(tmp_path)
    opening = Store.open_generation
    tried = []

    def failing(_store, number):
        tried.append(number)
        raise StoreError("Too many open files")

    async def scenario():
        made.first()
        made.begin()
        committing(tmp_path, RULE.format(2, ["b.example"]))
        monkeypatch.setattr(Store, "open_generation", failing)
        for attempt in (1, 2):
            await until(lambda n=attempt: made.look() or len(tried) == n)
            await asyncio.sleep(0.05)
            made.look()
            assert tried == [2] * attempt, "it is not tried again at once"
            made.now[0] += RETRY
        monkeypatch.setattr(Store, "open_generation", opening)
        await until(lambda: made.look() or engine.policy.number == 2)

    asyncio.run(scenario())
    assert made.problem == ""
    assert [each.levelname for each in caplog.records].count("ERROR") == 1


def test_nothing_is_adopted_before_the_daemon_begins(tmp_path, committing, follower):
    made, engine, _ = follower
    committing(tmp_path)

    async def scenario():
        made.look()
        await asyncio.sleep(0)
        assert engine.policy is None

    asyncio.run(scenario())
