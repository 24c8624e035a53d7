"""A host as setup's plans see it, and what becomes of it when their steps are performed.

The disk is a dictionary, systemd a few rules: what a unit binds, what makes it fail. Whether the
real ones behave so is seen in `tests/e2e/test_setup.py`.
"""

from dataclasses import dataclass, field

from blockd import config as configuration
from blockd.config import Config
from blockd.doctor.dns import Listener
from blockd.setup import layout, nameservice, record, sockets
from blockd.setup.facts import Facts, UnitState
from blockd.setup.install import install
from blockd.setup.steps import Keep, Kind, Link, Move, Node, Remove, Run, Write
from tests import topology

SYSTEMD = topology.repository() / "systemd"
SHIPPED = {
    str(path.relative_to(SYSTEMD)): path.read_bytes()
    for path in sorted(SYSTEMD.rglob("*"))
    if path.is_file()
}
EXAMPLES = {"rules/platforms.toml": b"[list]\n", "monitoring/grafana.json": b"{}\n"}

STUB = "nameserver 127.0.0.53\noptions edns0 trust-ad\nsearch corp.example\n"
SERVERS = "nameserver 198.18.0.53\nsearch corp.example\n"
STUB_LINK = Node(Kind.LINK, b"../run/systemd/resolve/stub-resolv.conf")
RESOLVED = tuple(
    Listener(transport, address, 53, ("systemd-resolve (36)",))
    for transport in ("UDP", "TCP")
    for address in ("127.0.0.53", "127.0.0.54")
)
DIRECTORIES = (
    "/etc", "/etc/systemd", "/etc/systemd/system", "/usr", "/usr/lib", "/usr/lib/systemd",
    "/usr/lib/sysusers.d", "/usr/lib/tmpfiles.d", "/usr/local", "/usr/local/bin",
    "/usr/local/share", "/var", "/var/lib", "/var/spool", "/run",
)  # fmt: skip


@dataclass
class Host:
    """A host. What it says of itself is `facts`."""

    tree: dict = field(default_factory=lambda: {d: Node(Kind.DIRECTORY) for d in DIRECTORIES})
    users: set = field(default_factory=set)
    units: dict = field(default_factory=dict)
    others: tuple = ()
    """Sockets of programs that are not blockd's."""
    owners: dict = field(default_factory=dict)
    bound: list = field(default_factory=list)
    """What blockd's sockets bind."""
    resolved: bool = False
    lists: bool = False
    generation: bool = False
    routes: bool = False
    shipped: dict = field(default_factory=lambda: dict(SHIPPED))
    given: dict = field(default_factory=dict)
    """Further facts as they are."""
    now: float = 1000.0
    times: dict = field(default_factory=dict)

    @classmethod
    def with_resolved(cls, **options):
        made = cls(resolved=True, others=RESOLVED, **options)
        made.tree[nameservice.RESOLV_CONF] = STUB_LINK
        return made

    def write(self, path, content=b"", node=None):
        for above in layout.above(path):
            self.tree.setdefault(above, Node(Kind.DIRECTORY, b"", 0o755))
        self.tree[path] = node or Node(Kind.FILE, content)
        self.times[path] = self.now

    def config(self):
        there = self.tree.get(layout.CONFIG)
        if "config" in self.given:
            return self.given["config"]
        return configuration.parse(there.content.decode(), "") if there else Config()

    def resolv_conf(self, path=nameservice.RESOLV_CONF):
        """Return what the C library reads."""
        there = self.tree.get(path)
        if there is None or there.kind is Kind.FILE:
            return there.content.decode() if there else ""
        if b"stub" in there.content:
            # It is the text of a host without a stub once the stub has gone.
            return STUB if any(each in RESOLVED for each in self.others) else SERVERS
        return SERVERS

    def resolves(self):
        """Tell whether the host itself can resolve names at this moment."""
        text = self.resolv_conf()
        if "127.0.0.53" in text:
            return any(each.address == "127.0.0.53" for each in self.others)
        return text == SERVERS or self.unit(layout.RESOLVER).active

    def unit(self, name):
        return self.units.get(name, UnitState())

    def facts(self):
        kept = self.tree.get(record.PATH)
        tree = {
            path: node._replace(empty=not any(p.startswith(f"{path}/") for p in self.tree))
            if node.kind is Kind.DIRECTORY
            else node
            for path, node in self.tree.items()
        }
        return Facts(**{
            "tree": tree, "record": record.read(kept.content if kept else None),
            "config": self.config(), "shipped": self.shipped, "examples": EXAMPLES,
            "origin": "/opt/blockd/shipped", "users": frozenset(self.users),
            "units": dict(self.units), "listeners": (*self.others, *self.bound),
            "changed": self._changed(), "owners": self.owners,
            "resolved_servers": SERVERS if self.resolved else "",
            "resolv_conf": self.resolv_conf(),
            "resolv_conf_before": self.resolv_conf(
                nameservice.KEPT if nameservice.KEPT in self.tree else nameservice.RESOLV_CONF
            ),
            "listed": self.lists,
            "generation": self.generation, "routes_left": self.routes, **self.given,
        })  # fmt: skip

    def _changed(self):
        found = {}
        for path, when in self.times.items():
            name, _, rest = path.removeprefix(f"{layout.UNITS}/").partition(".d/")
            if path in self.tree and name in self.shipped and (name in path or rest):
                found[name] = max(when, found.get(name, 0))
        return found

    def perform(self, steps):
        for step in steps:
            self.now += 1
            match step:
                case Write(path=path, content=content, mode=mode):
                    self.write(path, node=Node(Kind.FILE, content, mode))
                case Link(path=path, target=target):
                    self.write(path, node=Node(Kind.LINK, target.encode()))
                case Keep(path=path, at=at):
                    self.write(at, node=self.tree[path])
                case Move(path=path, to=to):
                    self.tree[to] = self.tree.pop(path)
                case Remove(path=path, tree=tree):
                    below = [each for each in self.tree if each.startswith(f"{path}/")]
                    assert tree or not below, f"{path} is not empty"
                    for each in (*below, path):
                        del self.tree[each]
                case Run(argv=argv):
                    self._run(argv)

    def _run(self, argv):
        match argv:
            case ("systemd-sysusers", path):
                self.users |= {"blockd", *layout.users(self.tree[path].content.decode())}
            case ("systemd-tmpfiles", "--create", path):
                for each in layout.made(self.tree[path].content.decode()):
                    if each not in self.tree:
                        kind = Kind.FILE if each.endswith(".toml") else Kind.DIRECTORY
                        self.write(each, node=Node(kind))
            case ("systemctl", "daemon-reload"):
                for path in self.tree:
                    name = path.removeprefix(f"{layout.UNITS}/")
                    if name != path and "/" not in name:
                        self.units.setdefault(name, UnitState("disabled"))
            case ("systemctl", "enable", *names):
                for name in names:
                    self.units[name] = self.unit(name)._replace(file="enabled")
            case ("systemctl", "disable", "--now", *names):
                for name in names:
                    self.units[name] = UnitState("disabled")
                if layout.SOCKET in names:
                    self.bound = []
            case ("systemctl", "restart", "systemd-resolved.service"):
                gone = nameservice.DROP_IN in self.tree
                self.others = tuple(each for each in self.others if each not in RESOLVED)
                self.others += () if gone or self.bound else RESOLVED
            case ("systemctl", "start" | "restart", *names):
                for name in (each for each in names if each != "--no-block"):
                    self._start(name)
            case ("userdel" | "groupdel", name):
                self.users.discard(name)
            case ("rmdir", "--ignore-fail-on-non-empty", path):
                if not any(each.startswith(f"{path}/") for each in self.tree):
                    self.tree.pop(path, None)
            case (_, "route", "--withdraw"):
                assert not self.unit(layout.ROUTES).active
                self.routes = False
            case (_, "check"):
                assert self.lists, "no list"
            case _:
                raise AssertionError(argv)

    def _start(self, name):
        self.units[name] = self.unit(name)._replace(state="active", started=self.now)
        if name == layout.COMPILER:
            assert {"/run/blockd", "/etc/blockd/blockd.toml"} <= self.tree.keys()
            assert "blockd" in self.users
            self.generation = self.generation or self.lists
            self.write(f"{layout.STATE}/current")
        if name == layout.ROUTES:
            self.routes = True
        if name == layout.SOCKET:
            wanted = sockets.wanted(self.config())[name]
            self.bound = [
                Listener(each.transport, each.place.address, each.place.port, ("systemd (1)",))
                for each in wanted
            ]
            assert not self.facts().holders(), "the port is taken"
            assert self._listening() == sorted(map(str, wanted)), "the drop-in is not so"

    def _listening(self):
        """Return what the socket unit says, its drop-in included."""
        unit = self.shipped[layout.SOCKET].decode()
        there = self.tree.get(layout.drop_in(layout.SOCKET, sockets.DROP_IN))
        text = there.content.decode() if there else unit
        return sorted(
            line for line in text.splitlines() if line.startswith("Listen") and line[-1] != "="
        )


def dnsmasq(address="0.0.0.0"):
    return Listener("UDP", address, 53, ("dnsmasq (812)",))


def configured(*listen):
    """Return the text of an operator's own configuration."""
    return f"[resolver]\nlisten = {list(listen)}\n".replace("'", '"').encode()


def carry_out(host, **options):
    plan = install(host.facts(), **options)
    host.perform(plan.steps)
    return plan


def commands(plan):
    return [step.said for step in plan.steps if isinstance(step, Run)]


def written(plan):
    return [step.path for step in plan.steps if isinstance(step, Write)]


def own_resolv_conf():
    host = Host.with_resolved(lists=True)
    host.write(nameservice.RESOLV_CONF, node=Node(Kind.FILE, b"nameserver 127.0.0.53\n", 0o600))
    return host


def packaged(**options):
    host = Host(**options)
    for name, content in SHIPPED.items():
        if "/" not in name:
            host.write(layout.PACKAGED.replace(layout.COMPILER, name), content)
            host.units[name] = UnitState("disabled")
    host.users = {"blockd"}
    host.write("/etc/blockd", node=Node(Kind.DIRECTORY))
    host.write("/run/blockd", node=Node(Kind.DIRECTORY))
    return host


def with_configuration(content):
    host = Host.with_resolved(lists=True)
    host.write(layout.CONFIG, content)
    return host
