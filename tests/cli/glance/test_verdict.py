"""The verdict: whether all is well stands in the first line, and what is to be done below it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from blockd.cli.glance.look import Look
from blockd.cli.glance.verdict import show
from blockd.errors import AbsentError, UnreachableError
from blockd.fetch.spool import Note
from blockd.verify.report import Count, Report
from tests.web.standings import COMMITTED, compiler, record, resolver, routes, standing

WHOLE = {"table": 5354, "active": {"v4": 5354}, "cuts": [], "foreign": [], "bypassed_by": []}


def looked(*, silent=None, unread="", fetched=(), verified=None, alone=False, **changed):
    changed = {"routes": routes(**WHOLE), "notice": None, **changed}
    found = standing(**changed)
    if alone:
        found = found._replace(daemons={n: s for n, s in found.daemons.items() if n != "routes"})
    silent = silent or {}
    at = COMMITTED + timedelta(hours=5)
    return show(Look(at, Path("/state"), found, unread, silent, fetched, verified, []))


UPSTREAM = {"address": "198.18.0.53:53", "sent": 3, "answered": 0, "timeouts": 3, "silent": True}
OTHER = {**UPSTREAM, "address": "198.18.0.54:53", "silent": False}
GONE = "routes: no answer from its control socket"
LOST = "routes: packets to listed prefixes may pass, 3 of 171 routes are missing"
QUIET = resolver(upstreams=[OTHER])


@pytest.mark.parametrize(
    ("changed", "verdict"),
    [
        ({}, "enforcing generation 7 on both planes"),
        ({"alone": True}, "enforcing generation 7 by the resolver; null routes are switched off"),
        ({"compiler": None}, "enforcing generation 7 on both planes"),
        (
            {"routes": None},
            f"NOT ENFORCING: {GONE} (the resolver enforces generation 7)",
        ),
        (
            {"resolver": resolver(generation=6), "routes": None},
            f"NOT ENFORCING: resolver: enforces generation 6 instead of 7; {GONE}",
        ),
        (
            {"routes": routes(**WHOLE | {"enforcing": False, "missing": 3})},
            f"NOT ENFORCING: {LOST} (the resolver enforces generation 7)",
        ),
        (
            {"record": None, "unread": "no generation in /state yet; run `blockd compile`"},
            "NOT ENFORCING: no generation in /state yet; run `blockd compile`",
        ),
    ],
)
def test_the_verdict_is_one_line(changed, verdict):
    shown = looked(**changed)
    assert shown.verdict == verdict
    assert shown.is_well is verdict.startswith("enforcing")


SINCE = "2026-11-24T11:00:00Z"
ISSUES = [f"a.toml:{line}: error: bad" for line in range(1, 6)]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, []),
        (
            {"compiler": compiler(problem="a.toml: 5 errors", problem_since=SINCE,
                                  issues=["a.toml:1: warning: odd", *ISSUES],
                                  issue_count=6)},
            [
                "refused since 2026-11-24 11:00:00 UTC, generation 7 stays: a.toml: 5 errors",
                *(f"  {issue}" for issue in ISSUES[:3]),
                "  and 2 more: see `blockd check`",
            ],
        ),
        (
            {"compiler": compiler(problem="250 errors", issues=ISSUES, issue_count=250)},
            [
                "refused, generation 7 stays: 250 errors",
                *(f"  {issue}" for issue in ISSUES[:3]),
                "  and more: see `blockd check`",
            ],
        ),
        (
            {"compiler": compiler(problem="the error: bad", issues=ISSUES[:1])},
            ["refused, generation 7 stays: the error: bad"],
        ),
        (
            {"compiler": compiler(problem="too much", refused_change="9e0a")},
            [
                "refused, generation 7 stays: too much",
                "  if it is meant: `blockd compile --accept 9e0a`; see `blockd diff`",
            ],
        ),
        (
            {"compiler": compiler(problem="accept 9e0a", refused_change="9e0a")},
            ["refused, generation 7 stays: accept 9e0a"],
        ),
        (
            {"compiler": None, "silent": {"compiler": AbsentError("x")}},
            ["the compiler does not run: lists that change and entries that expire wait for it"],
        ),
        (
            {"compiler": None, "silent": {"compiler": UnreachableError("x")}},
            ["the compiler does not answer: lists that change and entries that expire wait for it"],
        ),
        (
            {"record": record(held_inputs="x")},
            [
                (
                    "held since a rollback: the lists as they are count again by `blockd compile"
                    " --resume`, or when one of them changes"
                ),
            ],
        ),
        ({"resolver": {**QUIET, "problem": "a loop"}}, ["resolver: a loop"]),
        (
            {"resolver": resolver(upstreams=[UPSTREAM])},
            ["no upstream answers (198.18.0.53:53): names that are not listed do not resolve"],
        ),
        (
            {"resolver": resolver(upstreams=[{**UPSTREAM, "zone": "corp.example"}, OTHER])},
            ["no upstream answers (198.18.0.53:53): names in corp.example do not resolve"],
        ),
        (
            {"resolver": resolver(upstreams=[UPSTREAM, OTHER])},
            ["silent upstream: 198.18.0.53:53; the others are asked"],
        ),
        (
            {"fetched": [Note(url="https://lists.example/a", problem="404"),
                         Note(url="https://lists.example/b")]},
            ["https://lists.example/a: 404"],
        ),
        (
            {"verified": Report(generation=7, server="x", place="gateway",
                                started=datetime(2026, 11, 24, tzinfo=UTC),
                                checked={"names": Count(right=5, wrong=2)})},
            ["`blockd verify` found 2 wrong, see below"],
        ),
    ],
)  # fmt: skip
def test_what_wants_attention_is_said_with_what_to_do(changed, said):
    assert list(looked(**{"resolver": QUIET} | changed).attention) == said


def test_where_nothing_runs_it_says_how_to_start_it():
    gone = dict.fromkeys(("compiler", "resolver", "routes"), AbsentError("x"))
    at = COMMITTED + timedelta(hours=5)
    nothing = standing(compiler=None, resolver=None, routes=None, notice=None)
    look = Look(at, Path("/state"), nothing, "", gone, (), None, [], "`blockd up` runs it")
    assert show(look).attention == ("nothing of blockd runs: `blockd up` runs it",)
    (said,) = show(look._replace(silent={"compiler": AbsentError("x")})).attention
    assert said.startswith("the compiler does not run: ")


def test_what_the_verdict_says_is_not_said_twice():
    shown = looked(resolver={**QUIET, "ready": False, "problem": "port 53 is taken"})
    assert "port 53 is taken" in shown.verdict
    assert shown.attention == ()
