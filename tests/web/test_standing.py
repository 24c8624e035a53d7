"""One look at everything: what answers, and what does not."""

import asyncio
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from blockd.config import Config, FetchSection, ListSection, RoutesSection, SourceSection
from blockd.fetch.spool import Note, Spool
from blockd.policy.store import Store
from blockd.publishers import Url
from blockd.service.standing import Fetched
from blockd.web import standing
from tests.cli.program import answering

ALL = Config()
PLANE = Config(routes=RoutesSection(enabled=False))


def look(place, config=ALL):
    return asyncio.run(standing.look(config, Store(place), lambda name: place / name / "control"))


def test_who_does_not_answer_is_none(tmp_path):
    with answering(tmp_path / "resolver" / "control", lambda: {"plane": "resolver"}):
        found = look(tmp_path)
    assert found.record is None
    assert found.daemons == {"compiler": None, "resolver": {"plane": "resolver"}, "routes": None}
    assert found.of("routes") == found.of("nobody") == {}


@pytest.mark.parametrize(
    ("content", "found"), [(None, None), ("{", None), ("[]", None), ('{"a": 1}', {"a": 1})]
)
def test_a_verification_is_read_where_one_was_left(tmp_path, content, found):
    if content is not None:
        (tmp_path / "verify").mkdir()
        (tmp_path / "verify" / "report.json").write_text(content)
    assert look(tmp_path).verified == found


URLS = [Url.parse(f"https://lists.example/{number}") for number in range(3)]
CONFIRMED = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
LATER = CONFIRMED + timedelta(hours=1)


@pytest.mark.parametrize(
    ("notes", "found"),
    [
        ([], Fetched(3, None)),
        ([{"confirmed": CONFIRMED}], Fetched(2, CONFIRMED)),
        ([{"confirmed": LATER}, {"confirmed": CONFIRMED}, {"confirmed": LATER}],
         Fetched(0, CONFIRMED)),
        ([{"confirmed": LATER}, {"problem": "404"}, {"confirmed": CONFIRMED, "problem": "503"}],
         Fetched(2, CONFIRMED)),
    ],
)  # fmt: skip
def test_notes_about_fetched_lists_are_added_up(tmp_path, notes, found):
    spool = Spool(str(tmp_path / "spool"))
    with spool.lock():
        for url, note in zip(URLS, notes, strict=False):
            spool.remember(url, Note(url=str(url), **note))
    config = Config(
        list=ListSection(source=tuple(SourceSection(url=url) for url in URLS)),
        fetch=FetchSection(spool=str(spool.directory)),
    )
    assert look(tmp_path, config).fetched == found


def test_without_urls_nothing_is_said_of_fetching(tmp_path):
    assert look(tmp_path).fetched is None


def test_all_are_asked_at_once(tmp_path):
    """Each waits until the others are asked too; one after the other, none would answer."""
    together = threading.Barrier(2)

    def status():
        together.wait(timeout=5)
        return {"plane": "any"}

    started = time.monotonic()
    with (
        answering(tmp_path / "compiler" / "control", status),
        answering(tmp_path / "resolver" / "control", status),
    ):
        found = look(tmp_path, PLANE)
    assert all(found.daemons.values()), time.monotonic() - started
