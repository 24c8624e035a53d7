"""Following the store: every new generation once, damaged ones never, the one before is closed."""

import asyncio
import os
from datetime import UTC, datetime

import pytest

from blockd import names
from blockd.config import Config, ListSection
from blockd.errors import NoPolicyError, StoreError
from blockd.policy import publish
from blockd.policy.store import Store
from blockd.service.follow import PAUSE, RETRY, Follower
from tests.lists import platform

DEADLINE = 20


class Followed:
    """A store, a follower of it, and what the follower had used."""

    def __init__(self, directory):
        self.rules = directory / "rules.toml"
        self.store = Store(directory / "state")
        self.used, self.now = [], 0.0
        self.follower = Follower(self.store, self.use, lambda: self.now)

    def use(self, policy):
        held = self.follower.policy
        # The one before is open still: what was judged by it may have to be looked at.
        assert held is None or len(held) == 1
        self.used.append(policy.number)

    def commit(self, name):
        self.rules.write_text(platform("p", name))
        config = Config(list=ListSection(paths=(str(self.rules),)))
        publish.publish(self.store, config, datetime.now(UTC))

    def damage(self, number):
        path = self.store.generation_path(number)
        path.chmod(0o640)
        with path.open("r+b") as file:
            file.seek(-1, os.SEEK_END)
            last = file.read(1)
            file.seek(-1, os.SEEK_END)
            file.write(bytes((last[0] ^ 1,)))

    def lists(self, name):
        return self.follower.policy.match(names.parse(name)) is not None

    async def until(self, condition):
        async with asyncio.timeout(DEADLINE):
            while not condition():  # noqa: ASYNC110 - a look signals nothing
                await asyncio.sleep(0.005)


def told(caplog):
    return [each.levelname for each in caplog.records].count("ERROR")


@pytest.fixture
def scenario(tmp_path):
    """Run a scenario of a follower, which is closed after it."""

    def run(play):
        async def whole():
            made = Followed(tmp_path)
            try:
                await play(made)
            finally:
                await made.follower.close()

        asyncio.run(whole())

    return run


def test_without_a_generation_there_is_nothing_to_follow_yet(scenario):
    async def play(made):
        with pytest.raises(NoPolicyError):
            made.follower.first()
        assert await made.follower.newest() is None
        assert (made.follower.problem, made.used) == ("", [])
        made.commit("a.example")
        assert (await made.follower.newest()).number == 1

    scenario(play)


def test_a_look_begins_to_adopt_what_is_new_and_nothing_else(scenario):
    async def play(made):
        made.commit("a.example")
        made.follower.first()
        made.follower.look()
        made.commit("b.example")
        made.follower.look()
        await made.until(lambda: made.follower.policy.number == 2)
        assert (made.used, made.follower.problem) == ([1, 2], "")
        assert made.lists("b.example")
        assert not made.lists("a.example")

    scenario(play)


def test_all_that_ask_after_a_change_wait_for_it(scenario):
    async def play(made):
        made.commit("a.example")
        first = await made.follower.newest()
        assert await made.follower.newest() is first
        made.commit("b.example")
        found = await asyncio.gather(*(made.follower.newest() for _ in range(5)))
        assert {policy.number for policy in found} == {2}
        assert made.used == [1, 2]

    scenario(play)


def test_two_generations_in_a_row_are_no_problem(scenario):
    async def play(made):
        made.commit("a.example")
        made.follower.first()
        made.commit("b.example")
        made.follower.look()
        made.commit("c.example")
        await made.until(lambda: made.follower.look() or made.follower.policy.number == 3)
        assert made.follower.problem == ""

    scenario(play)


def test_a_damaged_generation_is_told_once_and_the_one_before_stays(scenario, caplog):
    async def play(made):
        made.commit("a.example")
        first = await made.follower.newest()
        made.commit("b.example")
        made.damage(2)
        for _ in range(3):
            assert await made.follower.newest() is first
        assert "damaged" in made.follower.problem
        made.commit("c.example")
        assert (await made.follower.newest()).number == 3
        assert made.follower.problem == ""

    scenario(play)
    assert told(caplog) == 1


def test_an_earlier_generation_in_place_of_a_damaged_one_is_used_and_told(scenario, caplog):
    async def play(made):
        made.commit("a.example")
        made.commit("b.example")
        made.damage(2)
        made.follower.first()
        assert made.follower.policy.number == 1
        assert (await made.follower.newest()).number == 1
        assert "damaged" in made.follower.problem
        made.commit("c.example")
        made.commit("d.example")
        made.damage(4)
        assert (await made.follower.newest()).number == 3
        assert "damaged" in made.follower.problem
        assert made.used == [1, 3]

    scenario(play)
    assert told(caplog) == 2


def test_what_could_not_be_opened_is_tried_again_after_a_pause_and_told_once(
    scenario, monkeypatch, caplog
):
    tried = []

    def failing(_store, number, pause):
        assert pause == PAUSE  # queries are answered beside it
        tried.append(number)
        raise StoreError("Too many open files")

    async def play(made):
        made.commit("a.example")
        with monkeypatch.context() as patch:
            patch.setattr(Store, "open_generation", failing)
            for attempt in (1, 2):
                for _ in range(3):
                    assert await made.follower.newest() is None
                assert (tried, "Too many" in made.follower.problem) == ([1] * attempt, True)
                made.now += RETRY
        assert (await made.follower.newest()).number == 1
        assert made.follower.problem == ""

    scenario(play)
    assert told(caplog) == 1


def test_the_end_waits_for_an_adoption_and_closes_what_came_of_it(scenario):
    async def play(made):
        made.commit("a.example")
        made.follower.look()
        await made.follower.close()
        assert made.used == [1]

    scenario(play)
