"""Lists that must change nothing, one after the other, on a gateway that runs."""

import pytest

from tests.e2e import gateway as gateways
from tests.e2e.gateway import shipped, until

pytestmark = pytest.mark.root

LIST = "platforms.toml"
GOOD = shipped()[LIST]
FEED = "".join(f"feed-{number}.example\n" for number in range(50))


@pytest.fixture(scope="module")
def running(net, tmp_path_factory):
    with gateways.running(
        net, tmp_path_factory.mktemp("gateway"), {**shipped(), "feed.txt": FEED}
    ) as made:
        yield made


def line_of(text):
    """Return the first line of the good list that holds a text."""
    return GOOD[: GOOD.index(text)].count("\n") + 1


def swapped(old, new):
    return GOOD.replace(old, new, 1), line_of(old)


@pytest.mark.parametrize(
    ("name", "content", "line", "status"),
    [
        pytest.param(LIST, *swapped('id = "p007"', 'id = "p007'), 1, id="no-toml"),
        pytest.param(LIST, *swapped("198.18.2.64/26", "198.18.2.64/63"), 1, id="no-prefix"),
        pytest.param(LIST, *swapped("listed = 2018", "listd = 2018"), 1, id="unknown-key"),
        pytest.param(LIST, *swapped("exchange-002.", "exchange..002."), 1, id="no-name"),
        pytest.param(LIST, "<!DOCTYPE html>\n<html>Sign in</html>\n", 1, 1, id="html-page"),
        pytest.param(LIST, GOOD[: GOOD.index('"p099"') + 4], line_of('"p099"'), 1, id="cut-off"),
        pytest.param(LIST, "", None, 1, id="empty"),
        pytest.param(LIST, *swapped("198.18.2.64/26", "198.18.0.0/15"), 3, id="too-wide"),
        pytest.param(LIST, *swapped("198.18.2.64/26", "10.53.0.2/32"), 3, id="private"),
        pytest.param(LIST, *swapped("exchange-002.example", "example"), 3, id="top-level-name"),
        pytest.param("feed.txt", FEED[:-5], 50, 1, id="feed-cut-off"),
        pytest.param("feed.txt", FEED.replace("-", " -"), 1, 1, id="feed-over-budget"),
    ],
)
def test_a_bad_list_changes_nothing_and_says_where_it_is_wrong(
    running, client, name, content, line, status
):
    good = (running.rules / name).read_text()
    routes = running.routes()

    running.put(name, content)
    until(lambda: running.ask("compiler")["problem"], running.said)
    compiled = running.blockd("compile", "--wait")
    assert compiled.returncode == status, compiled
    assert f"{name}:{line}: " in compiled.stderr or line is None, compiled.stderr
    assert "nothing was changed" in compiled.stderr
    assert running.enforced() == [1, 1]
    assert running.routes() == routes
    assert client.blocked("www.exchange-002.example")
    assert client.reached(["198.18.2.65", "198.18.0.9"]) == {"198.18.0.9"}

    running.put(name, good)
    until(lambda: not running.ask("compiler")["problem"], running.said)
    assert running.enforced() == [1, 1]


def test_a_problem_is_shown_by_status_until_it_is_mended(running):
    assert running.blockd("status").returncode == 0
    running.put("more.toml", "<html>\n")
    problem = until(lambda: running.ask("compiler")["problem"], running.said)
    shown = running.blockd("status")
    assert shown.returncode == 1
    verdict, refusal, *_ = shown.stdout.splitlines()
    assert verdict == "enforcing generation 1 on both planes"
    assert refusal.startswith("attention: refused since ")
    assert refusal.endswith(f" UTC, generation 1 stays: {problem}")
    assert "more.toml" in problem
    (running.rules / "more.toml").unlink()
    until(lambda: not running.ask("compiler")["problem"], running.said)
    assert running.blockd("status").returncode == 0
    assert running.said().splitlines()[-1].endswith("mended: the lists are accepted again")
