"""A list changes while the gateway runs: both planes follow, or nothing changes at all."""

import os
import signal
import statistics

import pytest

from tests.e2e import gateway as gateways
from tests.e2e.gateway import CONNECTED, TIMED_OUT, curl, dig, shipped, until

pytestmark = pytest.mark.root

CHANGES = 10
MOST = 2.0
"""Seconds from a rename to both planes, at worst. On an idle machine it takes a tenth of one."""

ADDED = """
[[platform]]
id = "p125"
domains = ["{}"]
prefixes = ["198.19.250.0/28", "2001:db8:250::/48"]
"""
NAME, V4, V6 = "exchange-125.example", "198.19.250.1", "2001:db8:250::1"
LISTED = "www.exchange-001.example"


def with_added(name=NAME):
    return shipped()["platforms.toml"] + ADDED.format(name)


@pytest.fixture
def running(make_gateway):
    made = make_gateway()
    made.start()
    made.await_generation(1)
    return made


def test_names_and_addresses_are_blocked_from_a_change_on_and_free_after_the_next(running, net):
    def seen():
        servers = [f"@{server}" for server in (gateways.GATEWAY_V4, gateways.GATEWAY_V6)]
        answers = [dig(net.client, server, NAME, "AAAA") for server in servers]
        codes = [word for text in answers for word in text.split() if word == "NXDOMAIN,"]
        return len(codes), [curl(net.client, address)[0] for address in (V4, V6)]

    assert seen() == (0, [CONNECTED, CONNECTED])
    for text, expected in (
        (with_added(), (2, [TIMED_OUT, TIMED_OUT])),
        (shipped()["platforms.toml"], (0, [CONNECTED, CONNECTED])),
    ):
        number = running.generation()
        running.put("platforms.toml", text)
        running.await_generation(number + 1)
        assert seen() == expected


@pytest.mark.alone
def test_both_planes_follow_a_renamed_list_within_a_fraction_of_a_second(running, client, capsys):
    milliseconds = []
    for change in range(CHANGES):
        add = change % 2 == 0
        text = with_added() if add else shipped()["platforms.toml"]
        renamed = running.put("platforms.toml", text)
        milliseconds.append(round(1000 * _followed(client, renamed, [add] * 3)))
    with capsys.disabled():
        print(
            f"\nfrom the rename to both planes: median {statistics.median(milliseconds):.0f} ms"
            f" of {milliseconds} (124 platforms, one added or removed)"
        )
    assert max(milliseconds) < 1000 * MOST


def _followed(client, renamed, expected):
    """Return the seconds until a client saw what is expected, and nothing else from then on."""
    run = []
    for at, seen in client.look(NAME, V4, V6):
        run = [*run, at - renamed] if seen == expected else []
        if len(run) == 10:
            return run[0]
        assert at - renamed < gateways.PATIENCE, f"{seen}, not {expected}"
    raise AssertionError


def test_compile_waits_until_both_planes_enforce_the_change(make_gateway, client):
    gateway = make_gateway()
    gateway.start("resolve")
    gateway.start("route")
    gateway.await_daemons(*gateways.PLANES)
    first = gateway.blockd("compile", "--wait")
    assert first.returncode == 0, first
    assert first.stdout.splitlines()[1:] == [
        "resolver: enforces generation 1",
        "routes: enforces generation 1",
    ]
    assert not client.blocked(NAME)
    gateway.put("platforms.toml", with_added())
    assert gateway.blockd("compile", "--wait").returncode == 0
    assert client.blocked(NAME)
    assert client.reached([V4, V6, "198.18.0.9"]) == {"198.18.0.9"}


def test_a_plane_that_is_down_is_named_by_compile_and_status(make_gateway):
    gateway = make_gateway()
    gateway.start("resolve")
    gateway.await_daemons("resolver")
    done = gateway.blockd("compile", "--wait")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "routes: not running")
    assert gateway.blockd("status").returncode == 4


def test_a_status_asked_before_the_first_generation_harms_no_daemon(make_gateway):
    gateway = make_gateway({"list.toml": ""})
    daemons = [gateway.start(verb) for verb in ("watch", "resolve", "route")]
    gateway.await_daemons("compiler", *gateways.PLANES)
    assert gateway.enforced() == [0, 0]
    gateway.put("list.toml", with_added())
    gateway.await_generation(1)
    until(lambda: gateway.ask("resolver")["ready"], gateway.said)
    assert [daemon.poll() for daemon in daemons] == [None, None, None]


def test_a_list_of_prefixes_alone_is_adopted_by_both_planes(make_gateway):
    gateway = make_gateway({"p.toml": '[[platform]]\nid = "p"\nprefixes = ["198.19.1.0/24"]\n'})
    gateway.start()
    until(lambda: all(gateway.ask(plane).get("ready") for plane in gateways.PLANES), gateway.said)
    until(lambda: gateway.ask("routes")["generation"], gateway.said)
    assert gateway.enforced() == [1, 1]


def test_a_hangup_has_every_daemon_read_the_configuration_again(make_gateway, client, tmp_path):
    gateway = make_gateway()
    process = gateway.start()
    gateway.await_generation(1)
    daemons = gateways.children(process.pid)
    good = gateway.config.read_text()

    gateway.config.write_text(good.replace("[resolver]", "[resolver]\nactoin = 1"))
    os.kill(process.pid, signal.SIGHUP)
    until(lambda: gateway.said().count("unknown key `resolver.actoin`") >= 3, gateway.said)
    assert client.ask(LISTED).rcode() == 3
    assert gateway.enforced() == [1, 1]

    more = tmp_path / "more.toml"
    more.write_text(ADDED.format(NAME))
    paths = [gateway.rules, more]
    gateway.configure(paths=paths, resolver='action = "refused"', routes='type = "unreachable"')
    os.kill(process.pid, signal.SIGHUP)
    gateway.await_generation(2)
    assert client.ask(NAME).rcode() == 5
    until(lambda: gateway.routes().get("198.19.250.0/28") == "unreachable", gateway.routes)
    assert "blackhole" not in gateway.routes().values()
    assert gateways.children(process.pid) == daemons
    assert gateway.blockd("status").returncode == 0


def test_what_the_gateway_needs_is_cut_out_of_listed_networks(make_gateway, net, client):
    hop, network = "198.19.64.2", "198.19.64.0/24"
    for space, device, address in (
        (net.gateway, "wan", "198.19.64.1"),
        (net.internet, "eth0", hop),
    ):
        space.ip(f"addr add {address}/24 dev {device}")
    net.gateway.ip(f"route add 198.19.70.0/24 via {hop}")
    try:
        everything = (
            '[[platform]]\nid = "wide"\ndomains = ["wide.example"]\n'
            'prefixes = ["198.18.0.0/16", "198.19.0.0/16", "2001:db8::/32"]\n'
        )
        gateway = make_gateway(
            {"wide.toml": everything},
            resolver="check_addresses = false",  # the answers' addresses are listed as well
            routes='protect = ["198.19.80.0/28"]',
        )
        gateway.start()
        gateway.await_generation(1)
        assert client.ask("www.unlisted.test").answer
        kept = {hop, "198.18.0.53", "2001:db8::53", "198.19.80.1"}
        lost = {"198.19.70.1", "198.18.0.54", "2001:db8::54", "198.19.80.16", "198.19.65.1"}
        assert client.reached(kept | lost) == kept
        holes = {prefix for prefix, kind in gateway.routes().items() if kind == "throw"}
        assert holes == {network, "198.18.0.53/32", "2001:db8::53/128", "198.19.80.0/28"}
        shown = gateway.blockd("status")
        assert shown.returncode == 0
        for line in (
            "198.18.0.0/15: hole for upstream resolver 198.18.0.53/32",
            f"198.18.0.0/15: hole for connected network {network}",
            "198.18.0.0/15: hole for protected by [routes] protect 198.19.80.0/28",
        ):
            assert line in shown.stdout, shown.stdout
        explained = gateway.blockd("explain", "198.18.0.53")
        assert explained.returncode == 1
        needed = "packets to it pass: a hole for upstream resolver 198.18.0.53/32"
        assert f"198.18.0.53 is listed, but {needed}\n" in explained.stdout
        assert "198.18.0.53: unicast 0.0.0.0/0 in table main" in explained.stdout
    finally:
        net.gateway.ip(f"route del 198.19.70.0/24 via {hop}")
        net.gateway.ip("addr del 198.19.64.1/24 dev wan")
        net.internet.ip(f"addr del {hop}/24 dev eth0")
