"""`blockd setup`, as far as it goes without changing a host; the rest is in `tests/e2e`."""

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import click
import pytest

from blockd.cli import app
from tests.cli.program import run
from tests.setup.world import Host

REFUSED = {
    "--purge alone": (["setup", "--purge"], "give --remove --purge"),
    "--remove and --force": (["setup", "--remove", "--force"], "--remove goes with --dry-run and"),
    "another configuration": (
        ["--config", "x.toml", "setup", "--dry-run"],
        "--config and --state are for trying out",
    ),
    "another state": (["--state", "x", "setup"], "--config and --state are for trying out"),
}


@pytest.mark.parametrize(("words", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_options_that_say_nothing_together_are_refused(words, said):
    done = run(*words)
    assert done.status == 2
    assert said in done.err


def test_only_root_may_change_the_host_and_anybody_may_look(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    done = run("setup")
    assert done.status == 2
    assert "run it as root, or look with --dry-run" in done.err


@pytest.fixture
def found(monkeypatch):
    """Have setup find a host of the test's own in place of this one."""
    from blockd.cli import setup

    def give(host):
        monkeypatch.setattr(setup, "_facts", lambda *_, **__: host.facts())

    return give


def test_removing_where_nothing_was_set_up_has_nothing_to_do(found):
    found(Host())
    done = run("setup", "--remove", "--purge", "--dry-run")
    assert (done.status, done.out) == (0, "nothing to do: everything is as it should be\n")


def test_a_dry_run_prints_a_script_and_beside_it_what_is_in_the_way(found):
    found(Host.with_resolved(lists=True))
    done = run("setup", "--dry-run")
    assert done.status == 1
    assert done.out.startswith("set -eu\n")
    assert "systemctl daemon-reload\n" in done.out
    assert "resolved" not in done.out.partition("blockd.toml")[0]
    assert done.err.startswith("blockd: 127.0.0.53:53 is taken by systemd-resolved")
    agreed = run("setup", "--dry-run", "--resolved")
    assert (agreed.status, agreed.err) == (0, "")
    assert "systemctl restart systemd-resolved.service\n" in agreed.out


def test_without_a_list_it_is_a_note_and_no_failure(found):
    found(Host())
    done = run("setup", "--dry-run")
    assert done.status == 0
    assert done.err.startswith("note: nothing is enabled or started, since there is no list")


def test_a_program_that_services_do_not_reach_is_an_error_of_usage(found):
    found(Host(given={"obstacle": "it is in /root"}))
    done = run("setup", "--dry-run")
    assert (done.status, done.out, done.err) == (2, "", "blockd: it is in /root\n")


@pytest.fixture
def acting(monkeypatch):
    """Have the steps performed on a host of the test's own, and a terminal that answers."""
    from blockd.cli import setup
    from blockd.setup import act

    def on(host, *, answer):
        def perform(steps, root):
            assert root == Path("/")
            for step in steps:
                host.perform([step])
                yield step

        monkeypatch.setattr(setup, "_facts", lambda *_, **__: host.facts())
        monkeypatch.setattr(act, "perform", perform)
        monkeypatch.setattr(os, "geteuid", lambda: 0)
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
        monkeypatch.setattr(click, "confirm", lambda _, **__: answer)

    return on


@pytest.mark.parametrize("answer", [True, False])
def test_on_a_terminal_it_asks_before_it_touches_resolved(acting, answer):
    host = Host.with_resolved(lists=True)
    acting(host, answer=answer)
    done = run("setup")
    assert done.status == (0 if answer else 1)
    assert ("systemctl restart systemd-resolved.service\n" in done.out) is answer
    assert ("taken by systemd-resolved" in done.err) is not answer
    assert host.unit("blockd-resolver.service").active is answer
    again = run("setup")
    assert again.out == ("nothing to do: everything is as it should be\n" if answer else "")


def test_the_man_pages_and_completions_are_the_same_at_every_look():
    from blockd.cli import setup

    program = app.build()
    once = {**setup._manual(program), **setup._completions(program)}
    assert once == {**setup._manual(program), **setup._completions(program)}
    assert "/usr/local/share/man/man8/blockd-setup.8" in once
    assert {path.rpartition("/")[2] for path in setup._COMPLETIONS.values()} == {
        "blockd", "_blockd", "blockd.fish",
    }  # fmt: skip
