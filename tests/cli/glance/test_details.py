"""The facts below the verdict."""

from datetime import UTC, datetime, timedelta

import pytest

from blockd.cli.glance import details
from blockd.errors import AbsentError, UnreachableError
from tests.web.standings import compiler, resolver, routes

MOMENT = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "when", [MOMENT, MOMENT.timestamp(), MOMENT.isoformat(), "2026-11-24T13:00:00+01:00"]
)
def test_a_moment_is_shown_in_one_form_wherever_it_comes_from(when):
    assert details.moment(when) == "2026-11-24 12:00:00 UTC"


@pytest.mark.parametrize("when", [None, "", 0])
def test_no_moment_is_shown_as_nothing(when):
    assert details.moment(when) == ""


@pytest.mark.parametrize(
    ("passed", "said"),
    [
        ({"seconds": -5}, "just now"),
        ({"seconds": 59}, "just now"),
        ({"seconds": 60}, "1 minute ago"),
        ({"minutes": 59}, "59 minutes ago"),
        ({"hours": 1, "minutes": 59}, "1 hour ago"),
        ({"days": 3, "hours": 2}, "3 days ago"),
    ],
)
def test_a_time_that_has_passed_is_told_in_its_largest_unit(passed, said):
    assert details._ago(timedelta(**passed)) == said


def test_what_was_refused_is_still_told_when_it_is_mended():
    last = {"problem": "a.toml: 5 errors", "since": MOMENT.isoformat(),
            "until": (MOMENT + timedelta(hours=2)).isoformat()}  # fmt: skip
    assert list(details._mended(compiler(last_refused=last))) == [
        (
            "last refused",
            "2026-11-24 12:00:00 UTC, mended 2026-11-24 14:00:00 UTC: a.toml: 5 errors",
        )
    ]
    for status in ({}, compiler(), compiler(last_refused=None)):
        assert not list(details._mended(status))


@pytest.mark.parametrize(
    ("name", "status", "row"),
    [
        ("compiler", compiler(paths=["/a", "/b"]), ("ready", 7, "/a, /b")),
        ("resolver", resolver(), ("ready", 7, "296 names on 127.0.0.1:53")),
        ("resolver", resolver(ready=False), ("waiting", 7, "296 names on 127.0.0.1:53")),
        ("resolver", resolver(problem="x"), ("problem", 7, "296 names on 127.0.0.1:53")),
        ("routes", routes(), ("ready", 7, "171 of 171 routes")),
        ("routes", routes(missing=1, actual=170, enforcing=False),
         ("problem", 7, "170 of 171 routes, 1 missing")),
    ],
)  # fmt: skip
def test_a_daemon_has_a_row(name, status, row):
    assert details.daemon(name, status, {}) == (name, *row)


@pytest.mark.parametrize(
    ("error", "state"), [(AbsentError("x"), "not running"), (UnreachableError("x"), "silent")]
)
def test_one_that_hangs_is_told_from_one_that_is_not_there(error, state):
    name, said, number, why = details.daemon("routes", None, {"routes": error})
    assert (name, said, number, str(why)) == ("routes", state, "", "x")


@pytest.mark.parametrize("name", ["compiler", "resolver", "routes"])
@pytest.mark.parametrize("more", [{}, {"generation": 7}, {"generation": 7, "desired": 3}])
def test_a_status_of_another_version_is_shown_as_far_as_it_goes(name, more):
    status = {"plane": name, **more}
    assert details.daemon(name, status, {})[0] == name
    facts = {**dict(details.resolver(status)), **dict(details.routes(status))}
    assert "queries" not in facts
    assert ("routes" in facts) is ("desired" in more)


def test_the_upstream_of_a_zone_is_told_from_the_others():
    facts = dict(details.resolver(resolver()))
    assert "; for corp.example; silent" in facts["upstream 198.18.0.53:53"]
