"""Daemons that are down, behind or complaining, and lists that have run out."""

from datetime import UTC, date, datetime

import pytest

from blockd.doctor import daemons
from blockd.policy.record import Record

WELL = {"generation": 7, "problem": "", "problems": []}


def record(**changes):
    return Record(**{
        "number": 7, "committed": datetime(2026, 1, 1, tzinfo=UTC), "reason": "changed",
        "inputs": "", "content": "", "file_sha256": "", "sources": (), "rules": 1, "names": 3,
        "prefixes": 2, "added": 0, "removed": 0, "changed": 0, "shortest_v4": 16,
        "shortest_v6": 32, **changes,
    })  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "path", "said"),
    [
        (WELL, "/run/x.sock", ""),
        (None, "/run/x.sock", "the resolver does not answer on /run/x.sock"),
        (None, "", "the resolver does not run: it has no control socket"),
    ],
)
def test_a_daemon_that_cannot_be_asked_is_found(answer, path, said):
    found = daemons.silent({"resolver": answer}, {"resolver": path})
    assert [each.what for each in found] == ([said] if said else [])
    assert all("journalctl -u blockd-resolver.service" in each.remedy for each in found)


@pytest.mark.parametrize(
    ("answers", "current", "said"),
    [
        ({"resolver": WELL, "routes": WELL}, 7, []),
        ({"resolver": WELL, "routes": None}, 7, []),  # told of by `silent`
        ({"resolver": WELL, "routes": WELL}, 8, ["the resolver is at generation 7, and 8",
                                                 "the route daemon is at generation 7"]),
        ({"resolver": {**WELL, "generation": None}}, 7, ["at generation none, and 7"]),
        ({}, None, ["no generation yet"]),
    ],
)  # fmt: skip
def test_a_plane_that_does_not_follow_is_found(answers, current, said):
    found = daemons.behind(answers, current)
    assert len(found) == len(said)
    assert all(part in each.what for part, each in zip(said, found, strict=True))


def test_what_daemons_say_is_passed_on_once_for_each():
    answers = {
        "compiler": {"problem": "list refused"},
        "routes": {"problems": ["a", "b"]},
        "resolver": None,
    }
    assert [each.what for each in daemons.reported(answers)] == [
        "the compiler reports: list refused",
        "the route daemon reports: a",
        "the route daemon reports: b",
    ]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, ""),
        (record(), ""),
        (record(changes_on=date(2026, 3, 2)), ""),
        (record(changes_on=date(2026, 3, 1)), "expired before 2026-03-01 are still in force"),
        (record(names=0), ""),
        (record(names=0, prefixes=0), "the list is empty"),
    ],
)
def test_a_list_that_has_run_out_is_found(given, said):
    found = daemons.expired(given, date(2026, 3, 1))
    assert [said in each.what for each in found] == [True] * bool(said)


def upstream(address, *, silent, **more):
    return {"address": address, "silent": silent, **more}


ONE, OTHER = "198.18.0.53", "tls://198.18.0.54#dns.example"
ALL_SILENT = (
    f"upstream {ONE} gives no answer, nor does any other: what is not in the cache fails with"
    " SERVFAIL"
)
INNER = {"zone": "corp.example", "address": "10.0.0.53"}


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (None, []),  # told of by `silent`
        ({}, []),
        ({"upstreams": [upstream(ONE, silent=False)]}, []),
        (
            {"upstreams": [upstream(ONE, silent=False), upstream(OTHER, silent=True)]},
            [f"upstream {OTHER} gives no answer"],
        ),
        (
            {"upstreams": [upstream(ONE, silent=True), {**INNER, "silent": False}]},
            [
                ALL_SILENT,
            ],
        ),
        (
            {"upstreams": [upstream(ONE, silent=False), {**INNER, "silent": True}]},
            ["upstream 10.0.0.53, for corp.example, gives no answer"],
        ),
    ],
)
def test_upstreams_that_give_no_answer_are_found(status, said):
    found = daemons.deaf({"resolver": status})
    assert [each.what for each in found] == said


@pytest.mark.parametrize(
    ("address", "more", "key"), [(ONE, {}, "upstreams"), (OTHER, {"zone": "a.example"}, "zones")]
)
def test_the_remedy_names_the_server_and_the_key(address, more, key):
    (found,) = daemons.deaf({"resolver": {"upstreams": [upstream(address, silent=True, **more)]}})
    assert f"[resolver] {key} and" in found.remedy
    assert "198.18.0.5" in found.remedy
    assert "#" not in found.remedy
