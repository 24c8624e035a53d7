"""Rounds of fetching: what is replaced, what stays, and when a source is asked again."""

import errno
import os
import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockd import config as configuration
from blockd.fetch import rounds
from blockd.fetch.rounds import Fetcher, Outcome, pause
from blockd.minisign import signature as signatures
from blockd.minisign.keys import SecretKey
from blockd.minisign.signature import SUFFIX
from blockd.publishers import Url
from blockd.watchlist import configured
from tests.fetch.server import Page

KEY, OTHER = (SecretKey.make(bytes([n]) * 8, bytes([n]) * 32) for n in (1, 2))
LIST, NEXT = b"a.example\nb.example\n", b"a.example\nc.example\n"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Gateway:
    """A configuration with one URL, and the clock of its fetcher."""

    def __init__(self, place, server, more=""):
        self.url = server.url("/a.txt")
        self.now = NOW
        self.slept = []
        self.config = configuration.parse(
            f"list.paths = []\nfetch.spool = '{place}/spool'\n"
            f"fetch.ca = '{server.authority.file}'\n"
            f"[[list.source]]\nurl = '{self.url}'\n{more}",
            "x",
        )

    def fetch(self, **how):
        dice = random.Random(1)
        (found,) = Fetcher(self.config, lambda: self.now, self.slept.append, dice).run(**how)
        self.now += timedelta(seconds=60)
        return found

    def held(self):
        """What the compiler would read."""
        ((source,), _) = configured.read(self.config)
        return source.content


@pytest.fixture
def gateway(tmp_path, server):
    return Gateway(tmp_path, server)


@pytest.fixture
def strict(tmp_path, server):
    """A gateway that demands a signature."""
    return Gateway(tmp_path, server, f"key = '{KEY.public}'\n")


def publish(server, content, key=KEY, serial=1, signed=None):
    server.put("/a.txt", content)
    made = signatures.sign(signed or content, key, f"serial:{serial}")
    server.put(f"/a.txt{SUFFIX}", made.file("x").encode())


def test_a_new_list_replaces_the_copy_and_an_unchanged_one_does_not(gateway, server):
    server.put_conditional("/a.txt", LIST, '"1"')
    first = gateway.fetch()
    assert (first.outcome, first.octets, first.copy) == (Outcome.NEW, len(LIST), NOW)
    again = gateway.fetch()
    assert (again.outcome, again.copy, again.is_well) == (Outcome.SAME, NOW, True)
    assert "If-None-Match" in server.asked[-1][1]
    server.put_conditional("/a.txt", NEXT, '"2"')
    assert gateway.fetch().outcome is Outcome.NEW
    assert gateway.held() == NEXT


def test_a_server_without_conditions_sends_all_again_and_that_is_seen(gateway, server):
    server.put("/a.txt", LIST)
    assert [gateway.fetch().outcome for _ in range(2)] == [Outcome.NEW, Outcome.SAME]


def test_a_copy_that_was_changed_or_lost_is_fetched_whole(gateway, server):
    server.put_conditional("/a.txt", LIST, '"1"')
    gateway.fetch()
    path = configured.spooled(gateway.config.fetch.spool, Url.parse(gateway.url))
    for spoil in (lambda: path.write_bytes(b"x"), path.unlink):
        spoil()
        assert gateway.fetch().outcome is Outcome.NEW
        assert gateway.held() == LIST


NO_LISTS = {
    "an error": Page(b"", 404),
    "a web page": Page(b"<!doctype html>\n<title>Log in</title>\n"),
    "nothing": Page(b""),
    "a list without its end": Page(LIST[:-4]),
    "a body without its end": Page(LIST, short_by=3),
    "a program": Page(b"\x7fELF\0\0\n"),
    "JSON": Page(b'{"names":\n["a.example"]}\n'),
}


@pytest.mark.parametrize("case", NO_LISTS)
def test_what_is_no_list_replaces_nothing_and_is_told(gateway, server, case):
    server.pages["/a.txt"] = NO_LISTS[case]
    found = gateway.fetch()
    assert (found.outcome, found.copy, found.is_well) == (Outcome.MISSING, None, False)
    server.put("/a.txt", LIST)
    gateway.fetch()
    server.pages["/a.txt"] = NO_LISTS[case]
    found = gateway.fetch()
    assert (found.outcome, found.copy) == (Outcome.KEPT, NOW + timedelta(seconds=60))
    assert found.problem
    assert gateway.held() == LIST


def test_what_may_be_better_soon_is_asked_again_after_a_while(gateway, server):
    server.pages["/a.txt"] = [Page(b"", 503), Page(b"", 429, {"Retry-After": "9"}), Page(LIST)]
    assert gateway.fetch().outcome is Outcome.NEW
    first, second = gateway.slept
    assert 0.5 <= first <= 1.5
    assert second == 9


def test_a_server_that_asks_for_more_patience_is_left_alone(gateway, server):
    server.put("/a.txt", b"", status=503, headers={"Retry-After": "7200"})
    assert gateway.fetch().outcome is Outcome.MISSING
    assert gateway.slept == []
    server.put("/a.txt", LIST)
    gateway.now = NOW + timedelta(seconds=7100)
    waiting = gateway.fetch(due=True)
    assert (waiting.outcome, len(server.asked)) == (Outcome.WAITING, 1)
    assert "503" in waiting.problem
    gateway.now = NOW + timedelta(seconds=7201)
    assert gateway.fetch(due=True).outcome is Outcome.NEW
    assert gateway.fetch(due=True).outcome is Outcome.SAME


def test_a_person_is_not_made_to_wait(gateway, server):
    server.put("/a.txt", b"", status=404)
    gateway.fetch()
    server.put("/a.txt", LIST)
    assert gateway.fetch(due=True).outcome is Outcome.WAITING
    assert gateway.fetch().outcome is Outcome.NEW


def test_a_clock_that_was_wrong_silences_no_source(gateway, server):
    server.put("/a.txt", b"", status=404)
    gateway.now = NOW + timedelta(days=4000)
    gateway.fetch()
    gateway.now = NOW
    server.put("/a.txt", LIST)
    assert gateway.fetch(due=True).outcome is Outcome.NEW


def test_a_full_disk_keeps_the_copy_before_and_is_told(gateway, server, monkeypatch):
    server.put("/a.txt", LIST)
    gateway.fetch()
    server.put("/a.txt", NEXT)

    def full(_handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        found = gateway.fetch()
    assert found.outcome is Outcome.KEPT
    assert "No space left on device" in found.problem
    assert gateway.held() == LIST
    assert gateway.fetch().outcome is Outcome.NEW


def test_one_failing_source_does_not_keep_the_others_from_coming(tmp_path, server):
    server.put("/b.txt", LIST)
    urls = [server.url(f"/{name}.txt") for name in "abc"]
    tables = "".join(f"[[list.source]]\nurl = '{url}'\n" for url in urls)
    config = configuration.parse(
        f"[fetch]\nspool = '{tmp_path}/spool'\nca = '{server.authority.file}'\n{tables}", "x"
    )
    fetched = Fetcher(config, rounds.utc, None, random.Random(1)).run()
    assert [(each.url, each.outcome) for each in fetched] == [
        (urls[0], Outcome.MISSING), (urls[1], Outcome.NEW), (urls[2], Outcome.MISSING),
    ]  # fmt: skip


@given(st.integers(0, 10**6), st.integers(0, 10**9), st.floats(0, 1))
def test_pauses_grow_to_a_day_and_no_longer(failures, after, roll):
    found = pause(failures, after, roll)
    assert 450 <= found <= 86_400
    assert found >= min(after, 86_400)
    assert pause(failures + 1, after, roll) >= found


def test_a_signed_list_comes_with_its_signature(strict, server):
    publish(server, LIST, serial=5)
    found = strict.fetch()
    assert (found.outcome, found.signed.serial, found.signed.key) == (
        Outcome.NEW, 5, KEY.public.id,
    )  # fmt: skip
    assert server.paths() == ["/a.txt", f"/a.txt{SUFFIX}"]
    ((source,), _) = configured.read(strict.config)
    assert (source.content, source.signed.serial) == (LIST, 5)


UNFIT = {
    "none": lambda server: (server.put("/a.txt", NEXT), server.pages.pop(f"/a.txt{SUFFIX}")),
    "another key's": lambda server: publish(server, NEXT, OTHER, 6),
    "that of another content": lambda server: publish(server, NEXT, signed=LIST, serial=6),
    "an older one": lambda server: publish(server, NEXT, serial=4),
    "a web page": lambda server: (
        server.put("/a.txt", NEXT), server.put(f"/a.txt{SUFFIX}", b"<html>\n"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", UNFIT)
def test_an_unfit_signature_keeps_the_copy_before(strict, server, case):
    publish(server, LIST, serial=5)
    strict.fetch()
    UNFIT[case](server)
    found = strict.fetch()
    assert found.outcome is Outcome.KEPT
    assert "signature" in found.problem
    assert strict.held() == LIST
    publish(server, NEXT, serial=6)
    assert strict.fetch().outcome is Outcome.NEW
    assert strict.held() == NEXT


def test_a_list_that_is_signed_anew_has_the_new_edition(strict, server):
    publish(server, LIST, serial=5)
    server.pages["/a.txt"].headers["ETag"] = '"1"'
    strict.fetch()
    page = server.pages["/a.txt"]
    publish(server, LIST, serial=8)
    server.pages["/a.txt"] = page
    assert strict.fetch().signed.serial == 8
    ((source,), _) = configured.read(strict.config)
    assert source.signed.serial == 8


def test_a_list_that_is_replaced_while_it_is_fetched_is_asked_for_again(strict, server):
    publish(server, NEXT, serial=2)
    server.pages["/a.txt"] = [Page(LIST), Page(NEXT)]
    assert strict.fetch().outcome is Outcome.NEW
    assert strict.held() == NEXT


@pytest.mark.parametrize(
    ("url", "signature"),
    [
        ("https://a.example/x.txt", "https://a.example/x.txt.minisig"),
        ("https://a.example/x?k=v?w", "https://a.example/x.minisig?k=v?w"),
    ],
)
def test_the_signature_stands_beside_the_list(url, signature):
    assert str(rounds.beside(Url.parse(url))) == signature


def test_without_a_url_nothing_is_done(tmp_path):
    config = configuration.parse(f"fetch.spool = '{tmp_path}/spool'\n", "x")
    assert Fetcher(config, rounds.utc, None, random.Random(1)).run() == ()
    assert not (tmp_path / "spool").exists()
