"""What must stay reachable is read as often as it has to be, and no more."""

import itertools

import pytest

from blockd import prefixes
from blockd.config import Config, Network, RoutesSection
from blockd.routes.events import Fact, News, Touched
from blockd.routes.surroundings import Surroundings
from tests import topology
from tests.routes.test_kernel import ip, kernel

P = prefixes.parse
EVERYTHING = News(Touched.ROUTES | Touched.RULES | Touched.HOST | Touched.ELSEWHERE)
HOP, OWN, CONNECTED = "next hop of a route", "address of this host", "connected network"


@pytest.fixture
def space():
    with topology.namespace() as made:
        yield made


class Clock:
    """Seconds; `cost` of them go by in each reading of the tables of others."""

    def __init__(self, table, cost):
        self.now, self.readings = 1000.0, 0
        elsewhere = table.elsewhere

        def slow(tables):
            self.now += cost
            self.readings += 1
            return elsewhere(tables)

        table.elsewhere = slow

    def __call__(self):
        return self.now


def gateway():
    ip("link add up0 type veth peer name up1")
    ip("link set up0 up")
    ip("link set up1 up")
    ip("addr add 10.53.0.1/24 dev up0")
    ip("route add default via 10.53.0.20")


@pytest.mark.root
def test_the_first_look_learns_everything_and_the_next_ones_what_is_new(space):
    def inside():
        gateway()
        with kernel() as table:
            seen = Surroundings(itertools.count().__next__)
            assert seen.look(table, Config(), News())
            assert seen.facts[P("10.53.0.20")] == HOP
            assert seen.facts[P("10.53.0.1")] == OWN
            assert seen.facts[P("127.0.0.0/8")] == "loopback"
            before = seen.facts
            assert not seen.look(table, Config(), EVERYTHING)
            assert seen.facts is before
            ip("addr add 198.18.7.1/24 dev up0")
            assert not seen.look(table, Config(), News(Touched.ROUTES))
            assert seen.look(table, Config(), News(Touched.HOST))
            assert seen.facts[P("198.18.7.0/24")] == CONNECTED
            protecting = Config(routes=RoutesSection(protect=(Network.parse("198.19.0.0/28"),)))
            assert seen.look(table, protecting, News())
            assert P("198.19.0.0/28") in seen.facts

    space.call(inside)


@pytest.mark.root
def test_tables_of_others_are_read_at_most_a_hundredth_of_the_time(space):
    def inside():
        gateway()
        with kernel() as table:
            clock = Clock(table, cost=0.4)
            seen = Surroundings(clock)
            seen.look(table, Config(), EVERYTHING)
            assert clock.readings == 1
            ip("route add 198.19.1.0/24 via 198.18.9.9 dev up0 onlink")
            clock.now += 30
            assert seen.postponed is None
            assert not seen.look(table, Config(), News(Touched.ELSEWHERE))
            assert seen.postponed == pytest.approx(10)
            clock.now += 11
            assert seen.postponed == 0
            # What a notice tells is not kept waiting by the rest.
            hop = (Fact(4, 254, P("198.18.9.6"), HOP),)
            assert seen.look(table, Config(), News(Touched.ELSEWHERE, facts=hop))
            assert (clock.readings, seen.postponed) == (1, 0)
            assert seen.look(table, Config(), EVERYTHING)
            assert seen.postponed is None
            assert (clock.readings, seen.facts[P("198.18.9.9")]) == (2, HOP)
            # What a notice says needs no reading, and a table that a new rule names is read now.
            told = Fact(4, 254, P("198.18.9.8"), HOP), Fact(4, 100, P("198.18.9.7"), HOP)
            assert seen.look(table, Config(), News(facts=told))
            assert P("198.18.9.7") not in seen.facts  # no rule looks that table up
            assert (clock.readings, P("198.18.9.8") in seen.facts) == (2, True)
            ip("route add default via 10.53.0.77 table 100")
            assert not seen.look(table, Config(), News(Touched.RULES))
            ip("rule add pref 100 from 10.53.0.0/24 table 100")
            assert seen.look(table, Config(), News(Touched.RULES))
            assert (clock.readings, seen.facts[P("10.53.0.77")]) == (3, HOP)
            # What was only told, and is gone, is forgotten with the next reading.
            assert P("198.18.9.8") not in seen.facts

    space.call(inside)
