"""The measurement of routes measures: on its smallest table, against the real kernel."""

import re

import pytest

from blockd import prefixes as everywhere
from tests.bench import bulk, changes, prefixes, routes
from tests.bench.forwarding import Forwarded
from tests.bench.repair import Followed, Lived, Repaired, Size


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("count", [1, 124, 5000])
def test_no_two_prefixes_collapse_and_unlisted_addresses_lie_outside(family, count):
    made = dict.fromkeys(prefixes.made(family, count), "blackhole")
    assert everywhere.collapse(made) == made
    whole = everywhere.parse(prefixes.WHOLE[family])
    assert all(whole.covers(prefix) for prefix in made)
    for packed in prefixes.unlisted(family, count, 100):
        width = 8 * len(packed)
        address = everywhere.Prefix(family, int.from_bytes(packed, "big"), width)
        assert whole.covers(address)
        assert everywhere.longest_match(address, made) is None


@pytest.mark.root
def test_every_step_is_measured_and_shown():
    changed = changes.measure((124,))
    assert {(c.step, c.family) for c in changed} == {
        (step, family)
        for step in ("install", "replace", "check", "withdraw")
        for family in (4, 6)
    }  # fmt: skip
    for c in changed:
        assert min(c.blockd_ms, c.plan_ms, c.scan_ms, c.ip_ms) > 0, c
        assert (c.change_ms > 0) == (c.step != "check"), c
    lived = Lived(
        [Followed(171, 9.4, 24.9)], [Repaired(171, 1, 1.5, 9.1, 0.1)], [Size(171, 31, 20)]
    )
    packets = [Forwarded(f, n, 9, 2500, 1.0, 2.0) for f in (4, 6) for n in (0, 1)]
    (four, six) = bulk.measure(1000)
    assert (four.family, six.family, four.routes) == (4, 6, 1000)
    assert min(four.none_us, four.routes_us, six.none_us, six.routes_us) > 0
    text = routes.text(routes.Results(changed, lived, packets, [four, six]))
    assert "| IPv6, 1,000 routes |" in text
    assert (
        len(re.findall(r"^\| (install|replace|withdraw) \| 124 IPv[46] ", text, re.MULTILINE)) == 6
    )
    assert "| 171 routes, 1 deleted and back | 1.5 | 9.1 |" in text
    assert "| the rule, 1 route | 2,500 | +1.0 % | +2.0 % | 2,500 |" in text
    assert routes.plot(changed).count("<rect") == 1 + 8 * 4
