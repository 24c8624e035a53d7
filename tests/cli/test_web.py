"""`blockd web` on the command line; what it shows is tested in tests/web."""

import pytest

from tests.cli.program import run


@pytest.mark.parametrize("address", ["0.0.0.0:9353", "198.18.0.1:9353", "[2001:db8::1]:9353"])
def test_an_address_that_others_can_reach_is_refused(gateway, address):
    gateway.configure(f'\n[service]\nmetrics = "{address}"\n')
    done = gateway.run("web")
    assert done.status == 2
    assert f"{address} is not a loopback address" in done.err


def test_its_help_says_where_it_shows():
    assert "loopback" in run("web", "--help").out
