"""The unit of the page under a real systemd: it sees everything and reaches nothing."""

import pytest

from tests.e2e import gateway as gateways
from tests.e2e import host
from tests.e2e.gateway import until

WEB = "blockd-web.service"
PLACE = "http://127.0.0.1:9353"


@pytest.fixture(scope="module")
def machine(net):
    with host.booted(net.gateway) as booted:
        for name, text in gateways.shipped().items():
            booted.write(f"/etc/blockd/rules.d/{name}", text)
        upstreams = '[resolver]\nupstreams = ["10.54.0.2"]\n'
        booted.write("/etc/blockd/blockd.toml", upstreams)
        booted.systemctl("start", WEB)
        yield booted
        booted.systemctl("stop", "blockd-routes.service")


def get(machine, path):
    """Return status and text, asked from within."""
    gateways.program("curl")
    done = machine.run("curl", "-sS", "-w", "\n%{http_code}", PLACE + path)
    text, _, status = done.stdout.rpartition("\n")
    return int(status), text


def test_it_starts_alone_and_is_ready_when_both_planes_enforce(machine):
    assert get(machine, "/healthz") == (200, "ok\n")
    assert get(machine, "/readyz")[0] == 503
    machine.systemctl("start", "blockd.service", "blockd-resolver.service", "blockd-routes.service")
    assert get(machine, "/readyz") == (200, "ok\n")
    metrics = get(machine, "/metrics")[1]
    for daemon in ("compiler", "resolver", "routes"):
        assert f"\nblockd_{daemon}_up 1\n" in metrics
    machine.systemctl("stop", "blockd-routes.service")
    status, text = get(machine, "/readyz")
    assert status == 503
    assert text.startswith("routes: ")
    machine.systemctl("start", "blockd-routes.service")
    until(lambda: get(machine, "/readyz")[0] == 200, lambda: get(machine, "/readyz"))


def test_it_listens_on_loopback_alone_as_a_user_without_capabilities(machine):
    main = machine.show(WEB, "MainPID")
    found = machine.run("ss", "-Hlntup").stdout.splitlines()
    places = [line.split()[4] for line in found if f"pid={main}," in line]
    assert places == ["127.0.0.1:9353"]
    status = machine.path(f"/proc/{main}/status").read_text()
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert f"{name}:\t0000000000000000" in status
    assert machine.run("stat", "-c", "%U:%G", f"/proc/{main}").stdout == "blockd-web:blockd\n"


def test_a_reload_and_a_restart_touch_no_other_unit(machine):
    others = ("blockd.service", "blockd-resolver.service", "blockd-routes.service")
    before = [machine.show(unit, "MainPID") for unit in others]
    machine.systemctl("reload", WEB)
    machine.systemctl("restart", WEB)
    assert get(machine, "/healthz")[0] == 200
    assert [machine.show(unit, "MainPID") for unit in others] == before
    assert "127.0.0.1:9353" in machine.journal(WEB)
