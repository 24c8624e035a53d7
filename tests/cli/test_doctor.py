"""`blockd doctor` on real troubles, made in a namespace, and on none."""

import os
import shutil
import subprocess
import sys

import msgspec
import pytest

from tests.cli.program import NET_ADMIN, daemon, without

pytestmark = pytest.mark.root

SURROUNDINGS = {"clock", "disk", "resolv.conf loop"}
"""What depends on the machine that the tests run on."""


def examined(gateway, space, *, capability=None):
    """Return the exit status, and by check what was found."""
    argv = gateway.argv("doctor", "--json")
    done = space.run(*(argv if capability is None else without(capability, argv)), check=False)
    report = msgspec.json.decode(done.stdout)
    found = {each["check"]: each for each in report["checks"]}
    return done.returncode, {
        name: [what for what, _ in each["findings"]] for name, each in found.items()
    }


@pytest.fixture
def running(gateway, space):
    """A whole gateway in the namespace."""
    gateway.configure(routes=True)
    with (
        daemon(gateway.argv("watch"), gateway.place, space=space) as compiler,
        daemon(gateway.argv("resolve"), gateway.place, space=space) as resolver,
        daemon(gateway.argv("route"), gateway.place, space=space) as routes,
    ):
        for each in (compiler, resolver, routes):
            each.notices.until("READY=1")
        yield gateway


def test_on_a_gateway_that_runs_nothing_is_found_but_what_is_made_wrong(running, space):
    _, found = examined(running, space)
    assert {name for name, said in found.items() if said} <= SURROUNDINGS, found

    space.ip("rule add pref 1000 lookup main")
    space.ip("link add name uplink type veth peer name other")
    space.sysctl("net.ipv4.ip_forward=1", "net.ipv4.conf.all.rp_filter=0")
    space.sysctl("net.ipv4.conf.uplink.rp_filter=0", "net.ipv4.conf.other.rp_filter=1")
    space.sysctl("net.ipv6.conf.all.disable_ipv6=1")
    status, found = examined(running, space)
    assert status == 1
    (ahead,) = found["rules ahead"]
    assert ahead.startswith("rule for IPv4, preference 1000, looks table 254 up for every packet")
    assert found["rp_filter"][0].startswith("rp_filter is 0 on uplink: ")
    assert found["ipv6"][0].startswith("IPv6 is off on this host, and the list has 1 prefix of")


def test_without_the_capability_nft_cannot_be_asked_and_that_is_said(gateway, space):
    if shutil.which("nft") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("needs nft, and CI must not skip it")
        pytest.skip("needs nft")
    gateway.configure(routes=True)
    done = space.run(*without(NET_ADMIN, gateway.argv("doctor")), check=False)
    (said,) = [line for line in done.stdout.splitlines() if line.startswith("flowtables: ")]
    assert said.startswith("flowtables: not looked at: nft lists no flowtables: ")
    assert done.stdout.splitlines()[-1].endswith(", 2 could not look"), done.stdout
    whole = space.run(*gateway.argv("doctor"), check=False)
    assert "flowtables" not in whole.stdout


def test_a_port_that_is_taken_is_told_with_its_holder(gateway, space):
    script = (
        "import socket, time\ns = socket.socket(type=socket.SOCK_DGRAM)\n"
        f"s.bind(('127.0.0.1', {gateway.port}))\nprint('bound', flush=True)\ntime.sleep(60)"
    )
    held = space.popen(sys.executable, "-c", script, stdout=subprocess.PIPE)
    assert held.stdout.readline() == b"bound\n"
    status, found = examined(gateway, space)
    assert status == 1
    (said,) = found["port"]
    assert said.startswith(f"UDP 127.0.0.1:{gateway.port} is taken by python3")


def test_without_daemons_and_without_the_capability_both_are_told(gateway, space):
    gateway.configure(routes=True)
    status, found = examined(gateway, space, capability=NET_ADMIN)
    assert status == 1
    assert found["daemons"][0] == "the compiler does not run: it has no control socket"
    assert len(found["daemons"]) == 3
    assert found["generation"] == ["there is no generation yet: nothing is blocked"]
    assert found["capabilities"][0].startswith("no process here can have CAP_NET_ADMIN")


def test_for_people_each_trouble_is_followed_by_its_remedy(gateway):
    done = gateway.run("doctor")
    assert done.status == 1
    lines = done.out.splitlines()
    at = lines.index("generation: there is no generation yet: nothing is blocked")
    assert lines[at + 1].startswith("    `blockd check` shows")
    assert "rules ahead" not in done.out, "[routes] enabled = false"
    assert lines[-1].split()[1:5] == ["troubles", "found", "by", "16"]
