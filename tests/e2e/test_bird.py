"""BIRD, with the configuration that the README shows, tells another router what blockd blocks."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from blockd import prefixes
from tests import topology
from tests.e2e import gateway as gateways
from tests.e2e.gateway import TABLE, until

pytestmark = pytest.mark.root

README = (topology.repository() / "README.md").read_text("utf-8")

MANY = [f"198.18.{number}.0/24" for number in range(100, 180, 2)]
MANY += [f"2001:db8:{number:x}::/48" for number in range(100, 180, 2)]
LIST = f"""\
[list]
authority = "Example Authority"

[[platform]]
id = "p1"
route = "blackhole"
prefixes = ["198.18.1.0/28", "198.18.2.0/24", "2001:db8:1::/48", "2001:db8:2::/48"]

[[platform]]
id = "p2"
route = "prohibit"
prefixes = {MANY}

[[allow]]
prefixes = ["198.18.2.8/32", "2001:db8:2:8::/64"]
reason = "Customers must be able to withdraw"
"""
LISTED = {"198.18.1.0/28", "198.18.2.0/24", "2001:db8:1::/48", "2001:db8:2::/48", *MANY}
HOLES = {"198.18.2.8/32", "2001:db8:2:8::/64"}
CHANGED = LIST.replace("198.18.1.0/28", "198.18.9.0/24").replace(":1::/48", ":9::/48")
OLD, NEW = {"198.18.1.0/28", "2001:db8:1::/48"}, {"198.18.9.0/24", "2001:db8:9::/48"}

FOREIGN = "198.18.70.0/24"

OWN = """
protocol static { ipv4; route 198.19.7.0/24 unreachable; }
protocol kernel { ipv4 { import none; export where source = RTS_STATIC; }; }
"""
"""What a gateway's BIRD may do besides."""


def shown(role):
    """Return the configuration that the README shows for a role."""
    (text,) = re.findall(
        rf"^<!-- bird: {role} -->\n```\n(.*?)^```$", README, re.MULTILINE | re.DOTALL
    )
    return text


@dataclass
class Bird:
    """A BIRD in a namespace; its control socket and log lie beside its configuration."""

    space: topology.Namespace
    config: Path

    def start(self):
        with self.config.with_suffix(".log").open("ab") as log:
            self.process = self.space.popen(
                gateways.program("bird"), "-d", "-c", str(self.config), "-s", self._control(),
                stderr=log,
            )  # fmt: skip

    def ask(self, *words):
        return subprocess.run(
            ["birdc", "-s", self._control(), *words],
            check=False, capture_output=True, text=True, timeout=10,
        ).stdout  # fmt: skip

    def configure(self, text):
        self.config.write_text(text)
        assert "Reconfigured" in self.ask("configure")

    def stop(self):
        self.process.terminate()
        assert self.process.wait(10) == 0, self.said()

    def said(self):
        return self.config.with_suffix(".log").read_text()

    def _control(self):
        return str(self.config.with_suffix(".ctl"))


@dataclass
class Site:
    """A gateway with blockd and BIRD, and a router that learns from it."""

    blockd: gateways.Gateway
    bird: Bird
    router: Bird

    def dropped(self):
        """Return the prefixes that the router drops."""
        return dropped(self.router.space)

    def tables(self):
        """Return which of blockd's tables is in force, by family."""
        return self.blockd.ask("routes")["active"]

    def routes(self):
        """Return blockd's routes in both of its tables: prefix to type."""
        return {
            str(prefixes.parse(words[1])): words[0]
            for family in ("-4", "-6")
            for line in self.blockd.net.gateway.ip(
                f"{family} route show table all proto 177"
            ).splitlines()
            if (words := line.split())
        }

    def await_dropped(self, wanted):
        until(lambda: self.dropped() == wanted, lambda: f"{self.dropped()} {self.router.said()}")


def dropped(space):
    return {
        line.split()[1] + ("" if "/" in line else "/32")
        for family in ("-4", "-6")
        for line in space.ip(f"{family} route show type blackhole").splitlines()
    }


@pytest.fixture(scope="module")
def site(net, tmp_path_factory):
    directory = tmp_path_factory.mktemp("site")
    birds = {}
    for role, space, more in (("gateway", net.gateway, OWN), ("router", net.client, "")):
        path = directory / f"{role}.conf"
        path.write_text(shown(role) + more)
        birds[role] = Bird(space, path)
    with gateways.running(net, directory, {"list.toml": LIST}) as blockd:
        for bird in birds.values():
            bird.start()
        made = Site(blockd, *birds.values())
        made.await_dropped(LISTED)
        yield made
        for bird in birds.values():
            bird.stop()


def test_the_router_drops_what_is_listed_and_does_not_hear_of_the_holes(site):
    routes = site.router.ask("show", "route", "all")
    assert routes.count("(65535,666) (65535,65281)") == len(LISTED)
    assert set(re.findall(r"^(\S+/\d+)", routes, re.MULTILINE)) == LISTED
    assert set(site.routes()) == LISTED | HOLES
    for address in ("198.18.1.1", MANY[0][:-3], "2001:db8:1::1", MANY[-1][:-3]):
        done = site.router.space.run("ip", "route", "get", address, check=False)
        assert "Invalid argument" in done.stderr, done


def test_an_exception_within_a_wider_prefix_holds_on_the_gateway_alone(site):
    for address in ("198.18.2.8", "2001:db8:2:8::1"):
        assert address in site.bird.space.ip(f"route get {address}")
        done = site.router.space.run("ip", "route", "get", address, check=False)
        assert "Invalid argument" in done.stderr, done
    lines = re.findall(r"`(if net ~ .*? then reject;)`", README)
    head = "filter blackholes {\n"
    whole = site.bird.config.read_text()
    site.bird.configure(whole.replace(head, head + "".join(lines)))
    site.await_dropped(LISTED - {"198.18.2.0/24", "2001:db8:2::/48"})
    site.bird.configure(whole)
    site.await_dropped(LISTED)


def test_the_router_follows_the_list(site):
    site.blockd.put("list.toml", CHANGED)
    site.await_dropped(LISTED - OLD | NEW)
    site.blockd.put("list.toml", LIST)
    site.await_dropped(LISTED)


def test_a_swap_of_tables_withdraws_only_what_goes(site, tmp_path):
    log = tmp_path / "monitor"
    with log.open("wb") as output:
        site.router.space.popen("ip", "monitor", "route", stdout=output)
    tables = site.tables()
    for kind in ("unreachable", "blackhole"):
        every = re.sub(r'route = "\w+"', f'route = "{kind}"', CHANGED)
        site.blockd.put("list.toml", every)
        until(lambda kind=kind: set(site.routes().values()) == {kind, "throw"}, site.blockd.said)
        until(lambda before=tables: site.tables() != before, site.blockd.said)
        tables = site.tables()
    site.await_dropped(LISTED - OLD | NEW)
    site.blockd.put("list.toml", LIST)
    # Their going is the last thing to happen, so that whatever went before stands before it.
    gone = r"^Deleted blackhole (\S+)"
    until(lambda: len(re.findall(gone, log.read_text(), re.MULTILINE)) >= 4, log.read_text)
    assert set(re.findall(gone, log.read_text(), re.MULTILINE)) == OLD | NEW
    site.await_dropped(LISTED)


def test_bird_and_blockd_leave_each_others_routes_alone(site):
    space = site.blockd.net.gateway
    until(lambda: "198.19.7.0/24 proto bird" in space.ip("route"), site.bird.said)
    space.ip(f"route add blackhole {FOREIGN} proto 99 table {TABLE}")
    until(lambda: FOREIGN in str(site.blockd.ask("routes")["foreign"]), site.blockd.said)
    ours, restored = site.routes(), site.blockd.ask("routes")["counters"]["restored"]
    site.bird.stop()
    site.await_dropped(set())  # nobody vouches for them any more
    site.bird.start()
    site.await_dropped(LISTED)  # and not FOREIGN
    assert site.routes() == ours
    assert site.blockd.ask("routes")["counters"]["restored"] == restored
    site.blockd.processes[0].terminate()
    assert site.blockd.processes[0].wait(20) == 0, site.blockd.said()
    site.await_dropped(set())
    assert "198.19.7.0/24 proto bird" in space.ip("route")
    assert FOREIGN in space.ip(f"route show table {TABLE}")
