"""From list files to a generation in force: what commits, what changes nothing, what survives.

The deaths at the end are real: a child process is killed in the midst of its commit.
"""

import contextlib
import gzip
import itertools
import os
import resource
import shutil
import signal
import sys
import time
import traceback
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import msgspec
import pytest

from blockd import names
from blockd.config import Config, GuardSection, ListSection, Share
from blockd.errors import GuardError, ListError, StoreError
from blockd.policy import publish as publishing
from blockd.policy import record as records
from blockd.policy import store as stores
from blockd.policy.publish import expire, publish, rollback
from blockd.policy.store import KEPT, Store
from blockd.watchlist import examine

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def platform(name, extra=""):
    return f"[[platform]]\nid = '{name[0]}'\ndomains = ['{name}']\n{extra}"


@pytest.fixture(scope="module")
def suffixes():
    return examine.public_suffixes()


@pytest.fixture(autouse=True)
def _suffixes_are_read_once(monkeypatch, suffixes):
    monkeypatch.setattr(examine, "public_suffixes", lambda: suffixes)


class Gateway:
    """A directory of lists and the state that is compiled from it."""

    def __init__(self, top):
        self.lists = top / "lists"
        self.store = Store(top / "state")
        self.config = Config(list=ListSection(paths=(str(self.lists),)))

    def write(self, text, name="a.toml"):
        self.lists.mkdir(parents=True, exist_ok=True)
        (self.lists / name).write_text(text)

    def publish(self, text=None, now=NOW, **how):
        if text is not None:
            self.write(text)
        return publish(self.store, self.config, now, **how)

    def blocked(self):
        """The names in force, as readers find them."""
        policy = self.store.open()
        try:
            return {names.to_text(name) for name, _ in policy.names()}
        finally:
            policy.close()

    def record(self):
        return self.store.record(self.store.current())


@pytest.fixture
def gateway(tmp_path):
    return Gateway(tmp_path)


def test_a_change_of_the_lists_is_a_generation(gateway):
    first = gateway.publish(platform("a.example", "prefixes = ['198.18.1.0/28']\n"))
    assert (first.number, first.committed, first.issues) == (1, True, ())
    assert len(first.difference.added) == 2
    second = gateway.publish(platform("b.example"))
    assert (second.number, gateway.blocked()) == (2, {"b.example"})
    record = gateway.record()
    assert (record.reason, record.committed) == ("changed", NOW)
    assert (record.added, record.removed, record.changed) == (1, 2, 0)
    assert (record.names, record.prefixes, record.rules) == (1, 0, 1)
    (source,) = record.sources
    kept = gateway.store.source_path(source.sha256)
    assert gzip.decompress(kept.read_bytes()).decode() == platform("b.example")
    assert kept.stat().st_mode & 0o777 == 0o640


def test_unchanged_sources_commit_nothing_and_touch_nothing(gateway):
    gateway.publish(platform("a.example"))
    before = {path: path.lstat().st_mtime_ns for path in gateway.store.state.rglob("*")}
    gateway.write(platform("a.example"))
    outcome = gateway.publish()
    assert (outcome.number, outcome.committed, bool(outcome.difference)) == (1, False, False)
    assert {p: p.lstat().st_mtime_ns for p in gateway.store.state.rglob("*")} == before


def test_a_comment_makes_a_generation_that_enforces_the_same(gateway):
    gateway.publish(platform("a.example"))
    before = gateway.record()
    outcome = gateway.publish("# why\n" + platform("a.example"))
    assert (outcome.committed, bool(outcome.difference)) == (True, False)
    assert gateway.record().content == before.content


def test_other_limits_of_the_guard_are_a_change(gateway):
    gateway.publish(platform("a.example"))
    gateway.config = msgspec.structs.replace(gateway.config, guard=GuardSection(shortest_v4=20))
    assert gateway.publish().committed
    assert gateway.record().limits().shortest_v4 == 20


def test_duplicates_across_sources_are_warnings_at_their_place(gateway):
    gateway.write("a.example\nc.example\n", "feed.txt")
    outcome = gateway.publish(platform("a.example"))
    assert outcome.committed
    (issue,) = outcome.issues
    path = gateway.lists / "feed.txt"
    place = gateway.lists / "a.toml"
    assert str(issue) == (
        f"{path}:1: warning: a.example is listed at {place}:3 too; that entry counts"
    )
    assert gateway.blocked() == {"a.example", "c.example"}


def state_of(store):
    return {
        str(path.relative_to(store.state)): path.read_bytes()
        for path in sorted(store.state.rglob("*"))
        if path.is_file()
    }


BAD = [
    (platform("a..example"), ListError, "a.toml: refused: 1 error, at line 3"),
    (platform("com"), GuardError, "a.toml: refused: 1 entry that no list may hold"),
    (platform("a.example")[:-1], ListError, "is cut off"),
    ("<!DOCTYPE html>\n<html></html>\n", ListError, "is a web page"),
    ("", ListError, "is empty"),
    (platform("com") + platform("b..example"), ListError, "1 error"),
]


@pytest.mark.parametrize(("text", "kind", "said"), BAD)
def test_a_refused_source_changes_nothing(gateway, text, kind, said):
    gateway.publish(platform("a.example"))
    gateway.write("b.example\n", "good.txt")
    before = state_of(gateway.store)
    with pytest.raises(kind, match=said) as refused:
        gateway.publish(text)
    assert str(refused.value).endswith("; nothing was changed")
    assert refused.value.issues
    assert state_of(gateway.store) == before
    assert gateway.blocked() == {"a.example"}


def test_a_missing_list_changes_nothing(gateway):
    gateway.publish(platform("a.example"))
    (gateway.lists / "a.toml").unlink()
    with pytest.raises(ListError, match="holds no list file"):
        gateway.publish()
    assert gateway.store.current() == 1


EXPIRING = platform("a.example", "expires = 2026-03-01\n") + platform("b.example")
ENDS = datetime(2026, 3, 2, tzinfo=UTC)
EASTWARD, WESTWARD = timezone(timedelta(hours=14)), timezone(timedelta(hours=-11))


@pytest.mark.parametrize("zone", [UTC, EASTWARD, WESTWARD])
@pytest.mark.parametrize("by", ["publish", "expire"])
def test_an_entry_is_in_force_until_the_end_of_its_day_utc(gateway, zone, by):
    gateway.publish(EXPIRING, NOW)
    assert gateway.record().changes_on == date(2026, 3, 2)
    act = gateway.publish if by == "publish" else lambda now: expire(gateway.store, now)
    last_moment = act(now=(ENDS - timedelta(seconds=1)).astimezone(zone))
    assert last_moment is None or not last_moment.committed
    assert gateway.blocked() == {"a.example", "b.example"}
    outcome = act(now=ENDS.astimezone(zone))
    assert (outcome.committed, outcome.number) == (True, 2)
    assert list(outcome.difference.removed) == [("a.example", "a")]
    assert gateway.blocked() == {"b.example"}
    assert (gateway.record().reason, gateway.record().changes_on) == ("expiry", None)
    again = act(now=ENDS + DAY)
    assert again is None or not again.committed


@pytest.mark.parametrize("text", [text for text, *_ in BAD])
def test_expired_entries_leave_even_while_the_sources_are_refused(gateway, text):
    gateway.publish(EXPIRING)
    with pytest.raises((ListError, GuardError)):
        gateway.publish(text, ENDS)
    assert gateway.blocked() == {"a.example", "b.example"}
    assert expire(gateway.store, ENDS).committed
    assert gateway.blocked() == {"b.example"}
    # What was refused stays refused, and what is mended is taken.
    with pytest.raises((ListError, GuardError)):
        gateway.publish(now=ENDS)
    assert gateway.publish(EXPIRING + platform("c.example"), ENDS).committed
    assert gateway.blocked() == {"b.example", "c.example"}


def test_a_feed_keeps_what_it_lost_to_the_limits_of_its_day(gateway):
    gateway.config = msgspec.structs.replace(
        gateway.config, guard=GuardSection(budget=Share(percent=50))
    )
    gateway.write("good.example\ncom\n", "feed.txt")
    gateway.publish(EXPIRING)
    assert gateway.record().sources[1].dropped == 1
    (gateway.lists / "feed.txt").write_text("")
    assert expire(gateway.store, ENDS).committed
    assert gateway.blocked() == {"b.example", "good.example"}


def test_without_a_generation_nothing_expires(gateway):
    assert expire(gateway.store, NOW) is None


def test_a_rollback_holds_until_the_sources_change(gateway):
    gateway.publish(platform("a.example"))
    gateway.publish(platform("b.example"))
    outcome = rollback(gateway.store, 1, NOW)
    assert (outcome.number, outcome.committed, gateway.blocked()) == (3, True, {"a.example"})
    record = gateway.record()
    assert (record.reason, record.rolled_back_to) == ("rollback", 1)
    assert record.content == gateway.store.record(1).content
    for _ in range(2):
        held = gateway.publish()
        assert (held.number, held.held, held.committed) == (3, True, False)
    changed = gateway.publish(platform("c.example"))
    assert (changed.number, changed.held, gateway.blocked()) == (4, False, {"c.example"})
    assert gateway.record().held_inputs is None


def test_a_rollback_holds_until_it_is_ended(gateway):
    gateway.publish(platform("a.example"))
    gateway.publish(platform("b.example"))
    rollback(gateway.store, 1, NOW)
    outcome = gateway.publish(resume=True)
    assert (outcome.number, outcome.held, gateway.blocked()) == (4, False, {"b.example"})
    assert gateway.publish(resume=True).committed is False
    assert gateway.publish().held is False


def test_files_put_back_to_what_was_rolled_back_to_end_the_hold(gateway):
    gateway.publish(platform("a.example"))
    gateway.publish(platform("b.example"))
    rollback(gateway.store, 1, NOW)
    assert gateway.publish(platform("a.example")).held is False
    assert gateway.publish(platform("b.example")).committed
    assert gateway.blocked() == {"b.example"}


def test_a_second_rollback_still_holds_off_the_same_sources(gateway):
    for name in ("a.example", "b.example", "c.example"):
        gateway.publish(platform(name))
    rollback(gateway.store, 2, NOW)
    rollback(gateway.store, 1, NOW)
    assert (gateway.publish().held, gateway.blocked()) == (True, {"a.example"})


def test_entries_past_their_day_do_not_come_back_by_a_rollback_nor_stay_through_one(gateway):
    later = platform("c.example", "expires = 2026-03-05\n")
    gateway.publish(EXPIRING + later)
    gateway.publish(platform("d.example"))
    rollback(gateway.store, 1, ENDS)
    assert gateway.blocked() == {"b.example", "c.example"}
    # The hold outlives an expiry, by either way.
    day = datetime(2026, 3, 6, tzinfo=UTC)
    outcome = gateway.publish(now=day)
    assert (outcome.committed, gateway.record().reason) == (True, "expiry")
    assert gateway.blocked() == {"b.example"}
    assert gateway.publish(now=day).held is True


@pytest.mark.parametrize("number", [0, -1, 2, 99])
def test_there_is_no_way_back_to_what_never_was(gateway, number):
    gateway.publish(platform("a.example"))
    with pytest.raises(StoreError, match=f"no generation {number}"):
        rollback(gateway.store, number, NOW)
    assert gateway.store.current() == 1


def test_there_is_no_way_back_beyond_the_kept_generations(gateway):
    for number in range(KEPT + 2):
        gateway.publish(platform(f"a{number}.example"))
    with pytest.raises(StoreError, match="sources of generation 2 are not kept any more"):
        rollback(gateway.store, 2, NOW)
    rollback(gateway.store, 3, NOW)
    assert gateway.blocked() == {"a2.example"}


COPY = gzip.compress(EXPIRING.encode(), mtime=0)
HARMED = [
    b"",
    b"no gzip",
    COPY[:-9],
    COPY[:12] + bytes([COPY[12] ^ 0xFF]) + COPY[13:],
    gzip.compress(b"another list\n"),
]


@pytest.mark.parametrize("content", HARMED)
def test_a_damaged_copy_of_a_source_is_told_and_changes_nothing(gateway, content):
    gateway.publish(EXPIRING)
    (path,) = (gateway.store.state / "sources").iterdir()
    path.write_bytes(content)
    for act in (lambda: expire(gateway.store, ENDS), lambda: rollback(gateway.store, 1, NOW)):
        with pytest.raises(StoreError, match="not kept any more|is damaged"):
            act()
    assert gateway.store.current() == 1
    assert gateway.blocked() == {"a.example", "b.example"}


def test_each_record_vouches_for_the_one_before(gateway):
    gateway.publish(EXPIRING)
    gateway.publish(platform("b.example"))
    rollback(gateway.store, 1, NOW)
    expire(gateway.store, ENDS)
    gateway.publish(platform("c.example"), ENDS)
    history = gateway.store.history()
    assert [r.reason for r in history] == ["changed", "expiry", "rollback", "changed", "changed"]
    for record, before in itertools.pairwise(history):
        content = gateway.store.record_path(before.number).read_bytes()
        assert record.previous == records.chained(content)
    assert history[-1].previous == ""


def damage(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("held", [False, True])
def test_the_same_lists_mend_a_damaged_generation(gateway, held):
    gateway.publish(platform("a.example"))
    gateway.publish(platform("b.example"))
    if held:
        rollback(gateway.store, 1, NOW)
    current = gateway.store.current()
    wanted = gateway.blocked()
    damage(gateway.store.generation_path(current))
    assert gateway.blocked() == ({"b.example"} if held else {"a.example"})
    outcome = gateway.publish()
    assert (outcome.number, outcome.committed) == (current + 1, True)
    assert (gateway.record().reason, gateway.blocked()) == ("mended", wanted)
    assert gateway.publish().held is held


@pytest.mark.parametrize("harm", [Path.unlink, lambda path: path.write_bytes(b"{")])
def test_a_damaged_record_does_not_stop_the_next_generation(gateway, harm):
    gateway.publish(platform("a.example"))
    gateway.publish(platform("b.example"))
    harm(gateway.store.record_path(2))
    for name in ("b.example", "c.example"):
        assert gateway.publish(platform(name)).committed
        assert gateway.blocked() == {name}


def test_a_full_or_broken_store_is_the_stores_error(gateway):
    gateway.publish(platform("a.example"))
    for obstacle in ("records/.00000002.json", ".current", "generations/.next.mdb"):
        path = gateway.store.state / obstacle
        path.mkdir()
        with pytest.raises(StoreError, match="free space or mend permissions"):
            gateway.publish(platform("b.example"))
        assert gateway.blocked() == {"a.example"}
        path.rmdir()
    assert gateway.publish().number == 2


# --- deaths in the midst of a commit ---

OLD, NEW = platform("old.example"), platform("new.example", "prefixes = ['198.18.1.0/28']\n")


class Deaths:
    """Kills a commit from OLD to NEW, each time in a fresh copy of the same state."""

    def __init__(self, top):
        self._top = top
        first = Gateway(top / "first")
        first.publish(OLD)
        self._old = first.store.generation_path(1).read_bytes()
        self.switched = 0

    def die(self, arrange, after=None):
        """Commit in a child, arranged to die; check what is left; tell whether it was killed."""
        top = self._top / "second"
        shutil.copytree(self._top / "first", top, symlinks=True)
        gateway = Gateway(top)
        gateway.write(NEW)
        child = os.fork()
        if child == 0:
            status = 1
            try:
                resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
                arrange()
                gateway.publish()
                sys.settrace(None)
                status = 0
            except StoreError:
                status = 3
            except BaseException:  # noqa: BLE001 - nothing of pytest may run in the child
                traceback.print_exc()
            finally:
                os._exit(status)
        if after is not None:
            after(child)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert code in {0, 3, -signal.SIGKILL, -signal.SIGXFSZ}
        self._check(gateway, code)
        shutil.rmtree(top)
        return code

    def _check(self, gateway, code):
        """One of the two generations is current and whole, and the next compile makes good."""
        number = gateway.store.current()
        assert number in {1, 2}
        if code == 0:
            assert number == 2
        self.switched += number == 2
        assert gateway.store.is_whole(number)
        assert gateway.blocked() == ({"old.example"} if number == 1 else {"new.example"})
        assert gateway.store.generation_path(1).read_bytes() == self._old
        assert gateway.record().number == number
        outcome = gateway.publish()
        assert (outcome.number, outcome.committed) == (2, number == 1)
        assert gateway.blocked() == {"new.example"}
        first, second = (gateway.store.record_path(n).read_bytes() for n in (1, 2))
        assert records.decode(second).previous == records.chained(first)
        assert publishing._kept(gateway.store, gateway.record())
        if number == 1:  # what the dead commit left behind is gone
            left = {p.name for p in gateway.store.state.rglob("*") if p.name.startswith(".")}
            assert left == set()


@pytest.fixture
def deaths(tmp_path):
    return Deaths(tmp_path)


def at_step(nth):
    """Return what kills a process before the nth line of the store's or system call of a commit."""

    def arrange():
        steps = itertools.count(1)

        def step():
            if next(steps) == nth:
                os.kill(os.getpid(), signal.SIGKILL)

        def trace(frame, event, _):
            if frame.f_code.co_filename != stores.__file__:
                return None
            if event == "line":
                step()
            return trace

        sys.addaudithook(lambda event, _: step() if event in SYSTEM_CALLS else None)
        sys.settrace(trace)

    return arrange


SYSTEM_CALLS = {"open", "os.chmod", "os.mkdir", "os.remove", "os.rename", "os.symlink"}


def test_killed_before_any_step_of_a_commit_one_whole_generation_is_current(deaths):
    codes, switched = [], []
    for nth in itertools.count(1):
        codes.append(deaths.die(at_step(nth)))
        switched.append(deaths.switched)
        deaths.switched = 0
        if codes[-1] == 0:
            break
    print(f"{len(codes)} deaths")
    assert set(codes[:-1]) == {-signal.SIGKILL}
    assert len(codes) > 100
    # The switch happens at one point: before it all find the old, after it all the new.
    assert switched == sorted(switched)
    assert 0 < sum(switched) < len(switched) / 2


def test_killed_at_any_time_one_whole_generation_is_current(deaths):
    start = time.perf_counter()
    assert deaths.die(lambda: None) == 0
    span = time.perf_counter() - start
    codes = []
    for part in range(40):

        def kill_later(child, delay=span * part / 40):
            time.sleep(delay)
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)

        codes.append(deaths.die(lambda: None, kill_later))
    assert -signal.SIGKILL in codes


@pytest.mark.parametrize("disposition", [signal.SIG_DFL, signal.SIG_IGN])
def test_a_write_that_ends_in_its_middle_changes_nothing(deaths, disposition):
    # The limit on a file's size cuts a write short, as a full disk does, or kills beyond it.
    codes = set()
    for limit in (0, 1, 50, 1000, 4096, 8192, 20000):

        def arrange(limit=limit):
            signal.signal(signal.SIGXFSZ, disposition)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        codes.add(deaths.die(arrange))
    assert 3 in codes
    assert 0 not in codes
    assert (-signal.SIGXFSZ in codes) == (disposition is signal.SIG_DFL)
    assert deaths.switched == 0
