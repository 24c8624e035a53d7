"""The history is whole, or what was changed in it is told with its generation."""

import gzip
import shutil
from datetime import UTC, datetime

import pytest

from blockd.config import Config, ListSection
from blockd.policy import chain, publish
from blockd.policy import record as records
from blockd.policy.store import KEPT, Store

NOW = datetime(2026, 3, 1, tzinfo=UTC)
GENERATIONS = 4


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return commit(tmp_path_factory.mktemp("state"), GENERATIONS)


def commit(place, count):
    path = place / "a.txt"
    store = Store(place / "state")
    config = Config(list=ListSection(paths=(str(path),)))
    for number in range(count):
        path.write_text(f"n{number}.example\n")
        publish.publish(store, config, NOW)
    return store


@pytest.fixture
def store(made, tmp_path):
    """A copy that a test may harm."""
    shutil.copytree(made.state, tmp_path / "state", symlinks=True)
    return Store(tmp_path / "state")


def test_an_untouched_history_is_whole_and_has_a_head(store):
    found = chain.verify(store)
    newest = store.record_path(GENERATIONS).read_bytes()
    assert found == (GENERATIONS, records.chained(newest), ())
    for number in range(1, GENERATIONS + 1):
        noted = records.chained(store.record_path(number).read_bytes())
        assert not chain.verify(store, noted.upper()).faults


def replace(path, old, new):
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new))


HARM = [
    (lambda s: replace(s.record_path(2), b'"added": 1', b'"added": 0'), [2]),
    (lambda s: replace(s.record_path(2), b'"number": 2', b'"number": 7'), [2, 2]),
    (lambda s: s.record_path(3).write_bytes(b"{"), [3, 3]),
    (lambda s: s.record_path(1).unlink(), [1, 2]),
    (lambda s: replace(s.record_path(1), b'"rules"', b'"previous": "00",\n  "rules"'), [1, 1]),
    (lambda s: replace(s.generation_path(3), b"example", b"fxample"), [3]),
    (lambda s: s.generation_path(4).unlink(), [4]),
    (lambda s: source(s, 2).write_bytes(gzip.compress(b"other.example\n")), [2]),
    (lambda s: source(s, 2).write_bytes(b"no gzip"), [2]),
    (lambda s: source(s, 4).unlink(), [4]),
]


def source(store, number):
    return store.source_path(store.record(number).sources[0].sha256)


@pytest.mark.parametrize(("harm", "numbers"), HARM)
def test_what_was_changed_is_told_with_its_generation(store, harm, numbers):
    harm(store)
    found = chain.verify(store)
    assert sorted(fault.number for fault in found.faults) == numbers
    assert all(str(fault).startswith(f"generation {fault.number}: ") for fault in found.faults)


@pytest.mark.parametrize("at", range(30))
def test_no_octet_of_a_record_before_the_last_can_be_changed_unseen(store, at):
    path = store.record_path(2)
    content = bytearray(path.read_bytes())
    content[at * len(content) // 30] ^= 1
    path.write_bytes(content)
    assert chain.verify(store).faults


def test_an_end_that_was_cut_off_or_written_anew_is_seen_by_a_head_noted_before(store):
    noted = chain.verify(store).head
    link = store.state / "current"
    link.unlink()
    link.symlink_to("generations/00000003.mdb")
    assert not chain.verify(store).faults
    (fault,) = chain.verify(store, noted).faults
    assert str(fault).startswith(f"no record has the digest {noted}: the history was cut off")


def test_records_outlive_the_files_that_they_are_about(tmp_path):
    store = commit(tmp_path, KEPT + 2)
    found = chain.verify(store)
    assert (found.records, found.faults) == (KEPT + 2, ())


def test_before_the_first_generation_there_is_nothing_to_verify(tmp_path):
    assert chain.verify(Store(tmp_path)) == (0, "", ())
