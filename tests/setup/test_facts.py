"""Who is on the resolver's port: everybody but blockd, on the addresses that it wants."""

import pytest

from blockd.config import Endpoint
from blockd.doctor.dns import Listener
from blockd.setup import layout
from blockd.setup.facts import Holder, UnitState
from tests.setup.world import Host, configured

OURS = {layout.SOCKET: UnitState("enabled", "active")}

CASES = {
    "nobody": ((), {}, []),
    "on the wildcard": (
        (Listener("UDP", "0.0.0.0", 53, ("unbound (5)",)),),
        {},
        [Holder("UDP", Endpoint("0.0.0.0"), "unbound", "unbound.service")],
    ),
    "on one address": (
        (Listener("TCP", "198.18.0.1", 53, ("named (6)",)),),
        {},
        [Holder("TCP", Endpoint("198.18.0.1"), "named", "")],
    ),
    "somebody that only root sees": (
        (Listener("TCP", "198.18.0.1", 53, ()),),
        {},
        [Holder("TCP", Endpoint("198.18.0.1"), "", "")],
    ),
    "on another port": ((Listener("UDP", "0.0.0.0", 5353, ("avahi-daemon (7)",)),), {}, []),
    "blockd itself": ((Listener("UDP", "0.0.0.0", 53, ("systemd (1)", "blockd (8)")),), {}, []),
    "its socket unit": ((Listener("UDP", "0.0.0.0", 53, ("systemd (1)",)),), OURS, []),
    "another socket unit and its service": (
        (Listener("UDP", "0.0.0.0", 53, ("systemd (1)", "unbound (5)")),),
        {},
        [Holder("UDP", Endpoint("0.0.0.0"), "unbound", "unbound.service")],
    ),
    "another socket unit": (
        (Listener("UDP", "0.0.0.0", 53, ("systemd (1)",)),),
        {},
        [Holder("UDP", Endpoint("0.0.0.0"), "systemd", "")],
    ),
}


@pytest.mark.parametrize(("others", "units", "found"), CASES.values(), ids=CASES.keys())
def test_who_holds_the_port(others, units, found):
    host = Host(others=others, units=units, owners={"unbound (5)": "unbound.service"})
    assert host.facts().holders() == found


def test_a_program_on_an_address_that_is_not_wanted_is_in_nobodys_way():
    host = Host(others=(Listener("UDP", "127.0.0.53", 53, ("systemd-resolve (9)",)),))
    assert host.facts().holders() != []
    host.write(layout.CONFIG, configured("127.0.0.1:53", "198.18.0.1:53"))
    assert host.facts().holders() == []
