"""The alert rules and the dashboard: they know only metrics that exist, and alert when they should.

Prometheus' own program judges the rules and runs them over invented hours.
"""

import json
import re
import subprocess

import pytest

from blockd.web.metrics import METRICS
from tests import topology
from tests.web.test_metrics import promtool

PLACE = topology.repository() / "monitoring"
RULES = PLACE / "blockd.rules.yml"
DASHBOARD = PLACE / "grafana.json"

KNOWN = {metric.name: metric for metric in METRICS}
OF = '{instance="gw1", job="blockd"}'


def named(text):
    """Return every metric that a text names, a histogram's parts as the histogram."""
    found = set(re.findall(r"\bblockd_\w+", text))
    return {re.sub(r"(?<=_seconds)_(bucket|sum|count)$", "", name) for name in found}


def expressions(panel):
    return [target["expr"] for target in panel["targets"]]


@pytest.fixture(scope="module")
def dashboard():
    return json.loads(DASHBOARD.read_text("utf-8"))


@pytest.mark.parametrize("path", [RULES, DASHBOARD], ids=lambda path: path.name)
def test_every_metric_that_is_named_exists(path):
    assert named(path.read_text("utf-8")) <= set(KNOWN)


def test_every_file_is_tested_here():
    assert {path.name for path in PLACE.iterdir()} == {RULES.name, DASHBOARD.name}


def test_prometheus_accepts_the_rules():
    done = subprocess.run(
        [promtool(), "check", "rules", str(RULES)], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_expression_of_the_dashboard_is_one(dashboard, tmp_path):
    found = [each for panel in dashboard["panels"] for each in expressions(panel)]
    found += [each["expr"] for each in dashboard["annotations"]["list"]]
    rules = [
        {"record": f"blockd:{number}", "expr": expr.replace("$__rate_interval", "5m")}
        for number, expr in enumerate(found)
    ]
    path = tmp_path / "rules.yml"  # JSON is YAML
    path.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    done = subprocess.run(
        [promtool(), "check", "rules", "--lint=none", str(path)],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(rules)} rules found" in done.stdout


def test_counters_are_shown_as_rates_and_gauges_are_not(dashboard):
    for panel in dashboard["panels"]:
        for expr in expressions(panel):
            for name in named(expr):
                counted = KNOWN[name].kind != "gauge"
                assert bool(re.search(rf"(rate|increase)\({name}", expr)) is counted, expr


def test_labels_in_the_legend_are_labels_of_the_metric(dashboard):
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            labels = {KNOWN[name].label for name in named(target["expr"])} | {"instance"}
            assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= labels


def test_panels_do_not_lie_upon_each_other(dashboard):
    taken = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells


WELL = {
    "blockd_enforced": "1+0x120",
    "blockd_compiler_up": "1+0x120",
    "blockd_resolver_up": "1+0x120",
    "blockd_routes_up": "1+0x120",
    "blockd_compiler_held": "0+0x120",
    "blockd_resolver_generation": "7+0x120",
    "blockd_routes_generation": "7+0x120",
    "blockd_routes_missing": "0+0x120",
    "blockd_routes_restored_total": "0+1x120",
    "blockd_verify_wrong": "0+0x120",
    "blockd_verify_unclear": "0+0x120",
    "blockd_verify_timestamp_seconds": "0+60x120",
    "blockd_fetch_problems": "0+0x120",
    "blockd_fetch_oldest_confirmed_timestamp_seconds": "0+60x120",
    "blockd_resolver_mismatched_total": "0+5x120",
    "blockd_generation_expiry_timestamp_seconds": "86400+0x120",
    'blockd_resolver_upstream_silent{upstream="198.18.0.53:53"}': "0+0x120",
    'blockd_resolver_queries_total{outcome="failed"}': "0+4x120",
    'blockd_resolver_queries_total{outcome="cached"}': "0+96x120",
    "up": "1+0x120",
}
"""Two hours on which all is well, by the minute."""

ALERTS = {
    "BlockdNotWatched": {"up": "1+0x9 0+0x110", "blockd_enforced": "1+0x9 _x110"},
    "BlockdNotEnforced": {"blockd_enforced": "0+0x120"},
    "BlockdResolverDown": {"blockd_resolver_up": "0+0x120"},
    "BlockdRoutesDown": {"blockd_routes_up": "0+0x120"},
    "BlockdCompilerDown": {"blockd_compiler_up": "0+0x120"},
    "BlockdListRefused": {"blockd_compiler_problem_since_timestamp_seconds": "60+0x120"},
    "BlockdExpiryOverdue": {"blockd_generation_expiry_timestamp_seconds": "1200+0x120"},
    "BlockdPlanesDiffer": {"blockd_routes_generation": "6+0x120"},
    "BlockdRoutesMissing": {"blockd_routes_missing": "3+0x120"},
    "BlockdVerifiedWrong": {"blockd_verify_wrong": "2+0x120"},
    "BlockdRoutesFoughtOver": {"blockd_routes_restored_total": "0+10x120"},
    "BlockdUpstreamSilent": {
        'blockd_resolver_upstream_silent{upstream="198.18.0.53:53"}': "1+0x120"
    },
    "BlockdQueriesFail": {'blockd_resolver_queries_total{outcome="failed"}': "0+40x120"},
    "BlockdGuessedReplies": {"blockd_resolver_mismatched_total": "0+1200x120"},
}
"""What makes each alert fire within two hours, and no other."""

SLOW = {
    "BlockdChangeWaits": ({"blockd_compiler_held": "1+0x120"}, 1440),
    "BlockdVerifiedUnclear": ({"blockd_verify_unclear": "1+0x120"}, 360),
    "BlockdVerifiedLongAgo": ({"blockd_verify_timestamp_seconds": "0+0x120"}, 180 + 10),
    "BlockdFetchFails": ({"blockd_fetch_problems": "1+0x120"}, 360),
    "BlockdFetchedLongAgo": (
        {"blockd_fetch_oldest_confirmed_timestamp_seconds": "0+0x120"}, 2 * 1440 + 10,
    ),
}  # fmt: skip
"""What makes an alert fire, and no other, after so many minutes."""


def series(changed, minutes=120):
    found = []
    for name, values in (WELL | changed).items():
        labelled = name[:-1] + ', instance="gw1", job="blockd"}' if "{" in name else name + OF
        found.append({"series": labelled, "values": values.replace("x120", f"x{minutes}")})
    return found


def fired(tmp_path, changed, expected, minutes=100):
    """Let promtool run the rules over the series; it says which alerts fire at a minute."""
    names = {*ALERTS, *SLOW}
    groups = {
        "rule_files": [str(RULES)],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": series(changed, minutes + 20),
                "promql_expr_test": [
                    {
                        "expr": f'count(ALERTS{{alertname="{name}", alertstate="firing"}})',
                        "eval_time": f"{minutes}m",
                        "exp_samples": [{"labels": "{}", "value": 1}] if name in expected else [],
                    }
                    for name in sorted(names)
                ],
            }
        ],
    }
    path = tmp_path / "test.yml"
    path.write_text(json.dumps(groups))
    return subprocess.run(
        [promtool(), "test", "rules", str(path)], check=False, capture_output=True, text=True
    )


def test_every_alert_is_tested_and_says_what_to_do():
    text = RULES.read_text("utf-8")
    assert set(re.findall(r"- alert: (\w+)", text)) == {*ALERTS, *SLOW}
    alerts = text.split("- alert: ")[1:]
    for alert in alerts:
        for part in ("summary:", "description:", "severity:", "for:"):
            assert alert.count(part) == 1, alert


@pytest.mark.parametrize("alert", [None, *ALERTS])
def test_an_alert_fires_alone_and_for_its_reason(tmp_path, alert):
    done = fired(tmp_path, ALERTS.get(alert, {}), {alert} - {None})
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("alert", SLOW)
def test_what_may_pass_by_itself_is_told_when_it_has_lasted(tmp_path, alert):
    changed, minutes = SLOW[alert]
    changed = {"blockd_generation_expiry_timestamp_seconds": "8640000+0x120"} | changed
    assert fired(tmp_path, changed, set(), minutes - 10).returncode == 0
    done = fired(tmp_path, changed, {alert}, minutes + 10)
    assert done.returncode == 0, done.stdout + done.stderr
