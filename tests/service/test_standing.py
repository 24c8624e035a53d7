"""Which daemons there are to be, what is wrong with them, and whether both planes enforce."""

import pytest

from blockd.config import Config, RoutesSection
from blockd.service.standing import problems, unready, wanted
from tests.web.standings import compiler, record, resolver, routes, standing


@pytest.mark.parametrize(
    ("config", "names"),
    [
        (Config(), ["compiler", "resolver", "routes"]),
        (Config(routes=RoutesSection(enabled=False)), ["compiler", "resolver"]),
    ],
)
def test_the_daemons_are_those_of_the_configuration(config, names):
    assert wanted(config) == names


@pytest.mark.parametrize(
    ("status", "found"),
    [
        ({}, []),
        ({"problem": ""}, []),
        ({"problem": "a"}, ["a"]),
        ({"problems": ["a", "b"]}, ["a", "b"]),
        ({"problems": ["a"], "problem": "b"}, ["a", "b"]),
    ],
)
def test_problems_are_found_in_either_place(status, found):
    assert problems(status) == found


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
        ({"routes": routes(enforcing=False, missing=2)}, ["pass, 2 of 171 routes are missing"]),
        ({"routes": routes(enforcing=False, bypassed_by=["rule 1"])}, ["pass, bypassed by rule 1"]),
        ({"resolver": None, "routes": None}, ["resolver: no answer", "routes: no answer"]),
        ({"record": record(number=9)}, ["resolver: enforces", "routes: enforces"]),
    ],
)
def test_what_keeps_the_gateway_from_being_ready(changed, reasons):
    found = unready(standing(**changed))
    assert len(found) == len(reasons)
    for said, expected in zip(found, reasons, strict=True):
        assert expected in said


def test_planes_that_are_not_to_run_are_not_missed():
    whole = standing()
    alone = {name: whole.daemons[name] for name in ("compiler", "resolver")}
    assert unready(whole._replace(daemons=alone)) == []
