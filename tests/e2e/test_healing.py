"""Others meddle with the table of a gateway that runs: what they take away comes back."""

import pytest

from tests.e2e import gateway as gateways
from tests.e2e.gateway import TABLE, shipped, until

pytestmark = pytest.mark.root


@pytest.fixture(scope="module")
def running(net, tmp_path_factory):
    with gateways.running(net, tmp_path_factory.mktemp("gateway"), shipped()) as made:
        yield made


@pytest.mark.parametrize(
    "damage",
    [
        [f"route del blackhole 198.18.1.0/28 table {TABLE}",
         f"-6 route del blackhole 2001:db8:1::/48 table {TABLE}"],
        [f"rule del preference {TABLE}", f"-6 rule del preference {TABLE}"],
        [f"route flush table {TABLE}", f"-6 route flush table {TABLE}"],
        [f"route replace throw 198.18.1.0/28 proto 177 table {TABLE}"],
        ["link set lo down", "link set lo up"],  # IPv6 null routes hang on it, and go with it
    ],
    ids=["routes", "rules", "flush", "type", "loopback"],
)  # fmt: skip
def test_what_others_damage_is_mended_at_once(running, client, net, damage):
    routes = running.routes()
    repaired = running.ask("routes")["last_repair"]
    for words in damage:
        net.gateway.ip(words)
    until(lambda: (running.routes(), running.ruled()) == (routes, ["-4", "-6"]), running.said, 5)
    until(lambda: running.ask("routes")["last_repair"] != repaired, running.said)
    status = running.ask("routes")
    assert (status["enforcing"], status["missing"]) == (True, 0)
    assert client.finds_in_force()
