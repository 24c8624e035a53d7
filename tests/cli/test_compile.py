"""`blockd compile`: one commit or none, and with --wait on both planes."""

import itertools
import socket
from datetime import UTC, datetime

import pytest

from blockd.cli import compile as compiling
from blockd.config import Config, ListSection
from blockd.policy import publish
from blockd.policy.store import Store
from tests.cli.program import DAC_OVERRIDE, RULES, answering, daemon, ended, without


def test_a_commit_says_what_changed_and_where_it_is(gateway):
    done = gateway.run("compile")
    said = f"generation 1: 6 added, 0 removed, 0 changed; in {gateway.state}\n"
    assert done == (0, said, "")
    assert gateway.run("compile").out == "generation 1 is current: nothing has changed\n"
    gateway.write(RULES.replace('"listed.example"', '"new.example"'))
    assert gateway.run("compile").out.startswith("generation 2: 1 added, 1 removed, 0 changed; ")


def test_json_says_all_of_it(gateway):
    assert gateway.run("compile", "--json").json == {
        "generation": 1,
        "committed": True,
        "held": False,
        "state": str(gateway.state),
        "difference": {
            "added": [
                ["198.18.1.0/28", "p001"],
                ["198.18.1.8/32", "allow"],
                ["2001:db8:1::/48", "p001"],
                ["=only.example", "p001"],
                ["good.listed.example", "allow"],
                ["listed.example", "p001"],
            ],
            "removed": [],
            "changed": [],
        },
        "issues": [],
        "more_issues": 0,
        "planes": [],
    }


def test_warnings_are_told_beside_the_result(gateway):
    path = gateway.write(RULES.replace('"=only.example"', '"listed.example"'))
    done = gateway.run("compile")
    assert (done.status, len(done.out.splitlines())) == (0, 1)
    assert done.err.startswith(f"{path}:11: warning: ")


@pytest.mark.parametrize(
    ("text", "status", "line"),
    [
        (RULES.replace("198.18.1.0/28", "198.18.1.0/99"), 1, ":12: error: "),
        (RULES.replace("198.18.1.0/28", "10.0.0.0/16"), 3, ":12: guard: "),
        (RULES[:-40], 1, ""),
    ],
)
def test_a_refused_list_changes_nothing(gateway, text, status, line):
    gateway.run("compile")
    path = gateway.write(text)
    before = {file: file.stat().st_mtime_ns for file in gateway.state.rglob("*")}
    done = gateway.run("compile")
    assert (done.status, done.out) == (status, "")
    assert f"{path}{line}" in done.err
    assert "; nothing was changed\n" in done.err
    if line:
        _, _, reason = done.err.splitlines()[0].partition(line)
        assert done.err.count(reason) == 1
    after = {file: file.stat().st_mtime_ns for file in gateway.state.rglob("*")}
    assert after == before
    assert gateway.lists("listed.example")


def test_a_refused_list_keeps_no_entry_in_force_past_its_day(gateway):
    lists = Config(list=ListSection(paths=(str(gateway.rules),)))
    gateway.write(
        RULES.replace("2099-12-31", "2026-01-01")
        + '[[platform]]\nid = "p002"\ndomains = ["stays.example"]\n'
    )
    publish.publish(Store(gateway.state), lists, datetime(2026, 1, 1, 23, 59, tzinfo=UTC))
    assert gateway.lists("listed.example")
    gateway.write("broken")
    done = gateway.run("compile")
    assert done.status == 1
    assert "generation 2: entries past their day were removed\n" in done.err
    assert not gateway.lists("listed.example")
    assert gateway.lists("stays.example")


def test_planes_that_are_down_are_named_and_not_waited_for(gateway):
    assert gateway.run("compile", "--wait").out.splitlines()[1:] == ["resolver: not running"]
    gateway.configure(routes=True)
    done = gateway.run("compile", "--wait", "--json")
    assert (done.status, done.json["planes"]) == (
        0,
        ["resolver: not running", "routes: not running"],
    )


def test_a_plane_is_waited_for_until_it_enforces_the_generation(gateway):
    answers = itertools.chain(
        [{"generation": None, "ready": False}] * 2,
        [{"generation": 1, "ready": False}] * 2,
        itertools.repeat({"generation": 2, "ready": True}),
    )
    with answering(gateway.control("resolver"), lambda: next(answers)):
        done = gateway.run("compile", "--wait")
    assert (done.status, done.out.splitlines()[1]) == (0, "resolver: enforces generation 2")


def test_a_plane_that_is_slow_to_answer_does_run_and_is_waited_for(gateway):
    path = gateway.control("resolver")
    path.parent.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(path))
        silent.listen()
        done = gateway.run("compile", "--wait", "--timeout", "0.05")
    assert (done.status, done.out) == (4, "")
    assert done.err == f"blockd: no answer from {path}: timed out\n"


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        ({"problem": "the new generation is damaged"}, "the new generation is damaged"),
        ({"problems": ["first cause", "second"]}, "first cause; second"),
        ({}, "it gives no reason"),
    ],
)
def test_a_plane_that_does_not_follow_is_status_4_with_its_reason(gateway, status, cause):
    with answering(gateway.control("resolver"), lambda: {"generation": 0, "ready": True, **status}):
        done = gateway.run("compile", "--wait", "--timeout", "0.05")
    assert (done.status, done.out) == (4, "")
    said = f"resolver still enforces generation 0, not 1, after 0.05 s: {cause}"
    assert done.err == f"blockd: {said}\n"


@pytest.mark.root
def test_when_it_returns_both_planes_enforce_the_result(gateway, space):
    gateway.configure(routes=True)
    gateway.run("compile")
    with (
        daemon(gateway.argv("resolve"), gateway.place) as resolver,
        daemon(gateway.argv("route"), gateway.place, space=space) as routes,
    ):
        resolver.notices.until("READY=1")
        routes.notices.until("READY=1")
        gateway.write(RULES.replace("198.18.1.0/28", "198.18.2.0/28"))
        done = gateway.run("compile", "--wait")
        held = space.ip("route show table 5354")
        assert (done.status, done.err) == (0, "")
        assert done.out.splitlines()[1:] == [
            "resolver: enforces generation 2",
            "routes: enforces generation 2",
        ]
        assert "198.18.2.0/28" in held
        assert "198.18.1.0/28" not in held


def test_a_state_that_may_not_be_written_is_named_with_the_remedy(gateway):
    locked = gateway.place / "locked"
    locked.mkdir(mode=0o555)
    gateway.state = locked / "state"
    done = ended(without(DAC_OVERRIDE, gateway.argv("compile")))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"blockd: {gateway.state}: cannot be written: Permission denied;"
        " choose another directory with --state, or run as its owner\n"
    )


def test_a_state_below_a_file_is_named_too(gateway):
    gateway.state = gateway.config / "state"
    done = gateway.run("compile")
    assert done.status == 2
    assert f"{gateway.state}: cannot be written: Not a directory" in done.err


def many(first, last):
    listed = ", ".join(f'"n{number}.example"' for number in range(first, last))
    return f'[[platform]]\nid = "p"\ndomains = [{listed}]\n'


def test_a_change_beyond_a_limit_is_refused_shown_and_confirmed_by_its_digest(gateway):
    gateway.write(many(0, 100))
    gateway.run("compile")
    gateway.write(many(30, 100))
    sentence = (
        "the change lifts 30 names of 100 that are in force, 30 %; [guard] max_removed = 20%"
        " allows 20; nothing was changed. `blockd diff` shows it; if it is meant, `blockd compile"
        " --accept {}` confirms exactly this change"
    )
    digest = gateway.run("diff", "--json").json["digest"]
    refused = gateway.run("compile")
    assert (refused.status, refused.out) == (3, "")
    assert refused.err == f"blockd: {sentence.format(digest)}\n"
    assert gateway.run("check").status == 3
    found = gateway.run("check", "--json")
    assert (found.json["accepted"], found.json["change"]) == (False, digest)
    assert gateway.run("diff").err == f"refused: {sentence.format(digest)}\n"
    assert gateway.run("compile", "--accept", "0123").status == 3
    done = gateway.run("compile", "--accept", digest)
    assert (done.status, done.out.partition(";")[0]) == (
        0,
        "generation 2: 0 added, 30 removed, 0 changed",
    )
    record = gateway.run("history", "--json").json[0]["accepted"]
    assert (record["digest"], record["by"]) == (digest, compiling._who())
    assert f"changed, accepted by {compiling._who()}" in gateway.run("history").out


def test_lists_that_are_not_the_configured_ones_have_no_change_to_confirm(gateway):
    gateway.write(many(0, 100))
    gateway.run("compile")
    other = gateway.place / "other.toml"
    other.write_text(many(500, 501))
    found = gateway.run("check", "--json", str(other))
    assert (found.status, found.json["change"]) == (0, None)
