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
from blockd.config import (
    Config,
    GuardSection,
    ListSection,
    NeverItem,
    Share,
    SourceSection,
    Target,
)
from blockd.errors import ChangeError, ConfigError, GuardError, ListError, StoreError
from blockd.policy import commit, kept
from blockd.policy import publish as publishing
from blockd.policy import record as records
from blockd.policy import store as stores
from blockd.policy.publish import expire, publish, rollback
from blockd.policy.record import Acceptance
from blockd.policy.store import KEPT, Store
from blockd.terms import Required
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

    def limit(self, **limits):
        guard = msgspec.structs.replace(self.config.guard, **limits)
        self.config = msgspec.structs.replace(self.config, guard=guard)

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


def test_however_many_lists_there_are_so_many_issues_are_handed_on_and_the_others_counted(
    gateway, monkeypatch
):
    monkeypatch.setattr(commit, "MOST_ISSUES", 5)
    for number in range(4):
        gateway.write("a.example\na.example\n", f"feed{number}.txt")
    whole = gateway.publish()
    gateway.write("b.example\n", "other.txt")
    assert (len(whole.issues), whole.more_issues) == (5, 2)
    again = gateway.publish()
    assert (again.issues, again.more_issues) == (whole.issues, 2)


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


def test_an_override_is_a_change_and_stays_with_the_sources_it_was_for(gateway):
    def overridden(action):
        source = SourceSection(path=str(gateway.lists), action=action)
        gateway.config = Config(list=ListSection(paths=(), source=(source,)))
        return gateway.publish(now=NOW).number

    gateway.write("x.example CNAME .\n", "a.rpz")
    assert (overridden("given"), overridden("drop"), overridden("drop")) == (1, 2, 2)
    overridden("passthru")
    rollback(gateway.store, 2, NOW)
    policy = gateway.store.open()
    verdict = policy.match(names.parse("x.example"))
    assert (verdict.rule.action, verdict.rule.allow) == ("drop", False)
    policy.close()


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


@pytest.mark.parametrize("content", [b"no gzip", gzip.compress(b"another list\n", mtime=0)])
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
        assert kept.sources(gateway.store, gateway.record())
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


def names_from(first, last, extra=""):
    listed = ", ".join(f"'n{number}.example'" for number in range(first, last))
    return f"[[platform]]\nid = 'p'\ndomains = [{listed}]\n{extra}"


EXCEPTIONS = ", ".join(f"'w.n{number}.example'" for number in range(30))
BEYOND = [
    (names_from(0, 160), "blocks 60 more names, where 100 are in force, 60 %; [guard] max_added"),
    (names_from(21, 100), "lifts 21 names of 100 that are in force, 21 %; [guard] max_removed"),
    (
        f"{names_from(0, 100)}[[allow]]\nreason = 'x'\ndomains = [{EXCEPTIONS}]\n",
        "lifts 30 names of 100",
    ),
]


@pytest.mark.parametrize(("text", "said"), BEYOND)
def test_a_change_beyond_a_limit_is_refused_until_exactly_it_is_confirmed(gateway, text, said):
    gateway.publish(names_from(0, 100))
    before = state_of(gateway.store)
    with pytest.raises(ChangeError) as refused:
        gateway.publish(text)
    assert said in str(refused.value)
    digest = refused.value.digest
    assert f"`blockd compile --accept {digest}`" in str(refused.value)
    for wrong in ("0" * 20, digest[:-1], ""):
        with pytest.raises(ChangeError, match=f"which is {digest}"):
            gateway.publish(accept=Acceptance(digest=wrong, by="alice"))
    gateway.write(text + "# and one more\n[[platform]]\nid = 'q'\ndomains = ['more.example']\n")
    with pytest.raises(ChangeError, match="is not the change that the lists make now"):
        gateway.publish(accept=Acceptance(digest=digest, by="alice"))
    assert state_of(gateway.store) == before
    outcome = gateway.publish(text, accept=Acceptance(digest=digest, by="alice"))
    assert outcome.committed
    accepted = gateway.record().accepted
    assert (accepted.digest, accepted.by, said in accepted.beyond[0]) == (digest, "alice", True)
    # Once confirmed it is the state of things; the next change is measured against it.
    assert gateway.publish().committed is False
    assert gateway.publish(text + "# another comment\n").committed
    assert gateway.record().accepted is None


def test_a_change_within_the_limits_may_be_confirmed_all_the_same(gateway):
    gateway.publish(names_from(0, 100))
    gateway.write(names_from(0, 101))
    examined = publishing.load(gateway.config, gateway.store)
    _, difference = publishing.preview(gateway.store, examined, NOW.date())
    accept = Acceptance(digest=difference.digest(NOW.date()).upper(), by="alice")
    gateway.publish(accept=accept)
    assert gateway.record().accepted.beyond == ()


def test_expiry_of_everything_is_within_every_limit(gateway):
    ending = names_from(0, 100, "expires = 2026-03-01\n") + platform("stays.example")
    gateway.publish(ending)
    gateway.publish(platform("stays.example"), ENDS)
    assert gateway.blocked() == {"stays.example"}


def test_a_confirmation_outlives_an_expiry_in_between(gateway):
    ending = names_from(0, 100, "expires = 2026-03-01\n")
    other = names_from(100, 200).replace("'p'", "'q'")
    gateway.publish(ending + other)
    with pytest.raises(ChangeError) as refused:
        gateway.publish(platform("stays.example"), ENDS)
    expire(gateway.store, ENDS)
    outcome = gateway.publish(now=ENDS, accept=Acceptance(digest=refused.value.digest, by="alice"))
    assert (outcome.committed, gateway.blocked()) == (True, {"stays.example"})


def test_neither_a_rollback_nor_mending_is_measured(gateway):
    gateway.publish(names_from(0, 100))
    with pytest.raises(ChangeError) as refused:
        gateway.publish(names_from(300, 400))
    gateway.publish(accept=Acceptance(digest=refused.value.digest, by="alice"))
    damage(gateway.store.generation_path(2))
    assert (gateway.publish().committed, gateway.record().reason) == (True, "mended")
    assert rollback(gateway.store, 1, NOW).committed


def test_what_touches_the_untouchable_or_says_too_little_is_refused_with_its_line(gateway):
    gateway.limit(never=(NeverItem.parse("bank.example"),), require=(Required.REFERENCE,))
    with pytest.raises(GuardError) as refused:
        gateway.publish(platform("www.bank.example"))
    assert [str(issue).partition(": ")[0] for issue in refused.value.issues] == [
        f"{gateway.lists / 'a.toml'}:{line}" for line in (1, 3)
    ]
    assert gateway.publish(platform("a.example", "reference = 'x'\n")).committed


def test_a_feed_keeps_what_it_lost_to_what_was_untouchable_on_its_day(gateway, tmp_path):
    gateway.limit(never=(NeverItem.parse(str(tmp_path / "cdn.txt")),), budget=Share(percent=50))
    (tmp_path / "cdn.txt").write_text("cdn.example  # many sites\n")
    gateway.write("good.example\na.cdn.example\n", "feed.txt")
    outcome = gateway.publish(EXPIRING)
    (issue,) = outcome.issues
    assert issue.message == (
        f"a.cdn.example lies below cdn.example, which no list may block: {tmp_path}/cdn.txt:1"
        " (many sites); remove it"
    )
    (tmp_path / "cdn.txt").write_text("")
    assert expire(gateway.store, ENDS).committed
    assert gateway.blocked() == {"b.example", "good.example"}
    assert gateway.publish(now=ENDS).committed  # the file has changed
    assert gateway.blocked() == {"b.example", "good.example", "a.cdn.example"}


@pytest.mark.parametrize("content", ["a..example\n", "good.example\n198.18.0.1/16\n"])
def test_a_mistake_in_a_file_of_the_untouchable_changes_nothing(gateway, tmp_path, content):
    gateway.publish(platform("a.example"))
    path = tmp_path / "never.txt"
    path.write_text(content)
    gateway.limit(never=(NeverItem.parse(str(path)),))
    with pytest.raises(ConfigError, match=f"{path}:{content.count(chr(10))}: "):
        gateway.publish(platform("b.example"))
    assert gateway.blocked() == {"a.example"}


CANARIES = [
    ({"must_resolve": ("www.b.example",)}, "must_resolve: www.b.example would be blocked by b.ex"),
    ({"must_block": ("a.example",)}, "must_block: a.example would not be blocked any more"),
]


@pytest.mark.parametrize(("canaries", "said"), CANARIES)
def test_a_canary_that_dies_refuses_the_change_and_no_word_confirms_it(gateway, canaries, said):
    gateway.publish(platform("a.example"))
    gateway.limit(**{key: tuple(map(Target.parse, those)) for key, those in canaries.items()})
    for accept in (None, Acceptance(digest="0" * 20, by="alice")):
        with pytest.raises(GuardError, match=said):
            gateway.publish(platform("b.example"), accept=accept)
    assert gateway.blocked() == {"a.example"}
    # What expires is gone by its day, whatever a canary says.
    assert rollback(gateway.store, 1, NOW).committed


@pytest.mark.parametrize("by", ["publish", "expire"])
def test_a_clock_that_ran_ahead_takes_nothing_with_it_for_good(gateway, by):
    act = gateway.publish if by == "publish" else lambda now: expire(gateway.store, now)
    gateway.publish(EXPIRING)
    act(now=ENDS + 365 * DAY)
    assert gateway.blocked() == {"b.example"}
    outcome = act(now=NOW)
    assert (outcome.committed, gateway.blocked()) == (True, {"a.example", "b.example"})
    assert (gateway.record().reason, gateway.record().changes_on) == ("clock", date(2026, 3, 2))
    again = act(now=NOW)
    assert again is None or not again.committed
    assert act(now=ENDS).committed
    assert gateway.blocked() == {"b.example"}


def test_a_clock_that_ran_ahead_is_mended_while_the_lists_are_refused(gateway):
    gateway.publish(EXPIRING)
    expire(gateway.store, ENDS + DAY)
    with pytest.raises(ListError):
        gateway.publish("broken", NOW)
    assert expire(gateway.store, NOW).committed
    assert gateway.blocked() == {"a.example", "b.example"}
