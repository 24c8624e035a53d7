"""Readiness: both planes enforce the generation in force, and what is said when they do not."""

import pytest

from blockd.web import health
from tests.web.standings import compiler, record, resolver, routes, standing


@pytest.mark.parametrize(
    ("changed", "reasons"),
    [
        ({}, []),
        ({"compiler": None}, []),
        ({"compiler": compiler(problem="refused")}, []),
        ({"record": None}, ["no generation"]),
        ({"resolver": None}, ["resolver: no answer"]),
        ({"routes": None}, ["routes: no answer"]),
        ({"resolver": resolver(ready=False)}, ["resolver: not ready"]),
        ({"resolver": resolver(generation=6)}, ["resolver: enforces generation 6 instead of 7"]),
        ({"resolver": resolver(generation=None)}, ["generation none instead of 7"]),
        ({"resolver": resolver(generation=8)}, []),  # committed after the record was read
        ({"routes": routes(generation=6, problems=["no room"])}, ["6 instead of 7; no room"]),
        ({"routes": routes(enforcing=False)}, ["routes: packets to listed prefixes may pass"]),
        ({"resolver": None, "routes": None}, ["resolver: no answer", "routes: no answer"]),
        ({"record": record(number=9)}, ["resolver: enforces", "routes: enforces"]),
    ],
)
def test_what_keeps_the_gateway_from_being_ready(changed, reasons):
    found = health.unready(standing(**changed))
    assert len(found) == len(reasons)
    for said, expected in zip(found, reasons, strict=True):
        assert expected in said


def test_planes_that_are_not_to_run_are_not_missed():
    whole = standing()
    alone = {name: whole.daemons[name] for name in ("compiler", "resolver")}
    assert health.unready(whole._replace(daemons=alone)) == []
