"""The first page: what it says of every state, in both languages."""

import pytest

from blockd.web.pages import state
from blockd.web.words import Words
from tests.hypertext.test_markup import read
from tests.web.standings import compiler, notice, resolver, routes, standing


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


@pytest.mark.parametrize(("language", "word"), [("en", "notice"), ("zh", "通知服务")])
def test_the_notice_service_is_among_the_daemons_where_it_runs(language, word):
    assert word in text(language)
    assert "/run/x: no" in text(language, notice=notice(problem="/run/x: no"))
    assert word not in text(language, notice=None)


@pytest.mark.parametrize(("language", "words"), [("en", ", mended "), ("zh", ", 修复 ")])
def test_what_was_refused_is_still_shown_when_it_is_mended(language, words):
    last = {"problem": "<a.toml>: 5 errors", "since": "2026-11-24T12:00:00.5Z",
            "until": "2026-11-24T14:00:00Z"}  # fmt: skip
    shown = f"2026-11-24 12:00:00 UTC{words}2026-11-24 14:00:00 UTC: <a.toml>: 5 errors"
    assert shown in text(language, compiler=compiler(last_refused=last))
    assert words not in text(language)


def test_statuses_of_another_version_are_shown_as_far_as_they_go():
    bare = {name: {"plane": name} for name in ("compiler", "resolver", "routes")}
    assert "waiting" in text(**bare)
