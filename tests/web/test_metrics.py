"""The metrics: their names, their values, the README's table, and who may not be in them."""

import ipaddress
import os
import re
import shutil
import subprocess

import pytest

from blockd.service.standing import Fetched
from blockd.web import metrics
from blockd.web.exposition import Kind
from tests import topology
from tests.web.standings import (
    COMMITTED,
    compiler,
    record,
    resolver,
    routes,
    standing,
    verified,
)

README = (topology.repository() / "README.md").read_text("utf-8")
LABELS = {"", "outcome", "upstream", "platform"}


def promtool():
    if shutil.which("promtool") is None and os.environ.get("CI") == "true":
        pytest.fail("needs promtool (Debian: prometheus), and CI must not skip it", pytrace=False)
    return shutil.which("promtool") or pytest.skip("needs promtool (Debian: prometheus)")


def values(text):
    """Return each series with its value."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


def test_prometheus_own_lint_has_nothing_to_say():
    done = subprocess.run(
        [promtool(), "check", "metrics"], check=False, capture_output=True, text=True,
        input=metrics.text(standing(compiler=compiler(problem_since="2026-11-24T12:00:00Z"))),
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_names_follow_the_conventions_and_are_unique():
    names = [metric.name for metric in metrics.METRICS]
    assert len(set(names)) == len(names)
    for metric in metrics.METRICS:
        assert re.fullmatch(r"blockd(_[a-z]+)+", metric.name), metric.name
        assert metric.name.endswith("_total") is (metric.kind is Kind.COUNTER), metric.name
        assert metric.label in LABELS, metric.name


def test_every_metric_is_shown_when_all_is_known():
    text = metrics.text(standing(compiler=compiler(problem_since="2026-11-24T12:00:00Z")))
    shown = re.findall(r"^# TYPE (\S+)", text, re.MULTILINE)
    assert shown == [metric.name for metric in metrics.METRICS]


def test_the_readme_lists_every_metric_and_no_other():
    rows = re.findall(r"^\| `(blockd_\w+)` \| (\w+) \| (.*?) \| (.*) \|$", README, re.MULTILINE)
    assert rows == [
        (each.name, each.kind, f"`{each.label}`" if each.label else "", each.meaning)
        for each in metrics.METRICS
    ]


def test_values_are_those_of_the_statuses():
    found = values(metrics.text(standing()))
    assert found["blockd_enforced"] == 1
    assert found["blockd_generation"] == 7
    assert found["blockd_generation_expiry_timestamp_seconds"] == 1798761600  # 2027-01-01 UTC
    assert found['blockd_resolver_queries_total{outcome="sinkholed"}'] == 8
    assert found['blockd_resolver_blocked_total{platform="p001"}'] == 5
    assert found['blockd_resolver_forward_duration_seconds_bucket{le="1"}'] == 9
    assert found["blockd_resolver_cache_bytes"] == 2048
    assert found["blockd_routes_restored_total"] == 1


def test_an_upstream_of_several_zones_is_one():
    found = values(metrics.text(standing()))
    of = '{upstream="198.18.0.53:53"}'
    assert found[f"blockd_resolver_upstream_sent_total{of}"] == 12
    assert found[f"blockd_resolver_upstream_timeouts_total{of}"] == 3
    assert found[f"blockd_resolver_upstream_silent{of}"] == 1
    assert found[f"blockd_resolver_upstream_rtt_seconds{of}"] == 0.0125


def test_what_verification_found_is_a_gauge_and_absent_without_one():
    found = values(metrics.text(standing(verified=verified(wrong=3))))
    assert (found["blockd_verify_wrong"], found["blockd_verify_right"]) == (3, 510)
    assert found["blockd_verify_timestamp_seconds"] == COMMITTED.timestamp()
    assert "blockd_verify" not in metrics.text(standing(verified=None))


@pytest.mark.parametrize(
    ("fetched", "shown"),
    [
        (None, {}),
        (Fetched(2, None), {"problems": 2}),
        (Fetched(1, COMMITTED), {
            "problems": 1, "oldest_confirmed_timestamp_seconds": COMMITTED.timestamp(),
        }),
    ],
)  # fmt: skip
def test_what_was_fetched_is_shown_as_far_as_it_is_known(fetched, shown):
    found = values(metrics.text(standing(fetched=fetched)))
    assert {name: each for name, each in found.items() if name.startswith("blockd_fetch")} == {
        f"blockd_fetch_{name}": each for name, each in shown.items()
    }


def test_a_gateway_without_the_notice_service_says_nothing_of_it():
    assert values(metrics.text(standing()))['blockd_notice_answered_total{platform="p001"}'] == 2
    text = metrics.text(standing(notice=None))
    assert "blockd_notice" not in text
    assert "\nblockd_enforced 1\n" in text


@pytest.mark.parametrize("daemon", ["compiler", "resolver", "routes"])
def test_of_a_daemon_that_does_not_answer_only_that_is_said(daemon):
    found = values(metrics.text(standing(**{daemon: None})))
    assert {name for name in found if name.startswith(f"blockd_{daemon}_")} == {
        f"blockd_{daemon}_up"
    }
    assert found[f"blockd_{daemon}_up"] == 0
    assert found["blockd_enforced"] == (daemon == "compiler")


def test_a_gateway_without_routes_says_nothing_of_them():
    whole = standing()
    daemons = {name: each for name, each in whole.daemons.items() if name != "routes"}
    found = values(metrics.text(whole._replace(daemons=daemons)))
    assert not [name for name in found if name.startswith("blockd_routes")]
    assert found["blockd_enforced"] == 1


def test_without_a_generation_nothing_is_enforced():
    found = values(metrics.text(standing(record=None)))
    assert found["blockd_enforced"] == 0
    assert "blockd_generation" not in found


def test_statuses_of_another_version_leave_out_and_break_nothing():
    bare = standing(
        record=record(changes_on=None),
        compiler={"plane": "compiler"}, resolver={"plane": "resolver"}, routes={"plane": "routes"},
    )  # fmt: skip
    found = values(metrics.text(bare))
    assert found["blockd_resolver_up"] == 1
    assert "blockd_resolver_names" not in found


def test_no_address_is_shown_but_an_upstreams():
    """Whatever a status may come to hold, a client's address has no metric to stand in."""
    client = "198.18.77.77"
    text = metrics.text(
        standing(
            resolver=resolver(clients={client: 1}, problem=f"{client} asks too much"),
            routes=routes(problems=[client]),
        )
    )
    assert client not in text
    for word in re.findall(r"[\d.]+\.[\d.]+\.[\d.]+", text):
        assert ipaddress.ip_address(word) == ipaddress.ip_address("198.18.0.53")
