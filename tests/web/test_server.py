"""What every answer carries, and to whom: the real server, asked over loopback."""

import asyncio
import subprocess

import pytest
from aiohttp.test_utils import make_mocked_request

from blockd.web import server
from tests.web.test_metrics import promtool


@pytest.mark.parametrize("path", ["/metrics", "/healthz", "/readyz"])
def test_a_gateway_that_is_well_says_so(page, path):
    status, headers, text = page.get(path)
    assert status == 200
    assert text
    assert dict(headers).items() >= server.HEADERS.items()


def test_metrics_are_those_of_the_running_daemons(page):
    _, headers, text = page.get("/metrics")
    assert headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    for line in ("blockd_enforced 1", "blockd_compiler_up 1", "blockd_resolver_ready 1"):
        assert f"\n{line}\n" in text
    assert "blockd_routes" not in text
    lint = [promtool(), "check", "metrics"]
    done = subprocess.run(lint, check=False, capture_output=True, text=True, input=text)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("path", ["/metrics", "/readyz"])
def test_nothing_can_be_sent(page, method, path):
    status, headers, _ = page.get(path, method)
    assert status == 405
    assert headers["Allow"] == "GET, HEAD"
    assert dict(headers).items() >= server.HEADERS.items()


def test_what_is_not_there_is_not_found(page):
    status, headers, text = page.get("/etc/passwd")
    assert (status, text) == (404, "404 Not Found\n")
    assert dict(headers).items() >= server.HEADERS.items()


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("localhost", True), ("LOCALHOST.:9353", True), ("127.0.0.1:9353", True),
        ("127.9.9.9", True), ("[::1]:9353", True), ("[::1]", True),
        ("evil.example", False), ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("198.18.0.1:9353", False), ("[2001:db8::1]", False), ("", False), ("[", False),
    ],
)  # fmt: skip
def test_it_answers_to_the_names_of_loopback_alone(host, own):
    assert server.is_loopback(host) is own


def test_another_host_that_points_here_reads_nothing(page):
    status, headers, text = page.get("/metrics", Host="evil.example")
    assert status == 421
    assert "blockd_" not in text
    assert dict(headers).items() >= server.HEADERS.items()


def test_what_was_searched_is_not_logged_when_it_cannot_be_shown(caplog):
    async def fails(request):
        raise KeyError(request.query["q"])

    asked = make_mocked_request("GET", "/search?q=private.example", {"Host": "localhost"})
    answer = asyncio.run(server._guarded(asked, fails))
    assert (answer.status, answer.text) == (
        500, "blockd could not show this; its log says why\n"
    )  # fmt: skip
    assert dict(answer.headers).items() >= server.HEADERS.items()
    assert "/search could not be shown: KeyError" in caplog.text
    assert "private" not in caplog.text
