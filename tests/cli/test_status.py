"""`blockd status`: what is in force, which daemon is down, and what is wrong."""

import contextlib
import json
import re
import signal
import subprocess
from datetime import UTC, datetime, timedelta

import pytest

from tests.cli.program import RULES, answering, daemon, until

COMPILER = {"plane": "compiler", "ready": True, "generation": 1, "paths": ["/a", "/b"]}
RESOLVER = {
    "plane": "resolver",
    "ready": True,
    "generation": 1,
    "names": 3,
    "problem": "",
    "listen": ["127.0.0.1:5300", "[::1]:5300"],
    "outcomes": {"forwarded": 7, "blocked": 0},
    "platforms": {"p002": 1, "p001": 5, "p003": 0},
    "cache": {"answers": 4, "octets": 512},
    "upstreams": [{"address": "198.18.0.53:53", "sent": 7, "answered": 6, "timeouts": 1}],
}


ROUTES = {
    "plane": "routes",
    "ready": True,
    "generation": 1,
    "enforcing": True,
    "problems": [],
    "table": 5354,
    "active": {"v4": 5355, "v6": 5354},
    "bypassed_by": [],
    "desired": 9,
    "actual": 9,
    "missing": 0,
    "foreign": [],
    "cuts": [],
    "last_scan": 1_700_000_000.5,
    "last_repair": None,
    "counters": {"installed": 9, "withdrawn": 1, "restored": 2, "refused": 0},
}


@contextlib.contextmanager
def planes(gateway, **status):
    with contextlib.ExitStack() as stack:
        for name, answer in status.items():
            stack.enter_context(answering(gateway.control(name), lambda answer=answer: answer))
        yield


def facts(done):
    """Return the lines of facts and of the table by their first word."""
    return {line.split()[0]: line.split() for line in done.out.splitlines() if line.strip()}


def test_daemons_that_are_down_are_status_4(gateway):
    gateway.run("compile")
    done = gateway.run("status")
    assert (done.status, done.err) == (4, "")
    said = facts(done)
    for name in ("compiler", "resolver"):
        assert said[name] == [
            name, *["not", "running", "no", "answer", "from"], f"{gateway.control(name)}:",
            *["No", "such", "file", "or", "directory"],
        ]  # fmt: skip
    assert "routes" not in said  # [routes] enabled = false
    found = gateway.run("status", "--json")
    assert found.status == 4
    assert found.json["daemons"] == {"compiler": None, "resolver": None}
    gateway.configure(routes=True)
    assert facts(gateway.run("status"))["routes"][1:3] == ["not", "running"]


def test_what_is_in_force_is_told_whatever_runs(gateway):
    gateway.run("compile")
    said = facts(gateway.run("status"))
    assert said["generation"] == ["generation", "1"]
    assert said["holds"][1:] == ["3", "names", "and", "3", "prefixes", "of", "2", "rules"]
    assert said["from"][1:] == [str(gateway.rules / "rules.toml")]
    assert said["next"] == ["next", "expiry", "end", "of", "2099-12-31"]
    assert said["state"][1:] == [str(gateway.state)]


def test_one_daemon_down_is_status_4_although_others_answer(gateway):
    gateway.run("compile")
    with planes(gateway, compiler=COMPILER):
        done = gateway.run("status")
    assert done.status == 4
    assert facts(done)["compiler"] == ["compiler", "ready", "1", "/a,", "/b"]


def test_before_the_first_generation_it_is_status_1(gateway):
    with planes(gateway, compiler=COMPILER, resolver={**RESOLVER, "ready": False}):
        done = gateway.run("status")
        assert done.status == 1
        said = f"NOT ENFORCING: no generation in {gateway.state} yet; run `blockd compile`"
        assert done.out.splitlines()[0] == said
        assert facts(done)["resolver"][1] == "waiting"
        assert gateway.run("status", "--json").json["generation"] is None


@pytest.mark.parametrize(
    ("plane", "problem"),
    [
        ("compiler", {"problem": "the list is refused"}),
        ("resolver", {"problem": "the list is refused"}),
        ("compiler", {"problems": ["the list is refused"]}),
    ],
)
def test_a_problem_of_a_daemon_is_status_1(gateway, plane, problem):
    gateway.run("compile")
    answers = {"compiler": COMPILER, "resolver": RESOLVER}
    with planes(gateway, **{**answers, plane: {**answers[plane], **problem}}):
        done = gateway.run("status")
        assert gateway.run("status", "--json").status == 1
    assert done.status == 1
    said = {
        "compiler": "attention: refused, generation 1 stays: the list is refused",
        "resolver": "attention: resolver: the list is refused",
    }
    assert done.out.splitlines()[1] == said[plane]
    assert any(line.split()[:2] == [plane, "problem"] for line in done.out.splitlines())


def test_counters_are_of_outcomes_and_platforms(gateway):
    gateway.run("compile")
    with planes(gateway, compiler=COMPILER, resolver=RESOLVER):
        done = gateway.run("status")
    assert done.status == 0
    assert done.out.splitlines()[-4:] == [
        "queries                  forwarded 7",
        "most blocked             p001 5, p002 1",
        "cache                    4 answers, 512 octets",
        "upstream 198.18.0.53:53  7 sent, 6 answered, 1 timed out",
    ]


def test_a_silent_upstream_is_said_to_be_silent(gateway):
    gateway.run("compile")
    (upstream,) = RESOLVER["upstreams"]
    silent = {**RESOLVER, "upstreams": [{**upstream, "silent": True}]}
    with planes(gateway, compiler=COMPILER, resolver=silent):
        last = gateway.run("status").out.splitlines()[-1]
    assert last.endswith("1 timed out; silent, and probed now and then")


WHOLE = "cut              198.18.1.0/28: not installed, inside connected network 198.18.0.0/16"


@pytest.mark.parametrize(
    ("changed", "status", "state", "shown"),
    [
        ({}, 0, "ready", ["routes           9 of 9 in table 5354 and 5355"]),
        (
            {"actual": 7, "missing": 2, "enforcing": False},
            1,
            "problem",
            ["routes           7 of 9 in table 5354 and 5355", "missing          2"],
        ),
        (
            {"enforcing": False, "bypassed_by": ["rule for IPv4, preference 1"]},
            1,
            "problem",
            ["bypassed         rule for IPv4, preference 1"],
        ),
        (
            {"bypassed_by": ["rule for IPv4, preference 1000, of some packets"]},
            0,
            "ready",
            ["bypassed         rule for IPv4, preference 1000, of some packets"],
        ),
        (
            {"last_repair": 1_700_000_001.0},
            0,
            "ready",
            [
                "last full scan   2023-11-14 22:13:20 UTC",
                "last repair      2023-11-14 22:13:21 UTC",
                "since its start  9 installed, 1 withdrawn, 2 restored, 0 refused",
            ],
        ),
        (
            {"cuts": [{"entry": "198.18.1.0/28", "protected": "198.18.0.0/16",
                       "why": "connected network", "whole": True}]},
            0,
            "ready",
            [WHOLE],
        ),
        ({"generation": None, "ready": False, "enforcing": False}, 1, "waiting", []),
    ],
)  # fmt: skip
def test_routes_are_shown_at_a_glance_and_a_gap_is_a_problem(
    gateway, changed, status, state, shown
):
    gateway.configure(routes=True)
    gateway.run("compile")
    with planes(gateway, compiler=COMPILER, resolver=RESOLVER, routes={**ROUTES, **changed}):
        done = gateway.run("status")
        assert gateway.run("status", "--json").status == done.status == status
    lines = done.out.splitlines()
    assert set(shown) <= set(lines)
    assert next(line.split()[1] for line in lines if line.startswith("routes")) == state


@pytest.mark.root
def test_of_a_whole_gateway_everything_is_shown(gateway, space):
    gateway.configure('protect = ["198.18.1.4/30"]\n', routes=True)
    space.ip("route add blackhole 198.18.9.0/24 proto static table 5354")
    with (
        daemon(gateway.argv("watch"), gateway.place) as compiler,
        daemon(gateway.argv("resolve"), gateway.place) as resolver,
        daemon(gateway.argv("route"), gateway.place, space=space) as routes,
    ):
        for each in (compiler, resolver, routes):
            each.notices.until("READY=1")
        done = gateway.run("status")
        assert (done.status, done.err) == (0, ""), done.out
        said = facts(done)
        assert said["compiler"] == ["compiler", "ready", "1", str(gateway.rules)]
        assert said["resolver"][1:] == f"ready 1 3 names on 127.0.0.1:{gateway.port}".split()
        lines = done.out.splitlines()
        # The prefix with its two holes, and the IPv6 one.
        assert any(line.endswith("4 of 4 routes") for line in lines)
        of_routes = lines[lines.index("routes           4 of 4 in table 5354") :]
        scanned = of_routes.pop(2)
        assert re.fullmatch(r"last full scan   [0-9-]{10} [0-9:]{8} UTC", scanned)
        assert of_routes == [
            "routes           4 of 4 in table 5354",
            "since its start  4 installed, 0 withdrawn, 0 restored, 0 refused",
            "last repair      none",
            "cut              198.18.1.0/28: hole for protected by [routes] protect 198.18.1.4/30",
            "foreign          blackhole 198.18.9.0/24, protocol 4, left alone",
        ]
        daemons = gateway.run("status", "--json").json["daemons"]
        assert {name: answer["plane"] for name, answer in daemons.items()} == {
            name: name for name in ("compiler", "resolver", "routes")
        }
        assert all(answer["ready"] for answer in daemons.values())

        gateway.write(RULES.removesuffix("\n"))
        until(lambda: gateway.run("status").status == 1)
        assert gateway.run("explain", "listed.example").status == 0
        routes.end()
        assert gateway.run("status").status == 4


def test_what_expires_is_announced_beforehand(gateway):
    today = datetime.now(UTC).date()
    soon, later = today + timedelta(days=3), today + timedelta(days=40)
    table = '[[platform]]\nid = "{}"\ndomains = ["{}.example", "www.{}.example"]\nexpires = {}\n'
    gateway.write(
        table.format("p1", "a", "a", soon)
        + table.format("p2", "b", "b", later)
        + table.format("p3", "c", "c", soon)
    )
    gateway.run("compile")
    said = f"expires soon    {soon}, at the end of that day, UTC: 4 entries of p1, p3"
    assert said in gateway.run("status").out
    assert f"{later}, at" not in gateway.run("status").out
    assert f"{later}, at" in gateway.run("status", "--days", "40").out
    assert "expires soon" not in gateway.run("status", "--days", "2").out
    (found,) = gateway.run("status", "--json").json["expiring"]
    assert found == {"last_day": str(soon), "entries": 4, "platforms": ["p1", "p3"]}


def test_what_is_counted_only_is_said(gateway):
    gateway.write(RULES + '[[platform]]\nid = "s"\ndomains = ["s.example"]\nenforce = false\n')
    gateway.run("compile")
    assert "in shadow       1 entry is counted only" in gateway.run("status").out


def watched(gateway, *options):
    """Return what `status --watch` wrote to a pipe, a look a tenth of a second, and its status."""
    process = subprocess.Popen(
        gateway.argv("status", "--watch", "0.1", *options), stdout=subprocess.PIPE, text=True
    )
    with process:
        lines = [process.stdout.readline() for _ in range(24)]
        process.send_signal(signal.SIGINT)
        lines += process.stdout.readlines()
    return lines, process.returncode


def test_in_a_pipe_one_look_follows_the_other(gateway):
    gateway.run("compile")
    with planes(gateway, compiler=COMPILER, resolver=RESOLVER):
        lines, status = watched(gateway)
    looks = "".join(lines).split("\n\n20")
    assert status == 0
    assert len(looks) > 1
    for each in looks:
        assert re.match(r"(20)?\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC\nenforcing generation 1 by", each)
    assert "\x1b" not in "".join(lines)


def test_for_a_program_each_look_is_a_line_of_json(gateway):
    gateway.run("compile")
    with planes(gateway, resolver=RESOLVER):
        lines, status = watched(gateway, "--json")
    assert status == 4
    for line in lines:
        found = json.loads(line)
        assert found["enforcing"] is True
        assert found["daemons"] == {"compiler": None, "resolver": RESOLVER}


@pytest.mark.parametrize("words", [["--watch", "0"], ["--watch", "often"]])
def test_a_watch_that_is_no_time_is_wrong_use(gateway, words):
    assert gateway.run("status", *words).status == 2


def test_programs_are_given_the_verdict_too(gateway):
    gateway.run("compile")
    with planes(gateway, compiler={**COMPILER, "problem": "refused"}, resolver=RESOLVER):
        found = gateway.run("status", "--json").json
    assert found["enforcing"] is True
    assert (
        found["verdict"] == "enforcing generation 1 by the resolver; null routes are switched off"
    )
    assert found["attention"] == ["refused, generation 1 stays: refused"]
