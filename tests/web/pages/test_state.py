"""The first page: what it says of every state, in both languages."""

import pytest

from blockd.web.pages import state
from blockd.web.words import Words
from tests.web.standings import compiler, resolver, routes, standing
from tests.web.test_markup import read


def text(language="en", **changed):
    return read(state.show(Words(language), standing(**changed), [])).text


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, "Both planes enforce generation 7."),
        ({"resolver": None}, "resolver: no answer from its control socket"),
        ({"routes": routes(enforcing=False)}, "The list is not enforced as it should be."),
        ({"compiler": compiler(problem="a.toml:1: error: bad")}, "a.toml:1: error: bad"),
        ({"record": None}, "run `blockd compile`"),
        ({"resolver": resolver(platforms={})}, "Nothing has been blocked"),
        ({"resolver": resolver(outcomes={"sinkholed": 1234567})}, "1,234,567"),
    ],
)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_it_says_how_it_stands(changed, said, language):
    found = text(language, **changed)
    if language == "en":
        assert said in found
    else:
        assert "状态" in found


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (None, "not running"), (resolver(ready=False), "waiting"), (resolver(), "ready"),
        (resolver(problem="x"), "problem"), (routes(enforcing=False), "problem"),
    ],
)  # fmt: skip
def test_a_daemon_has_one_word(status, word):
    assert state._state(status) == word


def test_a_gateway_without_routes_says_that_they_are_off():
    whole = standing()
    daemons = {name: whole.daemons[name] for name in ("compiler", "resolver")}
    found = read(state.show(Words("en"), whole._replace(daemons=daemons), [])).text
    assert "null routes are switched off" in found
    assert "last full scan" not in found


def test_statuses_of_another_version_are_shown_as_far_as_they_go():
    bare = {name: {"plane": name} for name in ("compiler", "resolver", "routes")}
    assert "waiting" in text(**bare)
