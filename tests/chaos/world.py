"""What a gateway's tables ought to hold after everything that was done to it, and what is wrong.

Pure, and naive on purpose: every address has what its longest entry says, found by walking up.
No entry here has a neighbour that it could be merged with; merging is tested elsewhere.
"""

import ipaddress
from dataclasses import dataclass, field

from tests.chaos.kernel import Route, Rule

TABLE, PREFERENCE, PROTOCOL = 5354, 5354, 177
OWNED = (TABLE, TABLE + 1)
LOWEST = {4: 0, 6: 1}
"""The metric of owned routes; IPv6 reads 0 as 1024."""


def family(prefix):
    return 6 if ":" in prefix else 4


@dataclass
class World:
    """A list, a host and the belongings of others."""

    listed: dict[str, str] = field(default_factory=dict)
    """Prefix to type; empty: the configuration's."""
    excepted: set[str] = field(default_factory=set)
    default: str = "blackhole"
    addresses: dict[str, str] = field(default_factory=dict)
    """Addresses of interfaces with their lengths, each with its device."""
    hops: dict[int, str] = field(default_factory=dict)
    """The default gateways, by family."""
    foreign: set[Route] = field(default_factory=set)
    strangers: set[Rule] = field(default_factory=set)

    def desired(self):
        """Return what the owned table holds: prefix to type."""
        kinds = {prefix: kind or self.default for prefix, kind in self.listed.items()}
        networks = {str(ipaddress.ip_interface(each).network) for each in self.addresses}
        hops = {str(ipaddress.ip_network(each)) for each in self.hops.values()}
        kinds |= dict.fromkeys(self.excepted | networks | hops, "throw")
        by_key = {_key(prefix): kind for prefix, kind in kinds.items()}
        routes = {}
        for prefix, kind in kinds.items():
            around = _around(_key(prefix), by_key)
            nothing_to_cut = kind == "throw" and around is None
            if around != kind and not nothing_to_cut:
                routes[prefix] = kind
        return routes

    def wrong(self, routes, rules):
        """Return, in words, everything in which the kernel is not as it ought to be.

        Args:
            routes: all tables' routes, as a set.
            rules: all rules, as a list.
        """
        found = [f"foreign {each} is gone" for each in sorted(self.foreign - routes)]
        found += [f"foreign {each} is gone" for each in sorted(self.strangers - set(rules))]
        for route in sorted(routes):
            if route.protocol != PROTOCOL:
                if route.table in OWNED and route not in self.foreign:
                    found.append(f"{route} is nobody's")
            elif route.table not in OWNED:
                found.append(f"{route} is in a table of others")
        desired = self.desired()
        for version in (4, 6):
            own = [rule for rule in rules if rule.family == version and rule.protocol == PROTOCOL]
            tables = [rule.table for rule in own if rule.preference == PREFERENCE]
            if len(own) != 1 or len(tables) != 1 or tables[0] not in OWNED or own[0].source:
                found.append(f"the rules of IPv{version} are {own}")
                continue
            found += self._wrong_routes(version, tables[0], desired, routes)
        return found

    def _wrong_routes(self, version, active, desired, routes):
        taken = self.squatted(active)
        right = {
            Route(active, prefix, kind, PROTOCOL, LOWEST[version])
            for prefix, kind in desired.items()
            if family(prefix) == version and prefix not in taken
        }
        owned = {
            route
            for route in routes
            if route.protocol == PROTOCOL and family(route.prefix) == version
        }
        return [f"{each} is missing" for each in sorted(right - owned)] + [
            f"{each} is too much" for each in sorted(owned - right)
        ]

    def squatted(self, table):
        """Return the prefixes whose very place in a table a foreign route has."""
        return {
            route.prefix
            for route in self.foreign
            if route.table == table and route.metric == LOWEST[family(route.prefix)]
        }


def _key(prefix):
    network = ipaddress.ip_network(prefix)
    return network.max_prefixlen, int(network.network_address), network.prefixlen


def _around(key, kinds):
    """Return the type of the narrowest entry around one; None: there is none."""
    width, network, length = key
    for wider in range(length - 1, -1, -1):
        cut = network >> (width - wider) << (width - wider)
        if (width, cut, wider) in kinds:
            return kinds[width, cut, wider]
    return None
