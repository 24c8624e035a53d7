"""Compiling where little changed: what is not read again, and that nothing else differs for it."""

import contextlib
import tempfile
import weakref
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blockd import names
from blockd.config import Config, GuardSection, ListSection, NeverItem, Share, SourceSection
from blockd.errors import BlockdError
from blockd.policy import commit
from blockd.policy.publish import expire, publish, rollback
from blockd.policy.store import Store
from blockd.watchlist import examine
from tests.policy.test_revise import dumped

pytestmark = pytest.mark.usefixtures("suffixes_are_read_once")

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
ALL = Share(percent=100)
ROOMY = GuardSection(
    budget=ALL, max_added=Share(number=1000), max_removed=Share(number=1000),
    never=(NeverItem.parse("n.never.example"),),
)  # fmt: skip


NAMES = ["a.example", "b.a.example", "c.b.a.example", "d.example", "never.example", "com"]
LINES = {
    "feed.txt": [*NAMES, "# c", "", "a..b"],
    "sinkhole.hosts": [f"0.0.0.0 {name}" for name in NAMES],
    "rules.adblock": [*(f"||{name}^" for name in NAMES), *(f"@@||{name}^" for name in NAMES[:5])],
    "zone.rpz": [
        *(f"{name} CNAME ." for name in NAMES[:4]), "*.a.example CNAME .", "d.example A 198.18.0.1",
        "c.b.a.example CNAME rpz-passthru.", "28.0.1.18.198.rpz-ip CNAME .",
    ],
    "net.ipset": ["198.18.1.0/28", "198.18.1.1", "2001:db8::/48", "10.0.0.0/8"],
    "table.csv": [f"{name},item {at}" for at, name in enumerate(NAMES[:4])],
}  # fmt: skip
ZONE = "$TTL 60\n@ SOA a. b. 1 2 3 4 5\n"
HEADS = {"table.csv": "domain,reference\n"}
for zone in ("before.rpz", "later.rpz"):
    LINES[zone] = [*LINES["zone.rpz"], "*.example CNAME .", "24.0.1.18.198.rpz-ip CNAME ."]
HEADS |= dict.fromkeys(("zone.rpz", "before.rpz", "later.rpz"), ZONE)
TABLES = [
    "[[platform]]\nid = 'p'\ndomains = ['a.example', '=d.example']\nexpires = 2026-03-02\n",
    "[[platform]]\nid = 'q'\ndomains = ['b.a.example', '*.d.example']\nexpires = 2026-03-01\n",
    "[[platform]]\nid = 'r'\ndomains = ['a.example']\nenforce = false\nprefixes = ['198.18.1.1']\n",
    "[[platform]]\nid = 's'\ndomains = ['=a.example', '*.a.example']\naction = 'zero'\n",
    "[[allow]]\nreason = 'x'\ndomains = ['c.b.a.example']\nprefixes = ['198.18.1.2']\n",
    "[[allow]]\nreason = 'y'\ndomains = ['*.b.a.example', 'n.never.example']\n",
    "# a comment\n",
]


@st.composite
def _contents(draw):
    name = draw(st.sampled_from([*LINES, "own.toml", "other.toml"]))
    if draw(st.integers(0, 9)) == 0:
        return name, None
    if name.endswith(".toml"):
        chosen = draw(st.lists(st.sampled_from(TABLES), min_size=1, max_size=4, unique=True))
        return name, "".join(chosen)
    lines = draw(st.lists(st.sampled_from(LINES[name]), min_size=1, max_size=6))
    return name, HEADS.get(name, "") + "".join(f"{line}\n" for line in lines)


_edits = st.lists(_contents(), min_size=0, max_size=3)
_steps = st.lists(
    st.tuples(_edits, st.sampled_from([0, 0, 0, 1, 1, 2, -1]), st.sampled_from("ppppper")),
    min_size=2,
    max_size=5,
)


def outcome_of(store, config, now, how):
    """What one step says, and what it leaves in the store."""
    said = None
    try:
        if how == "p":
            said = publish(store, config, now)
        elif how == "e":
            said = expire(store, now)
        else:
            said = rollback(store, max(1, (store.current() or 1) - 1), now)
    except BlockdError as error:
        said = type(error), str(error), getattr(error, "issues", ())
    else:
        if said is not None:
            difference = said.difference
            parts = difference.plain(), difference.names, difference.prefixes
            said = said.number, said.issues, said.held, said.committed, parts
    number = store.current()
    if number is None:
        return said
    record = msgspec.structs.replace(store.record(number), file_sha256="", previous="")
    return said, record, dumped(store.generation_path(number))


@settings(max_examples=40)
@given(_steps)
def test_after_any_edits_the_short_way_leaves_what_the_whole_one_leaves(steps):
    with tempfile.TemporaryDirectory() as scratch:
        top = Path(scratch)
        (top / "lists").mkdir()
        config = Config(list=ListSection(paths=(str(top / "lists"),)), guard=ROOMY)
        short, whole = Store(top / "short"), Store(top / "whole")
        now = NOW
        for edits, days, how in steps:
            now += days * DAY
            for name, content in edits:
                if content is None:
                    (top / "lists" / name).unlink(missing_ok=True)
                else:
                    (top / "lists" / name).write_text(content)
            (whole.state / "recompile").unlink(missing_ok=True)
            found, wanted = (outcome_of(store, config, now, how) for store in (short, whole))
            assert found == wanted


class Gateway:
    """A large list, a small one, and what of them is read when they are compiled."""

    def __init__(self, top, patch):
        self.top = top / "lists"
        self.top.mkdir()
        self.store = Store(top / "state")
        self.config = Config(list=ListSection(paths=(str(self.top),)), guard=ROOMY)
        self.read = []
        parse = examine.parse
        patch.setattr(
            examine, "parse", lambda *given: self.read.append(Path(given[1]).name) or parse(*given)
        )
        self.write("large.txt", "".join(f"n{n}.example\n" for n in range(30)))
        self.write("small.toml", TABLES[0])

    def write(self, name, text):
        (self.top / name).write_text(text)

    def publish(self, now=NOW, config=None):
        self.read.clear()
        assert publish(self.store, config or self.config, now).committed
        return sorted(self.read)

    @property
    def kept(self):
        return self.store.state / "recompile"


@pytest.fixture
def gateway(tmp_path, monkeypatch):
    made = Gateway(tmp_path, monkeypatch)
    assert made.publish() == ["large.txt", "small.toml"]
    return made


def test_what_has_not_changed_is_not_read_again(gateway):
    gateway.write("small.toml", TABLES[3])
    assert gateway.publish() == ["small.toml"]
    gateway.write("new.txt", "a.example\n")
    assert gateway.publish() == ["new.txt"]
    (gateway.top / "new.txt").unlink()
    assert gateway.publish() == []
    names = {record.path: record.names for record in gateway.store.history()[0].sources}
    assert sorted(names.values()) == [2, 30]


@pytest.mark.parametrize("by", ["publish", "expire"])
def test_an_expiry_reads_nothing_again(gateway, by):
    if by == "publish":
        assert gateway.publish(NOW + 2 * DAY) == []
    else:
        gateway.read.clear()
        assert expire(gateway.store, NOW + 2 * DAY).committed
        assert gateway.read == []
    gateway.write("small.toml", TABLES[3])
    assert gateway.publish(NOW + 2 * DAY) == ["small.toml"]


@pytest.mark.parametrize("remembered", [True, False])
def test_an_expiry_tells_how_far_it_has_come(gateway, remembered):
    if not remembered:
        gateway.kept.unlink()
    told = []
    assert expire(gateway.store, NOW + 2 * DAY, lambda *step: told.append(step)).committed
    assert told[-1] == ("compiling, comparing, writing", 3, 3)
    assert ("reading lists" in {what for what, _, _ in told}) is not remembered


def damage(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DOUBTS = {
    "nothing is remembered": lambda gateway: gateway.kept.unlink(),
    "what is remembered is damaged": lambda gateway: damage(gateway.kept),
    "what is remembered is cut off": lambda gateway: gateway.kept.write_bytes(b""),
    "the generation is damaged": lambda gateway: damage(gateway.store.generation_path(1)),
    "the record is damaged": lambda gateway: damage(gateway.store.record_path(1)),
}


@pytest.mark.parametrize("doubt", DOUBTS)
def test_in_doubt_every_list_is_read_anew(gateway, doubt):
    DOUBTS[doubt](gateway)
    gateway.write("small.toml", TABLES[3])
    assert gateway.publish() == ["large.txt", "small.toml"]


def test_other_settings_other_terms_and_an_earlier_day_read_anew(gateway):
    gateway.write("small.toml", TABLES[3])
    assert gateway.publish(NOW - DAY) == ["large.txt", "small.toml"]
    guard = msgspec.structs.replace(ROOMY, shortest_v4=20)
    strict = msgspec.structs.replace(gateway.config, guard=guard)
    assert gateway.publish(config=strict) == ["large.txt", "small.toml"]
    large = SourceSection(path=str(gateway.top / "large.txt"), reference="R")
    lists = ListSection(paths=(str(gateway.top),), source=(large,))
    other = msgspec.structs.replace(strict, list=lists)
    assert gateway.publish(config=other) == ["large.txt"]
    gateway.write("small.toml", TABLES[0])
    assert gateway.publish(config=other) == ["small.toml"]


def test_another_program_reads_anew(gateway, monkeypatch):
    monkeypatch.setattr("blockd.policy.remembered.program", lambda: "another")
    gateway.write("small.toml", TABLES[3])
    assert gateway.publish() == ["large.txt", "small.toml"]


def test_an_exception_that_lets_others_touch_the_untouchable_reads_anew(gateway):
    gateway.write("small.toml", TABLES[3])
    gateway.write("wide.txt", "never.example\nx.example\n")
    assert gateway.publish() == ["small.toml", "wide.txt"]
    assert gateway.store.history()[0].sources[2].dropped == 1
    gateway.write("small.toml", TABLES[3] + TABLES[5])
    assert gateway.publish() == ["large.txt", "small.toml", "wide.txt"], "each of them once"
    assert gateway.store.history()[0].sources[2].dropped == 0


def test_a_second_look_begins_when_what_the_first_one_read_is_gone(gateway, monkeypatch):
    examined, looks, left = examine.examine, [], []

    class Watched(examine.Examined, frozen=True, kw_only=True, weakref=True):
        pass

    def watching(*given):
        left.append([look() for look in looks])
        found = Watched(**msgspec.structs.asdict(examined(*given)))
        looks.append(weakref.ref(found))
        return found

    gateway.write("small.toml", TABLES[3])
    monkeypatch.setattr(commit, "revise", lambda *_: None)
    monkeypatch.setattr(examine, "examine", watching)
    gateway.publish()
    assert left == [[], [None]]


def zone(*lines):
    return ZONE + "".join(f"{line}\n" for line in lines)


def test_of_zones_with_an_order_between_them_the_others_are_not_read(gateway):
    gateway.write("b.rpz", zone("x.example CNAME rpz-drop.", "y.x.example CNAME ."))
    assert gateway.publish() == ["b.rpz"]
    gateway.write("a.rpz", zone("x.example CNAME .", "*.x.example CNAME ."))
    gateway.read.clear()
    outcome = publish(gateway.store, gateway.config, NOW)
    assert (outcome.whole, gateway.read) == ("", ["a.rpz"])
    said = [each.message for each in outcome.issues if each.origin.source.endswith("b.rpz")]
    assert [each.partition(" is decided")[0] for each in said] == ["x.example"]
    gateway.write("small.toml", TABLES[3])
    assert gateway.publish() == ["small.toml"]
    (gateway.top / "a.rpz").unlink()
    assert gateway.publish() == []
    policy = gateway.store.open()
    assert policy.match(names.parse("x.example")).rule.source.endswith("b.rpz")
    policy.close()


def test_zones_that_have_changed_places_are_read_anew(gateway):
    for name in ("a.rpz", "b.rpz"):
        gateway.write(name, zone("x.example CNAME ."))
    gateway.publish()
    paths = [str(gateway.top / name) for name in ("b.rpz", "a.rpz", "large.txt", "small.toml")]
    gateway.config = Config(list=ListSection(paths=tuple(paths)), guard=gateway.config.guard)
    assert gateway.publish() == ["a.rpz", "b.rpz", "large.txt", "small.toml"]


def test_where_most_has_changed_all_is_read(gateway, monkeypatch):
    monkeypatch.setattr("blockd.policy.unchanged._SMALL_NAMES", 0)
    monkeypatch.setattr("blockd.policy.hunks.MOST", 20)
    gateway.write("large.txt", "m.example\n")
    assert gateway.publish() == ["large.txt", "small.toml"]


def test_of_a_source_with_a_few_other_lines_these_alone_are_read(gateway):
    lines = (gateway.top / "large.txt").read_text().splitlines(keepends=True)
    gateway.write("large.txt", "".join(["# moved\n", *lines[:7], "new.example\n", *lines[9:]]))
    assert gateway.publish() == []
    record = gateway.store.history()[0]
    assert (record.added, record.removed, record.changed) == (1, 2, 0)
    assert {Path(source.path).name: source.names for source in record.sources} == {
        "large.txt": 29, "small.toml": 2,
    }  # fmt: skip
    policy = gateway.store.open()
    try:
        found = policy.match(b"\3n29\7example")
        assert (found.line, policy.match(b"\2n7\7example")) == (30, None)
    finally:
        policy.close()


def test_too_much_is_not_remembered_and_a_full_disk_only_takes_the_memory(gateway, monkeypatch):
    gateway.kept.unlink()
    gateway.kept.mkdir()
    gateway.write("small.toml", TABLES[3])
    gateway.publish()
    with contextlib.suppress(FileNotFoundError):
        gateway.kept.rmdir()
    monkeypatch.setattr("blockd.policy.remembered.MOST", 0)
    gateway.write("small.toml", TABLES[0])
    said = publish(gateway.store, gateway.config, NOW).whole
    assert said.endswith(" more than the 0 that are remembered")
    assert not gateway.kept.exists()
