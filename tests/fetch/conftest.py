"""Shared by the fetcher's tests."""

import pytest

from tests.fetch.server import Server


@pytest.fixture(scope="module")
def web_server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("web")).running() as server:
        yield server


@pytest.fixture
def server(web_server):
    """A web server without pages."""
    web_server.pages.clear()
    web_server.asked.clear()
    return web_server
