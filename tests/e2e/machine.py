"""A machine of its own in a namespace, as its main one is: DHCP, two uplinks, someone logged in.

Its first link has leased addresses, a default route to a router beside it and a link-local one
for IPv6; its second has a routing table of its own, reached by rules. At the other ends there is
one namespace that plays router, neighbours, name server and internet.
"""

import contextlib
import shutil
import socket
from dataclasses import dataclass, field
from pathlib import Path

from tests import topology
from tests.e2e.gateway import FAMILIES, socket_in
from tests.topology import Namespace

OWN = ("198.18.10.5", "2001:db8:10::5", "fe80::5", "198.18.20.5")
"""The machine's addresses; the last is its second link's."""
LOOPBACK = ("127.0.0.1", "::1")
LINKS = ("eth0", "eth1")
NEIGHBOURS = ("198.18.10.9", "2001:db8:10::9", "fe80::9")
ROUTERS = ("198.18.10.1", "fe80::1")
SECOND_ROUTER = "198.18.30.1"
"""The next hop of the second link's table; no address of the machine is in its network."""
NAME_SERVERS = ("198.18.53.53", "2001:db8:53::53")
ELSEWHERE = ("198.19.66.1", "2001:db8:66::1")
"""Of no use to the machine; every list here names them."""
OPEN = ("198.19.77.1", "2001:db8:4077::1")
LEASE = "valid_lft 600 preferred_lft 300"
SSH = 22
TABLE = 1000
_BYTE = b"."


@dataclass
class Machine:
    """The machine, what is around it, and connections between both."""

    space: Namespace
    around: Namespace
    sessions: list = field(default_factory=list)
    listening: dict = field(default_factory=dict)
    scope = 2
    """The first link's index, on both sides: nothing but loopback was made before it."""

    def listen(self):
        """Accept connections on both sides, to any address there is."""
        for space in (self.space, self.around):
            for version, family in FAMILIES.items():
                sock = socket_in(space, family, socket.SOCK_STREAM)
                if version == 6:
                    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                sock.bind(("", SSH))
                sock.listen()
                sock.settimeout(2)
                self.listening[space.name, version] = sock

    def connect(self, *targets, inbound=False):
        """Open a connection to each address; return both ends of each, or the error's number.

        Inbound ones come to the machine; its own go around, or by loopback to itself.
        """
        origin, other = (self.around, self.space) if inbound else (self.space, self.around)
        opened = []
        for target, client in zip(targets, _sockets(origin, targets), strict=True):
            acceptor = self.space if target in LOOPBACK else other
            client.settimeout(2)
            scope = (0, self.scope) if target.startswith("fe80:") else ()
            try:
                client.connect((target, SSH, *scope))
                server, _ = self.listening[acceptor.name, 6 if ":" in target else 4].accept()
            except OSError as error:
                client.close()
                opened.append(error.errno)
            else:
                server.settimeout(2)
                opened.append((client, server))
        return opened

    def log_in(self):
        """Have neighbours open connections to all its addresses, which stay open."""
        self.sessions = self.connect(*OWN, inbound=True)

    def goes_on(self):
        """Say something in both directions of each session, and hear it."""
        for client, server in self.sessions:
            assert said(client, server)
            assert said(server, client)

    def close(self):
        for sock in (*self.listening.values(), *(end for both in self.sessions for end in both)):
            sock.close()


def said(one, other):
    """Tell whether what one end says comes to the other."""
    one.send(_BYTE)
    return other.recv(1) == _BYTE


def _sockets(space, targets):
    """Return a socket of a namespace for each address: as `socket_in`, by one child for all."""
    ours, theirs = socket.socketpair()

    def inside():
        made = [socket.socket(FAMILIES[6 if ":" in target else 4]) for target in targets]
        socket.send_fds(theirs, [b"."], [sock.fileno() for sock in made])

    with ours, theirs:
        space.call(inside)
        _, descriptors, _, _ = socket.recv_fds(ours, 1, len(targets))
        return [socket.socket(fileno=each) for each in descriptors]


@contextlib.contextmanager
def machine():
    """Make both namespaces, and connections from neighbours."""
    with topology.namespace("main") as space, topology.namespace("around") as around:
        made = Machine(space, around)
        for each in (space, around):
            each.sysctl(
                "net.ipv6.conf.all.accept_dad=0",
                "net.ipv6.conf.default.accept_dad=0",
                "net.ipv6.conf.default.accept_ra=0",
                "net.ipv6.ip_nonlocal_bind=1",
            )
        _around(made)
        _own(made)
        directory = Path("/etc/netns") / space.name
        directory.mkdir(parents=True)
        servers = "".join(f"nameserver {each}\n" for each in NAME_SERVERS)
        (directory / "resolv.conf").write_text(servers)
        try:
            made.listen()
            made.log_in()
            yield made
        finally:
            made.close()
            shutil.rmtree(directory)


def _around(made):
    for device in LINKS:
        made.space.ip(f"link add {device} type veth peer name {device} netns {made.around.name}")
        made.around.ip(f"link set {device} up")
        made.space.ip(f"link set {device} up")
    for address in ("198.18.10.1/24", "198.18.10.9/24", "2001:db8:10::9/64", "fe80::1/64",
                    "fe80::9/64", "198.18.40.1/24"):  # fmt: skip
        made.around.ip(f"address add {address} dev eth0")
    for address in ("198.18.20.9/24", f"{SECOND_ROUTER}/24"):
        made.around.ip(f"address add {address} dev eth1")
    for prefix in ("198.19.0.0/16", "198.18.53.0/24", "2001:db8:53::/48", "2001:db8:66::/48",
                   "2001:db8:4077::/48"):  # fmt: skip
        made.around.ip(f"route add local {prefix} dev lo")


def _own(made):
    v4, v6, local, second = OWN
    # As DHCP clients do it that bring their own routes: networkd, NetworkManager.
    made.space.ip(f"address add {v4}/24 dev eth0 noprefixroute {LEASE}")
    made.space.ip(f"route add 198.18.10.0/24 dev eth0 proto dhcp src {v4} metric 100")
    made.space.ip(f"route add default via {ROUTERS[0]} dev eth0 proto dhcp src {v4} metric 100")
    made.space.ip(f"address add {v6}/64 dev eth0 {LEASE}")
    made.space.ip(f"address add {local}/64 dev eth0")
    made.space.ip(f"-6 route add default via {ROUTERS[1]} dev eth0 proto ra metric 100")
    made.space.ip(f"address add {second}/24 dev eth1")
    made.space.ip(f"route add {SECOND_ROUTER}/32 dev eth1 proto dhcp table {TABLE}")
    made.space.ip(f"route add default via {SECOND_ROUTER} dev eth1 proto dhcp table {TABLE}")
    made.space.ip(f"rule add preference 1000 from {second} lookup {TABLE}")
    made.space.ip(f"rule add preference 30000 to 198.18.30.0/24 lookup {TABLE}")
    made.around.ip(f"route add {second}/32 dev eth1", check=False)
