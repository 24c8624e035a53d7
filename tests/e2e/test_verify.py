"""`blockd verify` from both places: all is right, and then each kind of thing that is wrong."""

import re
import sys

import msgspec
import pytest

from blockd.watchlist import formats
from tests.e2e import gateway as gateways
from tests.e2e.test_planes import KINDS
from tests.topology import GATEWAY_V4, GATEWAY_V6

pytestmark = pytest.mark.root

LISTS = {**gateways.shipped(), "kinds.toml": KINDS}
CANARIES = """
[guard]
must_resolve = ["www.unlisted.test", "198.18.0.9"]
must_block = ["www.exchange-001.example", "2001:db8:1::/64"]
"""


@pytest.fixture(scope="module")
def running(net, tmp_path_factory):
    with gateways.running(net, tmp_path_factory.mktemp("verify"), LISTS, routes=CANARIES) as made:
        yield made


def here(running, *words):
    """Verify on the gateway; return the exit status and the report."""
    return _report(running.blockd("verify", "--json", *words))


def away(running, *words):
    """Verify from the client's namespace, with the gateway's state."""
    argv = [sys.executable, "-m", "blockd", "--config", str(running.config)]
    argv += ["--state", str(running.state), "verify", "--json", "--server", *words]
    return _report(running.net.client.run(*argv, check=False))


def _report(done):
    assert not done.stderr, done.stderr
    return done.returncode, msgspec.json.decode(done.stdout)


def counted(report):
    return {kind: tuple(count.values()) for kind, count in report["checked"].items()}


@pytest.fixture(scope="module")
def sizes():
    parsed = [formats.parse(text.encode(), name) for name, text in LISTS.items()]
    names = {entry.name for each in parsed for entry in each.names if not entry.rule.allow}
    excepted = {entry.name for each in parsed for entry in each.names if entry.rule.allow}
    return len(names), len(excepted)


def test_on_the_gateway_every_entry_is_right_on_both_planes(running, sizes):
    status, report = here(running)
    assert (status, report["failures"], report["unclear"]) == (0, [], [])
    assert (report["place"], report["not_checked"]) == ("gateway", {})
    found = counted(report)
    assert found["canaries"] == (2, 0, 0)
    assert found["canaries by route"] == found["canaries by packet"] == (2, 0, 0)
    # Entries of `*.name` have nothing to say about the name itself.
    assert found["names"][0] <= sizes[0] < found["names"][0] + found["names below"][0]
    assert found["exceptions"] == (sizes[1], 0, 0)
    assert found["prefixes by route"] == found["prefixes by packet"]
    assert found["prefixes by route"][0] > 300
    assert found["excepted prefixes by packet"][0] >= 7


def test_from_a_client_names_and_packets_are_right(running):
    status, report = away(running, f"[{GATEWAY_V6}]:53")
    assert (status, report["failures"], report["unclear"]) == (0, [], [])
    assert (report["place"], set(report["not_checked"])) == ("client", {"routes"})
    found = counted(report)
    assert found["prefixes by packet"][0] > 300
    assert found["excepted prefixes by packet"][0] >= 7


def test_names_that_the_resolver_does_not_know_of_are_found(running, tmp_path):
    more = tmp_path / "more.txt"
    more.write_text("new-one.test\nnew-two.test\n")
    ahead = tmp_path / "blockd.toml"
    ahead.write_text(running.config.read_text().replace("paths = [", f"paths = ['{more}', "))
    argv = [sys.executable, "-m", "blockd", "--config", str(ahead), "--state", str(tmp_path / "s")]
    assert running.net.gateway.run(*argv, "compile", check=False).returncode == 0
    words = ["verify", "--json", "--sample", "0", "--server", GATEWAY_V4]
    status, report = _report(running.net.gateway.run(*argv, *words, check=False))
    assert status == 1
    why = "answered as if it were not listed (rcode 0, 1 record)"
    assert sorted(report["failures"]) == [
        ["names", "new-one.test", why], ["names", "new-two.test", why],
    ]  # fmt: skip


def test_packets_that_pass_and_those_that_should_are_found_from_both_places(running):
    space = running.net.gateway
    space.ip("rule add pref 100 to 198.18.40.16/28 blackhole")
    space.ip("rule add pref 101 lookup main")
    try:
        status, here_report = here(running, "--sample", "0")
        assert status == 1
        status, report = away(running, GATEWAY_V4, "--sample", "0")
        assert status == 1
    finally:
        space.ip("rule del pref 100")
        space.ip("rule del pref 101")
    found = counted(here_report)
    assert found["names"][1] == 0
    assert found["excepted prefixes by route"][1] == 2
    assert found["prefixes by packet"][1] > 100
    whys = {why for kind, _, why in here_report["failures"] if kind == "prefixes by route"}
    assert "unicast 0.0.0.0/0 in table main (from this host)" in whys
    kinds = [(what, why) for kind, what, why in report["failures"] if kind.startswith("pref")]
    assert (
        "198.18.1.0", f"a packet got past the blackhole route: ICMP 11/0 from {GATEWAY_V4}"
    ) in kinds  # fmt: skip
    # Of IPv6, which no rule leads past, all is right.
    assert not [what for what, _ in kinds if ":" in what]
    assert counted(report)["excepted prefixes by packet"][1] == 2


def test_nobody_at_the_address_is_status_4(running):
    done = running.blockd("verify", "--server", f"{GATEWAY_V4}:5")
    assert done.returncode == 4
    assert f"{GATEWAY_V4}:5 cannot be asked: Connection refused" in done.stderr


def test_the_result_is_left_for_status(running):
    assert here(running, "--record", "--sample", "0")[0] == 0
    said = running.blockd("status")
    assert said.returncode == 0
    assert re.search(r"(?m)^verified +nothing wrong of \d+, generation 1, ", said.stdout)
