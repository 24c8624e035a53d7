"""Standings of a gateway as its daemons' own statuses give them, for tests that are pure."""

from datetime import UTC, date, datetime

from blockd.policy.record import Record
from blockd.service.standing import Fetched, Standing

COMMITTED = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def record(number=7, **more):
    fields = {
        "number": number, "committed": COMMITTED, "reason": "changed", "inputs": "", "content": "",
        "file_sha256": "", "sources": (), "rules": 127, "names": 296, "prefixes": 187, "added": 1,
        "removed": 2, "changed": 3, "shortest_v4": 16, "shortest_v6": 32,
        "changes_on": date(2027, 1, 1),
    }  # fmt: skip
    return Record(**fields | more)


def compiler(**more):
    return {"plane": "compiler", "ready": True, "generation": 7, "problem": "",
            "problem_since": None, "issues": [], "issue_count": 0,
            "held": False} | more  # fmt: skip


def resolver(**more):
    return {
        "plane": "resolver", "ready": True, "generation": 7, "names": 296, "problem": "",
        "listen": ["127.0.0.1:53"], "in_flight": 1, "crowded_out": 4,
        "mismatched": 2, "unsent": 3,
        "cache": {"answers": 10, "octets": 2048},
        "latency": {"bounds": [0.001, 1.0], "counts": [5, 4, 1], "seconds": 2.5},
        "outcomes": {"sinkholed": 8, "forwarded": 10, "failed": 1},
        "platforms": {"p001": 5, "p002": 3}, "shadowed": {"p003": 4},
        "upstreams": [
            {"address": "198.18.0.53:53", "sent": 10, "answered": 9, "timeouts": 1, "silent": False,
             "suspected": False, "rtt_ms": 12.5},
            {"zone": "corp.example", "address": "198.18.0.53:53", "sent": 2, "answered": 0,
             "timeouts": 2, "silent": True, "suspected": False, "rtt_ms": 2.5},
        ],
    } | more  # fmt: skip


def routes(**more):
    return {
        "plane": "routes", "ready": True, "generation": 7, "enforcing": True, "problems": [],
        "desired": 171, "actual": 171, "missing": 0, "last_scan": 1795560863.5,
        "last_repair": 1795560000.0,
        "counters": {"installed": 171, "withdrawn": 0, "restored": 1, "refused": 0, "foreign": 0,
                     "cut": 0, "bypasses": 0, "passes": 3, "scans": 2, "swaps": 0},
    } | more  # fmt: skip


def notice(**more):
    return {"plane": "notice", "ready": True, "generation": 7, "problem": "",
            "answered": {"p001": 2}, "others": 1} | more  # fmt: skip


def verified(right=500, wrong=0):
    counts = {"right": right, "wrong": wrong, "unclear": 1}
    routes_too = {"right": 10, "wrong": 0, "unclear": 0}
    return {"started": "2026-11-24T12:00:00Z", "checked": {"name": counts, "route": routes_too}}


def standing(**changed):
    """Return a gateway on which all is well, but for what is given."""
    parts = {"record": record(), "compiler": compiler(), "resolver": resolver(),
             "routes": routes(), "verified": verified(), "notice": notice(),
             "fetched": Fetched(0, COMMITTED)} | changed  # fmt: skip
    return Standing(
        parts.pop("record"), verified=parts.pop("verified"), notice=parts.pop("notice"),
        fetched=parts.pop("fetched"), daemons=parts,
    )  # fmt: skip
