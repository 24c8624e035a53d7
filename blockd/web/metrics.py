"""Every metric that is shown: its name, what it means, and where its value comes from. Pure.

A name is a contract with dashboards and alerts: add, do not rename. Labels are outcomes,
upstreams and platform ids; nothing here knows a client. Counters start again with the daemon
that counts, as `rate()` expects.
"""

from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, time
from typing import Any, NamedTuple

from blockd.service.standing import Standing, problems, unready
from blockd.web import exposition
from blockd.web.exposition import Distribution, Kind, Value


class Metric(NamedTuple):
    """One metric."""

    name: str
    kind: Kind
    meaning: str
    read: Callable[[Standing], Value]
    label: str = ""


def text(standing: Standing) -> str:
    """Return all metrics that are known, in Prometheus' text format."""
    found = (
        line
        for metric in METRICS
        for line in exposition.lines(
            metric.name, metric.kind, metric.meaning, metric.label, metric.read(standing)
        )
    )
    return "".join(f"{line}\n" for line in found)


def _at(daemon: str, *path: str) -> Callable[[Standing], Value]:
    """Return what reads a number in a daemon's status; one of another version may lack it."""

    def read(standing: Standing) -> Value:
        found: Any = standing.of(daemon)
        for key in path:
            found = found.get(key) if isinstance(found, dict) else None
        return found if isinstance(found, int | float) else None

    return read


def _up(daemon: str) -> Callable[[Standing], Value]:
    def read(standing: Standing) -> Value:
        return float(bool(standing.of(daemon))) if daemon in standing.daemons else None

    return read


def _problems(daemon: str) -> Callable[[Standing], Value]:
    def read(standing: Standing) -> Value:
        status = standing.of(daemon)
        return len(problems(status)) if status else None

    return read


def _by_key(key: str) -> Callable[[Standing], Value]:
    def read(standing: Standing) -> Value:
        return dict(standing.of("resolver").get(key, {}))

    return read


def _upstreams(key: str, scale: float = 1.0) -> Callable[[Standing], Value]:
    """Return what adds up an upstream's numbers; one may serve several zones."""

    def read(standing: Standing) -> Value:
        found: defaultdict[str, float] = defaultdict(float)
        for upstream in standing.of("resolver").get("upstreams", ()):
            found[upstream["address"]] += upstream.get(key, 0) * scale
        return found

    return read


def _slowest(standing: Standing) -> Value:
    found: dict[str, float] = {}
    for upstream in standing.of("resolver").get("upstreams", ()):
        seconds = round(upstream.get("rtt_ms", 0.0) / 1000, 6)
        found[upstream["address"]] = max(seconds, found.get(upstream["address"], 0.0))
    return found


def _silent(standing: Standing) -> Value:
    found: dict[str, float] = {}
    for upstream in standing.of("resolver").get("upstreams", ()):
        silent = float(bool(upstream.get("silent")))
        found[upstream["address"]] = max(silent, found.get(upstream["address"], 0.0))
    return found


def _latency(standing: Standing) -> Value:
    found = standing.of("resolver").get("latency")
    return Distribution(found["bounds"], found["counts"], found["seconds"]) if found else None


def _refused_since(standing: Standing) -> Value:
    since = standing.of("compiler").get("problem_since")
    return datetime.fromisoformat(since).timestamp() if since else None


def _verified(found: str) -> Callable[[Standing], Value]:
    """Return what adds up one finding of all kinds in the report of `blockd verify`."""

    def read(standing: Standing) -> Value:
        if standing.verified is None:
            return None
        counts = standing.verified.get("checked", {}).values()
        return float(sum(count.get(found, 0) for count in counts))

    return read


def _verified_at(standing: Standing) -> Value:
    started = (standing.verified or {}).get("started")
    return None if started is None else datetime.fromisoformat(started).timestamp()


def _told(standing: Standing) -> Value:
    return dict((standing.notice or {}).get("answered", {}))


def _unfetched(standing: Standing) -> Value:
    return standing.fetched.problems if standing.fetched else None


def _oldest(standing: Standing) -> Value:
    oldest = standing.fetched.oldest if standing.fetched else None
    return oldest.timestamp() if oldest else None


def _record(key: str) -> Callable[[Standing], Value]:
    def read(standing: Standing) -> Value:
        found: float | None = getattr(standing.record, key, None)
        return found

    return read


def _committed(standing: Standing) -> Value:
    return standing.record.committed.timestamp() if standing.record else None


def _expiry(standing: Standing) -> Value:
    day = standing.record.changes_on if standing.record else None
    return datetime.combine(day, time(), UTC).timestamp() if day else None


def _enforced(standing: Standing) -> Value:
    return float(not unready(standing))


def _issues(standing: Standing) -> Value:
    found = standing.of("compiler").get("issue_count")
    return None if found is None else float(found)


G, C, H = Kind.GAUGE, Kind.COUNTER, Kind.HISTOGRAM

METRICS = (
    Metric("blockd_enforced", G,
           "Whether both planes enforce the generation in force, as /readyz says", _enforced),
    Metric("blockd_generation", G, "Number of the generation in force", _record("number")),
    Metric("blockd_generation_committed_timestamp_seconds", G,
           "When the generation in force was committed", _committed),
    Metric("blockd_generation_expiry_timestamp_seconds", G,
           "When the next entry will have expired; absent: none expires", _expiry),
    Metric("blockd_generation_rules", G, "Platforms, feeds and exceptions in force",
           _record("rules")),
    Metric("blockd_generation_names", G, "Names in force", _record("names")),
    Metric("blockd_generation_prefixes", G, "Prefixes in force", _record("prefixes")),

    Metric("blockd_compiler_up", G, "Whether the compiler answers", _up("compiler")),
    Metric("blockd_compiler_problems", G,
           "Problems that the compiler reports; a refused list is one", _problems("compiler")),
    Metric("blockd_compiler_problem_since_timestamp_seconds", G,
           "Since when the lists are refused; absent: they are accepted", _refused_since),
    Metric("blockd_compiler_issues", G,
           "Issues of the last compile, up to 1,000 of a kind", _issues),
    Metric("blockd_compiler_held", G,
           "Whether changed lists wait after a rollback", _at("compiler", "held")),

    Metric("blockd_fetch_problems", G,
           "Lists that `blockd fetch` could not get; absent: none has a URL", _unfetched),
    Metric("blockd_fetch_oldest_confirmed_timestamp_seconds", G,
           "When the fetched list that has waited longest was last confirmed by its server",
           _oldest),

    Metric("blockd_resolver_up", G, "Whether the resolver answers", _up("resolver")),
    Metric("blockd_resolver_ready", G, "Whether the resolver serves", _at("resolver", "ready")),
    Metric("blockd_resolver_problems", G, "Problems that the resolver reports",
           _problems("resolver")),
    Metric("blockd_resolver_generation", G, "Generation that the resolver enforces",
           _at("resolver", "generation")),
    Metric("blockd_resolver_names", G, "Names that the resolver holds", _at("resolver", "names")),
    Metric("blockd_resolver_queries_total", C, "Queries by outcome", _by_key("outcomes"),
           "outcome"),
    Metric("blockd_resolver_blocked_total", C, "Answers that were blocked, by platform",
           _by_key("platforms"), "platform"),
    Metric("blockd_resolver_shadowed_total", C,
           "Answers that would be blocked if the platform were enforced, by platform",
           _by_key("shadowed"), "platform"),
    Metric("blockd_resolver_forward_duration_seconds", H,
           "How long forwarded questions took", _latency),
    Metric("blockd_resolver_in_flight", G, "Questions that wait for an upstream",
           _at("resolver", "in_flight")),
    Metric("blockd_resolver_crowded_out_total", C,
           "Questions refused or given up because too many waited",
           _at("resolver", "crowded_out")),
    Metric("blockd_resolver_mismatched_total", C,
           "Replies that fit no question of ours", _at("resolver", "mismatched")),
    Metric("blockd_resolver_unsent_total", C, "Answers that the kernel did not take",
           _at("resolver", "unsent")),
    Metric("blockd_resolver_cache_answers", G, "Answers in the cache",
           _at("resolver", "cache", "answers")),
    Metric("blockd_resolver_cache_bytes", G, "Octets of the cache",
           _at("resolver", "cache", "octets")),
    Metric("blockd_resolver_upstream_sent_total", C, "Questions sent, by upstream",
           _upstreams("sent"), "upstream"),
    Metric("blockd_resolver_upstream_answered_total", C, "Replies taken, by upstream",
           _upstreams("answered"), "upstream"),
    Metric("blockd_resolver_upstream_timeouts_total", C, "Questions without a reply, by upstream",
           _upstreams("timeouts"), "upstream"),
    Metric("blockd_resolver_upstream_silent", G,
           "Whether an upstream is taken to be silent, and probed", _silent, "upstream"),
    Metric("blockd_resolver_upstream_rtt_seconds", G,
           "Smoothed time to a reply, by upstream; the slowest of its zones", _slowest,
           "upstream"),

    Metric("blockd_routes_up", G, "Whether the route daemon answers", _up("routes")),
    Metric("blockd_routes_ready", G, "Whether the route daemon has made its first pass",
           _at("routes", "ready")),
    Metric("blockd_routes_problems", G, "Problems that the route daemon reports",
           _problems("routes")),
    Metric("blockd_routes_generation", G, "Generation that the null routes are of",
           _at("routes", "generation")),
    Metric("blockd_routes_enforcing", G, "Whether every listed packet meets its null route",
           _at("routes", "enforcing")),
    Metric("blockd_routes_desired", G, "Routes that the generation asks for",
           _at("routes", "desired")),
    Metric("blockd_routes_actual", G, "Routes of those that the kernel holds",
           _at("routes", "actual")),
    Metric("blockd_routes_missing", G, "Routes that are not as they should be",
           _at("routes", "missing")),
    Metric("blockd_routes_foreign", G, "Routes of others in blockd's tables",
           _at("routes", "counters", "foreign")),
    Metric("blockd_routes_cut", G, "Listed prefixes with a hole for what the gateway needs",
           _at("routes", "counters", "cut")),
    Metric("blockd_routes_bypasses", G, "Rules ahead of blockd's that look another table up",
           _at("routes", "counters", "bypasses")),
    Metric("blockd_routes_installed_total", C, "Routes that were installed",
           _at("routes", "counters", "installed")),
    Metric("blockd_routes_withdrawn_total", C, "Routes that were withdrawn",
           _at("routes", "counters", "withdrawn")),
    Metric("blockd_routes_restored_total", C, "Routes that others had deleted or replaced",
           _at("routes", "counters", "restored")),
    Metric("blockd_routes_refused_total", C, "Changes that the kernel refused",
           _at("routes", "counters", "refused")),
    Metric("blockd_routes_passes_total", C, "Passes over desired and actual routes",
           _at("routes", "counters", "passes")),
    Metric("blockd_routes_scans_total", C, "Full scans of the kernel's tables",
           _at("routes", "counters", "scans")),
    Metric("blockd_routes_swaps_total", C, "Complete replacements by the idle table",
           _at("routes", "counters", "swaps")),
    Metric("blockd_routes_last_scan_timestamp_seconds", G, "When the last full scan was",
           _at("routes", "last_scan")),
    Metric("blockd_routes_last_repair_timestamp_seconds", G,
           "When a route was last restored; absent: never", _at("routes", "last_repair")),
    Metric("blockd_notice_answered_total", C,
           "Requests for blocked names that the notice service answered, by platform", _told,
           "platform"),
    Metric("blockd_verify_right", G, "What the last `blockd verify --record` found right",
           _verified("right")),
    Metric("blockd_verify_wrong", G,
           "What the last `blockd verify --record` found wrong; absent: none since boot",
           _verified("wrong")),
    Metric("blockd_verify_unclear", G, "What the last `blockd verify --record` could not tell",
           _verified("unclear")),
    Metric("blockd_verify_timestamp_seconds", G, "When the last `blockd verify --record` began",
           _verified_at),
)  # fmt: skip
"""In the order in which they are shown, and stand in the README."""
