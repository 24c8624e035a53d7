"""What is done to a gateway at random: by its operator, by other programs, by accident.

Each step does one thing to the namespace, and to the world what must come of it. What it draws
depends on the world alone, never on the kernel or on time, so that a seed is one sequence.
"""

from tests import topology
from tests.chaos.kernel import Route, Rule
from tests.chaos.world import LOWEST, OWNED, PREFERENCE, PROTOCOL, TABLE, family

KINDS = ("blackhole", "unreachable", "prohibit")
WIDE = ("198.19.0.0/16", "2001:db8:8000::/33")
"""Listed now and then; the host's addresses and next hops come and go within them."""
STATIC, BOOT, BGP = 4, 3, 186
"""Marks of other programs: linux/rtnetlink.h, RTPROT_*."""
MAIN, OTHERS = 254, (100, 4000)
_VIA = {4: topology.INTERNET_V4, 6: topology.INTERNET_V6}


def narrow(rng, count):
    """Return prefixes that lie in none of each other, and next to none."""
    v4 = [f"198.18.{number}.0/26" for number in range(1, 256)]
    v6 = [f"2001:db8:{number:x}::/52" for number in range(1, 256)]
    return rng.sample(v4, count // 2) + rng.sample(v6, count - count // 2)


def fresh_list(rng, count):
    """Return a list of prefixes: each with its type, or with the configuration's."""
    return {prefix: rng.choice(("", *KINDS)) for prefix in narrow(rng, count)}


def _some(rng, things, most):
    things = sorted(things)
    return rng.sample(things, min(len(things), rng.randint(1, most)))


def _each(site, prefixes, line):
    """Run a line for each prefix and owned table; `{}` are the prefix and the table."""
    for version in (4, 6):
        lines = [
            line.format(prefix=prefix, table=table, metric=LOWEST[version])
            for prefix in prefixes
            if family(prefix) == version
            for table in OWNED
        ]
        if lines:
            site.ip(version, *lines)


def delete_routes(site, rng):
    prefixes = _some(rng, site.world.desired(), 20)
    _each(site, prefixes, f"route del {{prefix}} table {{table}} proto {PROTOCOL}")


def delete_all_routes(site, rng):
    version = rng.choice((4, 6))
    site.ip(version, *(f"route flush table {table} proto {PROTOCOL}" for table in OWNED))


def flush_tables(site, _rng):
    for version in (4, 6):
        site.ip(version, *(f"route flush table {table}" for table in OWNED))
    site.world.foreign = {each for each in site.world.foreign if each.table not in OWNED}


def change_types(site, rng):
    taken = {prefix for table in OWNED for prefix in site.world.squatted(table)}
    prefixes = _some(rng, site.world.desired().keys() - taken, 10)
    kind = rng.choice((*KINDS, "throw"))
    _each(site, prefixes, f"route replace {kind} {{prefix}} table {{table}} proto {PROTOCOL}"
          " metric {metric}")  # fmt: skip


def add_strays(site, rng):
    """Routes with blockd's mark that no list asked for."""
    kind, metric = rng.choice(KINDS), rng.choice((5, 1024))
    line = f"route add {kind} {{prefix}} table {{table}} proto {PROTOCOL} metric {metric}"
    _each(site, narrow(rng, 4), line)


def squat(site, rng):
    """Another program's routes in the very places of ours."""
    for prefix in _some(rng, site.world.desired(), 3):
        version = family(prefix)
        table = rng.choice(OWNED)
        metric = LOWEST[version]
        if prefix in site.world.squatted(table):
            continue
        via = _VIA[version]
        words = f"{prefix} via {via} table {table} proto {STATIC} metric {metric}"
        site.ip(version, f"route replace {words}")
        site.world.foreign.add(Route(table, prefix, "unicast", STATIC, metric, via))


def add_foreign_routes(site, rng):
    for prefix in narrow(rng, 6):
        version = family(prefix)
        table = rng.choice((*OWNED, *OWNED, MAIN, *OTHERS))
        protocol, metric = rng.choice((STATIC, BOOT, BGP)), rng.choice((50, 700))
        kind = rng.choice(("unicast", "unicast", *KINDS, "throw"))
        via = _VIA[version] if kind == "unicast" else ""
        route = Route(table, prefix, kind, protocol, metric, via)
        if any(each[:2] == route[:2] for each in site.world.foreign):
            continue
        words = f"{prefix} via {via}" if via else f"{kind} {prefix}"
        site.ip(version, f"route add {words} table {table} proto {protocol} metric {metric}")
        site.world.foreign.add(route)


def remove_foreign_routes(site, rng):
    for route in _some(rng, site.world.foreign, 6) if site.world.foreign else ():
        words = f"{route.prefix} table {route.table} proto {route.protocol} metric {route.metric}"
        site.ip(family(route.prefix), f"route del {words}")
        site.world.foreign.remove(route)


def delete_rules(site, rng):
    for version in rng.choice(((4,), (6,), (4, 6))):
        site.ip(version, f"rule del preference {PREFERENCE}")


def add_rules_with_our_mark(site, rng):
    table, preference = rng.choice(OWNED), rng.choice((PREFERENCE, PREFERENCE - 1, 9000))
    for version in (4, 6):
        site.ip(version, f"rule add preference {preference} table {table} protocol {PROTOCOL}")


def add_foreign_rules(site, rng):
    version = rng.choice((4, 6))
    number = rng.randrange(256)
    source = f"10.99.{number}.0/24" if version == 4 else f"fd99:{number:x}::/32"
    rule = Rule(version, rng.randrange(8000, 9000), rng.choice((TABLE, 100)), STATIC, source)
    if any(each[:2] == rule[:2] for each in site.world.strangers):
        return
    site.ip(version, f"rule add {_words(rule)}")
    site.world.strangers.add(rule)


def remove_foreign_rules(site, rng):
    for rule in _some(rng, site.world.strangers, 3) if site.world.strangers else ():
        site.ip(rule.family, f"rule del {_words(rule)}")
        site.world.strangers.remove(rule)


def _words(rule):
    return f"preference {rule.preference} from {rule.source} table {rule.table} protocol {STATIC}"


def loopback_down_and_up(site, _rng):
    """IPv6 null routes hang on it, those of others too, and go with it."""
    site.ip(4, "link set lo down", "link set lo up")
    site.world.foreign = {
        each for each in site.world.foreign if family(each.prefix) == 4 or each.kind == "unicast"
    }


def change_addresses(site, rng):
    """Networks within listed prefixes are connected, or no longer."""
    number = rng.randrange(2, 256, 2)
    for address in (f"198.19.{number}.1/24", f"2001:db8:8000:{number:x}::1/64"):
        version = family(address)
        device = site.world.addresses.pop(address, None)
        if device:
            site.ip(version, f"address del {address} dev {device}")
            continue
        device = rng.choice(("lan", "wan"))
        site.ip(version, f"address add {address} dev {device}{' nodad' * (version == 6)}")
        site.world.addresses[address] = device


def remove_addresses(site, rng):
    for address in _some(rng, site.world.addresses, 8) if site.world.addresses else ():
        site.ip(family(address), f"address del {address} dev {site.world.addresses.pop(address)}")


def change_default_routes(site, rng):
    """The next hop of all that is not listed moves into a listed prefix, or out of it."""
    number = rng.randrange(1, 256, 2)
    version = rng.choice((4, 6))
    inside = {4: f"198.19.{number}.9", 6: f"2001:db8:8000:{number:x}::9"}
    hop = rng.choice((_VIA, inside))[version]
    site.ip(version, f"route replace default via {hop} dev wan onlink")
    site.world.hops[version] = hop


def kill_the_daemon(site, _rng):
    site.kill()


def suspend_the_daemon(site, _rng):
    site.suspend()


def list_a_few(site, rng):
    world = site.world
    for prefix in _some(rng, world.listed.keys() - set(WIDE), 5):
        if len(world.listed) > 20:
            del world.listed[prefix]
    for prefix in narrow(rng, 4):
        world.listed.setdefault(prefix, rng.choice(("", *KINDS)))
    _drop_idle_exceptions(world)
    site.write_list()


def list_something_else(site, rng):
    world = site.world
    wide = {prefix: kind for prefix, kind in world.listed.items() if prefix in WIDE}
    world.listed = fresh_list(rng, rng.randint(40, 200)) | wide
    world.excepted = set()
    site.write_list()


def list_the_wide(site, rng):
    """Prefixes around the host's own networks."""
    for prefix in WIDE:
        if site.world.listed.pop(prefix, None) is None:
            site.world.listed[prefix] = rng.choice(KINDS)
    _drop_idle_exceptions(site.world)
    site.write_list()


def list_other_types(site, rng):
    for prefix in _some(rng, site.world.listed, 30):
        site.world.listed[prefix] = rng.choice(("", *KINDS))
    site.write_list()


def except_a_few(site, rng):
    world = site.world
    world.excepted = set()
    for prefix in _some(rng, world.listed.keys() - set(WIDE), 6):
        address, _, length = prefix.partition("/")
        world.excepted.add(f"{address}/{int(length) + 4}")
    site.write_list()


def _drop_idle_exceptions(world):
    """An exception without its entry is no fault, but it is none of this either."""
    starts = {prefix.partition("/")[0] for prefix in world.listed}
    world.excepted = {each for each in world.excepted if each.partition("/")[0] in starts}


def configure_another_type(site, rng):
    site.set_default(rng.choice(KINDS))


OUTSIDE = (
    delete_routes, delete_all_routes, flush_tables, change_types, add_strays, squat,
    add_foreign_routes, remove_foreign_routes, delete_rules, add_rules_with_our_mark,
    add_foreign_rules, remove_foreign_rules, loopback_down_and_up,
)  # fmt: skip
HOST = (change_addresses, remove_addresses, change_default_routes)
LIST = (
    list_a_few, list_something_else, list_the_wide, list_other_types, except_a_few,
    configure_another_type,
)  # fmt: skip
DAEMON = (kill_the_daemon, suspend_the_daemon)
KINDS_OF_STEPS = {"outside": OUTSIDE, "host": HOST, "list": LIST, "daemon": DAEMON}
"""In the order in which they count for a burst: the last one that took part."""
