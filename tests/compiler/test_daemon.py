"""The compiler daemon: it follows the lists, refuses wrong ones, lets nothing outlive its day.

In a process of its own where files and signals matter; in this one where the clock does.
"""

import asyncio
import fcntl
import os
import signal
from datetime import UTC, datetime, timedelta

import pytest

from blockd.compiler import daemon as compiler
from blockd.compiler.refused import MOST_ISSUES
from blockd.config import Config, ListSection
from blockd.errors import UnreachableError
from blockd.policy import publish, remembered
from blockd.policy.store import Store
from blockd.service import control
from tests.cli.program import RULES, WITHIN, Gateway, daemon, until

OTHER = RULES.replace('"listed.example"', '"new.example"')
EXPIRING = RULES.replace("2099-12-31", "2026-03-01") + (
    '[[platform]]\nid = "p002"\ndomains = ["stays.example"]\n'
)


@pytest.fixture
def gateway(tmp_path):
    return Gateway(tmp_path)


@pytest.fixture
def watching(gateway):
    """The daemon on a gateway, after its first generation."""
    with daemon(gateway.argv("watch"), gateway.place) as running:
        running.notices.until("READY=1")
        yield running


def status(gateway):
    return control.ask(gateway.control("compiler"), timeout=10)


def reaches(gateway, number):
    until(lambda: Store(gateway.state).current() == number)


def blocked(gateway, name):
    return gateway.lists(name)


def test_a_list_that_is_replaced_is_compiled(gateway, watching):
    gateway.write(OTHER)
    reaches(gateway, 2)
    assert blocked(gateway, "new.example")
    assert not blocked(gateway, "listed.example")
    assert status(gateway)["generation"] == 2
    ((said,),) = watching.notices.until("STATUS=generation 2")
    assert said == "STATUS=generation 2"


@pytest.mark.parametrize(
    "change",
    [
        lambda path: (path / "rules.toml").write_text(OTHER),
        lambda path: (path / "more.list").write_text("more.example\n"),
        lambda path: (path / "rules.toml").rename(path / "renamed.toml"),
        lambda path: (
            (path.parent / "out.toml").write_text(OTHER)
            and (path.parent / "out.toml").rename(path / "rules.toml")
        ),
    ],
    ids=["written in place", "another file", "renamed", "moved in"],
)
@pytest.mark.usefixtures("watching")
def test_however_a_list_changes_it_is_compiled(gateway, change):
    change(gateway.rules)
    reaches(gateway, 2)


def test_a_list_that_is_removed_is_gone(gateway, watching):
    more = gateway.write("more.example\n", name="more.list")
    reaches(gateway, 2)
    more.unlink()
    reaches(gateway, 3)
    assert not blocked(gateway, "more.example")
    assert watching.process.poll() is None


def test_what_is_no_list_and_what_has_not_changed_commits_nothing(gateway, watching):
    for name in (".rules.toml.swp", "notes.md", "#rules.toml#"):
        gateway.write("x", name=name)
    gateway.write(RULES)
    gateway.write(OTHER)  # the only change
    reaches(gateway, 2)
    watching.notices.until("STATUS=generation 2")
    assert Store(gateway.state).current() == 2


def test_a_hangup_reads_configuration_and_lists_again(gateway, watching):
    elsewhere = gateway.place / "elsewhere.toml"
    elsewhere.write_text(OTHER)
    text = gateway.config.read_text().replace(f"{gateway.rules}", str(elsewhere))
    gateway.config.write_text(text)
    watching.process.send_signal(signal.SIGHUP)
    *_, reloading, ready = watching.notices.until("READY=1")
    assert reloading[0] == "RELOADING=1"
    assert reloading[1].startswith("MONOTONIC_USEC=")
    assert ready == ["READY=1", "STATUS=generation 2"]
    assert status(gateway)["paths"] == [str(elsewhere)]
    assert blocked(gateway, "new.example")
    elsewhere.write_text(RULES)  # the new place is watched
    reaches(gateway, 3)


def test_a_wrong_configuration_changes_nothing_and_stays_visible_until_mended(gateway, watching):
    good = gateway.config.read_text()
    gateway.config.write_text("[list]\npath = []\n")
    watching.process.send_signal(signal.SIGHUP)
    *_, ready = watching.notices.until("READY=1")
    said = f"{gateway.config}:2: unknown key `list.path`; did you mean `paths`, as in"
    said += ' `paths = ["/etc/blockd/rules.d"]`?'
    assert ready == ["READY=1", f"STATUS=generation 1; refused: {said}"]
    watching.logged(f"nothing changed: {said}")
    assert status(gateway)["problem"] == said
    gateway.write(OTHER)  # the lists are followed as before
    reaches(gateway, 2)
    assert status(gateway)["problem"] == said
    gateway.config.write_text(good)
    watching.process.send_signal(signal.SIGHUP)
    watching.notices.until("READY=1")
    assert status(gateway)["problem"] == ""


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (RULES.replace("198.18.1.0/28", "198.18.1.0/99"), "rules.toml:12: error: "),
        (RULES.replace("198.18.1.0/28", "10.0.0.0/16"), "rules.toml:12: guard: "),
        (RULES.removesuffix("\n"), "rules.toml:"),
    ],
    ids=["a mistake", "too wide", "cut off"],
)
def test_a_refused_list_keeps_the_generation_and_is_shown_until_mended(
    gateway, watching, text, cause
):
    gateway.write(text)
    until(lambda: status(gateway)["problem"])
    shown = status(gateway)
    assert shown["generation"] == 1
    assert any(cause in issue for issue in shown["issues"])
    assert "rules.toml: refused: " in shown["problem"]
    assert blocked(gateway, "listed.example")
    since = shown["problem_since"]
    assert datetime.now(UTC) - datetime.fromisoformat(since) < timedelta(seconds=WITHIN)
    assert "nothing changed: " in watching.logged("; nothing was changed")
    gateway.write(text + "# still wrong")
    watching.notices.until("STATUS=generation 1; refused: ")
    assert status(gateway)["problem_since"] == since
    assert status(gateway)["last_refused"] is None
    refused = status(gateway)["problem"]
    gateway.write(OTHER)
    reaches(gateway, 2)
    until(lambda: not status(gateway)["problem"])
    assert status(gateway)["problem_since"] is None
    mended = status(gateway)["last_refused"]
    assert (mended["problem"], mended["since"]) == (refused, since)
    assert datetime.fromisoformat(since) < datetime.fromisoformat(mended["until"])
    assert "mended: the lists are accepted again" in watching.logged("generation 2: ")


def test_the_same_cause_is_logged_once(gateway, watching):
    gateway.write("broken")
    until(lambda: status(gateway)["problem"])
    for _ in range(3):
        watching.process.send_signal(signal.SIGHUP)
        watching.notices.until("READY=1")
    assert watching.log.read_text().count("nothing changed: ") == 1


def test_lists_that_come_later_are_found(gateway):
    gateway.rules.joinpath("rules.toml").unlink()
    with daemon(gateway.argv("watch"), gateway.place) as running:
        (ready,) = running.notices.until("READY=1")
        assert ready[1].startswith("STATUS=no generation yet; refused: ")
        assert "holds no list file" in status(gateway)["problem"]
        gateway.write(RULES)
        reaches(gateway, 1)
        assert running.end() == 0
        assert ["STOPPING=1"] in running.notices.until("STOPPING=1")


def test_many_issues_are_counted_rather_than_logged(gateway, watching):
    wrong = "".join(f"b..{number}\n" for number in range(50))
    gateway.write(wrong, name="feed.txt")
    assert watching.logged("and 30 more: see `blockd check`").count("feed.txt:") >= 20
    assert len(status(gateway)["issues"]) == status(gateway)["issue_count"] == 50


@pytest.mark.usefixtures("watching")
def test_however_many_issues_there_are_the_status_has_the_first_and_how_many(gateway):
    lines = "".join(f"||n{n}.x.example^$option{n % 100}\n" for n in range(20_000))
    gateway.write(f"{lines}||a.example^\n", name="feed.adblock")
    reaches(gateway, 2)
    until(lambda: status(gateway)["issue_count"] >= 1_000)
    shown = status(gateway)["issues"]
    assert len(shown) == MOST_ISSUES
    gateway.write(RULES.replace('"listed.example"', '"com"'), name="native.toml")
    until(lambda: status(gateway)["problem"])
    first, *_ = status(gateway)["issues"]
    assert ": guard: com is a top-level name" in first


def test_killed_at_once_and_started_again_it_goes_on_from_the_last_generation(gateway, watching):
    watching.end(signal.SIGKILL)
    with daemon(gateway.argv("watch"), gateway.place) as again:
        (ready,) = again.notices.until("READY=1")
        assert ready == ["READY=1", "STATUS=generation 1"]
        assert status(gateway)["generation"] == 1


def test_entries_that_expired_while_nothing_ran_are_out_at_start_even_of_a_refused_list(gateway):
    lists = Config(list=ListSection(paths=(str(gateway.rules),)))
    gateway.write(EXPIRING)
    publish.publish(Store(gateway.state), lists, datetime(2026, 3, 1, tzinfo=UTC))
    gateway.write("broken")
    with daemon(gateway.argv("watch"), gateway.place) as running:
        (ready,) = running.notices.until("READY=1")
    assert ready[1].startswith("STATUS=generation 2; refused: ")
    assert not blocked(gateway, "listed.example")
    assert blocked(gateway, "stays.example")


class Clock(datetime):
    """The time of day, as the test has it."""

    moment = datetime(2026, 3, 1, 23, 59, 59, tzinfo=UTC)

    @classmethod
    def now(cls, tz=None):
        assert tz is UTC
        return cls.moment


@pytest.fixture
def inside(gateway, monkeypatch):
    """Run the daemon in this process under a clock of the test's, until the scenario is over."""
    monkeypatch.setattr(compiler, "datetime", Clock)
    monkeypatch.setattr(compiler, "LOOK", 0.02)
    monkeypatch.setattr(Clock, "moment", Clock.moment)
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    config = Config(list=ListSection(paths=(str(gateway.rules),)))

    async def together(scenario):
        running = asyncio.create_task(
            compiler.run(config, Store(gateway.state), gateway.control("compiler"), lambda: config)
        )
        try:
            async with asyncio.timeout(WITHIN):
                await scenario()
                os.kill(os.getpid(), signal.SIGTERM)
                await running
        finally:
            running.cancel()
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                asyncio.get_running_loop().remove_signal_handler(number)

    return lambda scenario: asyncio.run(together(scenario))


async def comes(gateway, number):
    while Store(gateway.state).current() != number:  # noqa: ASYNC110 - a file tells
        await asyncio.sleep(0.005)


async def asked(gateway, *, refused, **wanted):
    """Wait for a status that holds what is wanted, and a problem or none."""
    while True:
        try:
            found = await asyncio.to_thread(status, gateway)
        except UnreachableError:
            found = {}
        if found and bool(found["problem"]) is refused and wanted.items() <= found.items():
            return
        await asyncio.sleep(0.005)


def test_that_every_change_reads_every_list_is_logged_once(gateway, inside, monkeypatch, caplog):
    monkeypatch.setattr(remembered, "MOST", 0)

    async def scenario():
        for number, name in enumerate("abc", 1):
            await comes(gateway, number)
            gateway.write(f"{name}.example\n", name="feed.txt")
        await comes(gateway, 4)

    caplog.set_level("INFO")
    inside(scenario)
    said = [text for text in caplog.messages if "each change reads every list anew" in text]
    assert [text.partition(":")[0] for text in said] == ["generation 1"]
    assert said[0].endswith("are more than the 0 that are remembered")


@pytest.mark.parametrize("refused", [None, "broken", RULES.replace('"listed.', '"com", "')])
def test_an_entry_goes_at_the_end_of_its_day_whatever_the_files_say(gateway, inside, refused):
    async def scenario():
        gateway.write(EXPIRING)
        await comes(gateway, 1)
        if refused:
            gateway.write(refused)
            await asked(gateway, refused=True, generation=1)
        assert blocked(gateway, "listed.example")
        Clock.moment += timedelta(seconds=1)
        await comes(gateway, 2)
        assert not blocked(gateway, "listed.example")
        assert blocked(gateway, "stays.example")
        await asked(gateway, refused=bool(refused), generation=2)
        # It is done once: the looks that follow find nothing to do.
        Clock.moment += timedelta(days=400)
        await asyncio.sleep(0.1)
        assert Store(gateway.state).current() == 2

    gateway.write(EXPIRING)
    inside(scenario)
    assert Store(gateway.state).record(2).reason == "expiry"


def test_what_expired_under_a_refused_list_returns_with_a_list_that_says_so(gateway, inside):
    async def scenario():
        await comes(gateway, 1)
        gateway.write("broken")
        Clock.moment += timedelta(days=1)
        await comes(gateway, 2)
        gateway.write(EXPIRING.replace("2026-03-01", "2026-12-31"))
        await comes(gateway, 3)
        await asked(gateway, refused=False, problem_since=None, generation=3)

    gateway.write(EXPIRING)
    inside(scenario)
    assert blocked(gateway, "listed.example")


def test_a_rollback_is_held_and_shown_until_the_lists_change(gateway, inside):
    async def scenario():
        await comes(gateway, 1)
        gateway.write(OTHER)
        await comes(gateway, 2)
        publish.rollback(Store(gateway.state), 1, Clock.moment)
        gateway.write(OTHER)  # written again, and the same
        await asked(gateway, refused=False, generation=3, held=True)
        gateway.write(OTHER + "# changed\n")
        await comes(gateway, 4)
        await asked(gateway, refused=False, generation=4, held=False)

    inside(scenario)


def test_a_directory_that_is_replaced_is_watched_again(gateway, inside):
    async def scenario():
        await comes(gateway, 1)
        gateway.rules.rename(gateway.place / "old")
        gateway.rules.mkdir()
        gateway.write(OTHER)
        await comes(gateway, 2)
        gateway.write(RULES)
        await comes(gateway, 3)

    inside(scenario)


def test_a_state_that_cannot_be_written_any_more_is_a_problem_and_no_end(gateway, inside):
    async def scenario():
        await comes(gateway, 1)
        gateway.state.joinpath("sources").rename(gateway.place / "kept")
        gateway.state.joinpath("sources").write_text("no directory")
        gateway.write(OTHER)
        await asked(gateway, refused=True, generation=1)
        gateway.state.joinpath("sources").unlink()
        gateway.place.joinpath("kept").rename(gateway.state / "sources")
        gateway.write(OTHER + "# again\n")
        await comes(gateway, 2)
        await asked(gateway, refused=False)

    inside(scenario)


@pytest.fixture
def stranger(gateway):
    """Hold the store's lock, as whoever can read its file may; gives it up when called."""
    with Store(gateway.state).lock():
        handle = os.open(gateway.state / "lock", os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    held = [handle]

    def gives_up():
        while held:
            os.close(held.pop())

    yield gives_up
    gives_up()


@pytest.mark.usefixtures("stranger")
def test_while_another_process_holds_the_store_it_answers_and_can_be_stopped(gateway):
    with daemon(gateway.argv("watch"), gateway.place) as waiting:
        until(lambda: gateway.control("compiler").exists())
        assert status(gateway)["generation"] is None
        waiting.process.terminate()
        assert waiting.wait() == 0
    assert "nothing changed" not in waiting.log.read_text()


def test_a_store_that_was_held_is_a_problem_until_it_is_given_up(
    gateway, inside, stranger, monkeypatch
):
    monkeypatch.setattr(Store, "patience", 0.02)

    async def scenario():
        await asked(gateway, refused=True, generation=None)
        assert "another process holds" in (await asyncio.to_thread(status, gateway))["problem"]
        stranger()
        await comes(gateway, 1)
        await asked(gateway, refused=False)

    inside(scenario)


def test_a_second_one_is_told_that_there_is_a_first(gateway, watching):
    with daemon(gateway.argv("watch"), gateway.place) as second:
        assert second.wait() == 2
        assert "another daemon answers on" in second.log.read_text()
    assert status(gateway)["generation"] == 1
    assert watching.process.poll() is None


def many(first, last):
    listed = ", ".join(f'"n{number}.example"' for number in range(first, last))
    return f'[[platform]]\nid = "p"\ndomains = [{listed}]\n'


def test_a_change_beyond_a_limit_is_shown_until_somebody_confirms_it(gateway):
    gateway.write(many(0, 100))
    with daemon(gateway.argv("watch"), gateway.place) as running:
        running.notices.until("READY=1")
        gateway.write(many(30, 100))
        running.notices.until("STATUS=generation 1; refused: the change lifts 30 names of 100")
        shown = status(gateway)
        (said,) = shown["refused_by"]
        assert said.startswith("lifts 30 names of 100")
        assert said in shown["problem"]
        assert gateway.run("compile", "--accept", shown["refused_change"]).status == 0
        running.notices.until("STATUS=generation 2")
        after = status(gateway)
        assert (after["problem"], after["refused_change"], after["refused_by"]) == ("", None, [])
