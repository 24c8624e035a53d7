"""Daemons that die, and others who meddle with the table: the last generation stays in force."""

import json
import signal
import time

import pytest

from tests.e2e import gateway as gateways
from tests.e2e.gateway import ADDRESSES, LISTED, OPEN, TABLE, children, kill, shipped, until

pytestmark = pytest.mark.root

VERBS = ("watch", "resolve", "route")


@pytest.fixture
def running(make_gateway):
    made = make_gateway()
    made.process = made.start()
    made.await_generation(1)
    return made


class Notices:
    """What the kernel tells of changes to a namespace's routes, as `ip monitor` prints it."""

    MARK = "198.19.254.0/24"

    def __init__(self, space, path):
        self.space, self.path = space, path
        with path.open("wb") as file:
            self.process = space.popen("ip", "monitor", "route", "rule", stdout=file)
        self._mark()  # until it is heard, the monitor may not listen yet

    def _mark(self):
        seen = self.path.read_text().count(self.MARK)
        deadline = time.monotonic() + gateways.PATIENCE
        while self.path.read_text().count(self.MARK) == seen:
            self.space.ip(f"route replace blackhole {self.MARK} table 99")
            self.space.ip(f"route del blackhole {self.MARK} table 99")
            time.sleep(0.01)
            assert time.monotonic() < deadline

    def lost(self):
        """Return the lines that tell of a deletion, so far; ends the listening."""
        self._mark()
        kill([self.process.pid])
        lines = self.path.read_text().splitlines()
        return [line for line in lines if line.startswith("Deleted") and self.MARK not in line]


@pytest.mark.parametrize("verb", VERBS)
def test_a_killed_daemon_is_started_again_and_its_plane_goes_on(
    running, client, tmp_path, net, verb
):
    notices = Notices(net.gateway, tmp_path / "notices")
    routes = running.routes()
    before = children(running.process.pid)
    kill([before[verb]])
    assert running.routes() == routes
    assert client.reached(ADDRESSES) == OPEN
    if verb == "watch":
        running.put("more.toml", '[[platform]]\nid = "m"\ndomains = ["more.example"]\n')
    until(
        lambda: before[verb] != children(running.process.pid).get(verb, before[verb]),
        running.said,
    )
    running.await_generation(2 if verb == "watch" else 1)
    until(lambda: all(running.ask(plane)["ready"] for plane in gateways.PLANES), running.said)
    assert client.finds_in_force()
    assert client.blocked("more.example") == (verb == "watch")
    after = children(running.process.pid)
    assert [name for name in VERBS if before[name] != after[name]] == [verb]
    assert notices.lost() == []
    assert running.routes() == routes
    assert f"`blockd {verb}` was ended by SIGKILL; it is started again" in running.said()


def test_when_all_are_killed_the_routes_stay_and_the_last_generation_comes_back(
    running, client, tmp_path, net
):
    notices = Notices(net.gateway, tmp_path / "notices")
    routes = running.routes()
    kill([running.process.pid, *children(running.process.pid).values()])
    assert running.routes() == routes
    assert running.ruled() == ["-4", "-6"]
    assert client.reached(ADDRESSES) == OPEN
    assert running.blockd("status").returncode == 4

    running.put("platforms.toml", "<html>in place of the list</html>\n")
    running.put("more.toml", '[[platform]]\nid = "m"\ndomains = ["more.example"]\n')
    running.start()
    running.await_generation(1)
    until(lambda: running.ask("compiler").get("problem"), running.said)
    assert client.finds_in_force()
    assert running.routes() == routes
    assert notices.lost() == []

    running.put("platforms.toml", shipped()["platforms.toml"])
    running.await_generation(2)
    assert client.blocked("more.example")


def test_foreign_routes_and_rules_survive_everything(running, client, net):
    for words in (
        f"route add blackhole 198.19.240.0/24 table {TABLE}",
        f"route add 198.19.241.0/24 via 10.54.0.2 proto static table {TABLE}",
        f"-6 route add prohibit 2001:db8:240::/48 proto static table {TABLE}",
        f"rule add preference 5000 to 198.19.242.0/24 lookup {TABLE}",
    ):
        net.gateway.ip(words)
    strangers = (
        "blackhole 198.19.240.0/24",
        "198.19.241.0/24 via 10.54.0.2",
        "prohibit 2001:db8:240::/48",
        "to 198.19.242.0/24 lookup",
    )

    def left():
        looks = (f"-4 route show table {TABLE}", f"-6 route show table {TABLE}", "-4 rule")
        shown = "".join(net.gateway.ip(words) for words in looks)
        return [text for text in strangers if text in shown]

    until(lambda: len(running.ask("routes")["foreign"]) == 4, running.said)
    shown = running.blockd("status")
    assert (shown.returncode, shown.stdout.count(", left alone\n")) == (0, 4)

    running.put("more.toml", '[[platform]]\nid = "m"\nprefixes = ["198.19.240.0/24"]\n')
    running.await_generation(2)
    assert left() == [*strangers]
    assert client.finds_in_force()
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(gateways.PATIENCE) == 0
    assert (running.routes(), left()) == ({}, [*strangers])


def test_when_up_is_killed_its_daemons_end_and_leave_the_routes(running, client):
    routes = running.routes()
    daemons = children(running.process.pid).values()
    kill([running.process.pid])
    until(lambda: not any(gateways.alive(pid) for pid in daemons), running.said)
    assert running.routes() == routes
    assert client.reached(ADDRESSES) == OPEN
    running.start()
    running.await_generation(1)
    until(lambda: running.ask("resolver")["ready"], running.said)
    assert client.finds_in_force()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_up_withdraws_routes_and_rules_when_it_ends(running, client, number):
    assert len(running.routes()) > 100
    daemons = children(running.process.pid)
    deadline = time.monotonic() + gateways.PATIENCE
    while running.process.poll() is None:  # whoever is impatient gets the same end
        running.process.send_signal(number)
        assert time.monotonic() < deadline
        time.sleep(0.005)
    assert running.process.returncode in {0, -number}  # the last one may come behind the end
    assert (running.routes(), running.ruled()) == ({}, [])
    assert "routes: 171 withdrawn" in running.said()
    assert client.reached(LISTED) == LISTED
    assert not any(gateways.alive(pid) for pid in daemons.values())


def test_the_route_daemon_keeps_its_routes_until_they_are_withdrawn(make_gateway, client):
    gateway = make_gateway()
    assert gateway.blockd("compile").returncode == 0
    plan = json.loads(gateway.blockd("route", "--plan", "--json").stdout)["plan"]
    daemon = gateway.start("route")
    until(lambda: gateway.ask("routes").get("generation") == 1, gateway.said)
    routes = gateway.routes()
    installed = {f"{kind} {prefix}" for prefix, kind in routes.items()}
    assert installed | {"rule for IPv4", "rule for IPv6"} == {row["what"] for row in plan}
    daemon.send_signal(signal.SIGTERM)
    assert daemon.wait(gateways.PATIENCE) == 0
    assert (gateway.routes(), gateway.ruled()) == (routes, ["-4", "-6"])
    assert client.reached(LISTED) == set()
    assert gateway.blockd("route", "--withdraw").stdout.startswith(f"{len(routes)} routes")
    assert (gateway.routes(), gateway.ruled()) == ({}, [])
    assert client.reached(LISTED) == LISTED


def test_without_its_capability_up_says_so_in_a_line_and_shows_the_plan(make_gateway, client):
    without = [gateways.program("setpriv"), "--bounding-set=-net_admin", "--inh-caps=-net_admin"]
    gateway = make_gateway()
    process = gateway.start(wrapped=without)
    until(lambda: gateway.ask("resolver").get("ready"), gateway.said)
    lines = gateway.said().splitlines()
    at = lines.index("routes: none, they need CAP_NET_ADMIN (run as root); this is the plan:")
    plan = [line for line in lines[at:] if line.startswith("install ")]
    assert len(plan) == 5
    assert "and 168 more; `blockd route --plan` shows all" in lines
    assert all(" blackhole " in line or " unreachable " in line for line in plan), plan
    assert client.blocked(gateways.NAME)
    assert (gateway.routes(), gateway.ruled()) == ({}, [])
    assert client.reached(LISTED) == LISTED
    assert list(children(process.pid)) == ["watch", "resolve"]
    refused = gateway.blockd("route", wrapped=without)
    assert (refused.returncode, len(refused.stderr.splitlines())) == (4, 1), refused
    assert "CAP_NET_ADMIN" in refused.stderr
    process.send_signal(signal.SIGTERM)
    assert process.wait(gateways.PATIENCE) == 0


def test_up_ends_with_the_reason_when_a_daemon_cannot_start(running, tmp_path):
    other = gateways.Gateway(running.net, tmp_path / "other")
    other.directory.mkdir()
    other.prepare(shipped(), routes="enabled = false")
    done = other.blockd("up")
    assert done.returncode == 2, done
    assert f"{gateways.GATEWAY_V4}:53 is taken by another program" in done.stderr
    assert running.enforced() == [1, 1]
