"""The generation that is held is the newest good one."""

import asyncio
import os

from blockd import names
from blockd.errors import StoreError
from blockd.notice.held import RETRY, Held
from blockd.policy.store import Store

MORE = '\n[[platform]]\nid = "p002"\ndomains = ["more.example"]\n'
NAME = names.parse("more.example")


def test_each_request_is_judged_by_the_newest(gateway):
    async def run():
        held = Held(Store(gateway.state))
        assert await held.newest() is None
        assert gateway.run("compile").status == 0
        first = await held.newest()
        assert (first.number, first.match(NAME)) == (1, None)
        assert await held.newest() is first
        path = gateway.rules / "rules.toml"
        path.write_text(path.read_text() + MORE)
        assert gateway.run("compile").status == 0
        # All that ask while it is being adopted wait for it.
        found = await asyncio.gather(*(held.newest() for _ in range(5)))
        assert {policy.number for policy in found} == {2}
        assert found[0].match(NAME).rule.id == "p002"
        assert held.problem == ""
        await held.close()

    asyncio.run(run())


def test_a_damaged_generation_is_told_and_the_one_before_stays(gateway, caplog):
    async def run():
        assert gateway.run("compile").status == 0
        held = Held(Store(gateway.state))
        first = await held.newest()
        path = gateway.rules / "rules.toml"
        path.write_text(path.read_text() + MORE)
        assert gateway.run("compile").status == 0
        damaged = gateway.state / "generations/00000002.mdb"
        damaged.chmod(0o640)
        with damaged.open("r+b") as file:
            file.seek(-1, os.SEEK_END)
            file.write(b"\xff")
        for _ in range(3):
            assert await held.newest() is first
        assert "damaged" in held.problem
        await held.close()

    asyncio.run(run())
    assert [each.levelname for each in caplog.records].count("ERROR") == 1, (
        "told once, not for every request"
    )


def test_what_could_not_be_opened_is_tried_again_after_a_pause(gateway, monkeypatch, caplog):
    now, tried = [0.0], []

    def failing(_store, number):
        tried.append(number)
        raise StoreError("Too many open files")

    async def run():
        assert gateway.run("compile").status == 0
        held = Held(Store(gateway.state), lambda: now[0])
        with monkeypatch.context() as patch:
            patch.setattr(Store, "open_generation", failing)
            for attempt in (1, 2):
                for _ in range(3):
                    assert await held.newest() is None
                assert (tried, "Too many" in held.problem) == ([1] * attempt, True)
                now[0] += RETRY
        assert (await held.newest()).number == 1
        assert held.problem == ""
        await held.close()

    asyncio.run(run())
    assert [each.levelname for each in caplog.records].count("ERROR") == 1, (
        "told once, not for every attempt"
    )
