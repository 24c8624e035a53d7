"""Hangs and crashes of every process under a real systemd: each is healed, the others go on."""

import time

import pytest

from tests.e2e import gateway as gateways
from tests.e2e import host
from tests.e2e.gateway import ADDRESSES, NAME, OPEN, until
from tests.e2e.host import main_process, signal

pytestmark = pytest.mark.root

COMPILER, RESOLVER, ROUTES, WEB, NOTICE = SERVICES = (
    "blockd.service", "blockd-resolver.service", "blockd-routes.service", "blockd-web.service",
    "blockd-notice.service",
)  # fmt: skip
SOCKETS = ("blockd-resolver.socket", "blockd-notice.socket")
IMPATIENT = "[Service]\nWatchdogSec=1500ms\nRestartSec=50ms\n"
CONFIG = '[resolver]\nworkers = 2\nupstreams = ["198.18.0.53"]\n'


@pytest.fixture(scope="module")
def machine(net):
    with host.booted(net.gateway) as booted:
        booted.write("/etc/blockd/blockd.toml", CONFIG)
        for name, text in gateways.shipped().items():
            booted.write(f"/etc/blockd/rules.d/{name}", text)
        for unit in SERVICES:
            booted.write(f"/etc/systemd/system/{unit}.d/test.conf", IMPATIENT)
        booted.systemctl("daemon-reload")
        booted.systemctl("start", *SERVICES)
        yield booted
        booted.systemctl("stop", *SERVICES, *SOCKETS)


def test_every_service_is_watched_and_says_in_time_that_it_lives(machine):
    before = [main_process(machine, unit) for unit in SERVICES]
    assert {machine.show(unit, "WatchdogUSec") for unit in SERVICES} == {"1.500000s"}
    pinged = {unit: machine.show(unit, "WatchdogTimestampMonotonic") for unit in SERVICES}
    for unit in SERVICES:
        until(lambda: machine.show(unit, "WatchdogTimestampMonotonic") != pinged[unit], unit)  # noqa: B023
    assert [main_process(machine, unit) for unit in SERVICES] == before


def still_blocked(unit, client):
    """Tell whether the planes whose unit it is not go on, as a client sees it."""
    resolving = unit == RESOLVER or client.blocked(NAME)
    return resolving and client.reached(ADDRESSES) == OPEN


@pytest.mark.parametrize("unit", SERVICES)
@pytest.mark.parametrize(("name", "said"), [("STOP", "watchdog"), ("KILL", "status=9/KILL")])
def test_it_is_started_again_while_the_others_go_on(machine, client, unit, name, said):
    before = {each: main_process(machine, each) for each in SERVICES}
    signal(machine, unit, name)
    assert still_blocked(unit, client)
    until(lambda: main_process(machine, unit) not in {0, before[unit]}, "another process")
    until(lambda: machine.show(unit, "ActiveState") == "active", "ready again")
    assert still_blocked(unit, client)
    assert client.blocked(NAME)
    assert said in machine.journal(unit)
    others = [each for each in SERVICES if each != unit]
    assert [main_process(machine, each) for each in others] == [before[each] for each in others]


def workers(machine):
    """Return the resolver's workers: their process IDs."""
    main = main_process(machine, RESOLVER)
    return machine.path(f"/proc/{main}/task/{main}/children").read_text().split()


@pytest.mark.parametrize(("name", "said"), [("STOP", "hangs and is killed"), ("KILL", "(Killed)")])
def test_a_worker_is_replaced_while_the_other_one_answers(machine, client, name, said):
    main, before = main_process(machine, RESOLVER), workers(machine)
    assert len(before) == 2
    machine.run("kill", f"-{name}", before[0])
    replaced = time.monotonic() + gateways.PATIENCE
    while before[0] in workers(machine) or len(workers(machine)) < 2:
        # What the one that hangs had taken is lost; a client asks again.
        assert client.blocked(NAME) or client.blocked(NAME)
        assert time.monotonic() < replaced, machine.journal(RESOLVER)
    assert before[1] in workers(machine)
    assert main_process(machine, RESOLVER) == main
    assert said in machine.journal(RESOLVER)
