"""The plane's step: it adopts what is current and whole, and keeps what it has otherwise."""

import logging
from datetime import UTC, datetime

import msgspec
import pytest

from blockd import prefixes
from blockd.config import (
    Config,
    GuardSection,
    ListSection,
    Network,
    RoutesSection,
    ServiceSection,
)
from blockd.errors import ConfigError, GuardError, KernelError, StoreError
from blockd.policy import publish
from blockd.policy.store import Store, digest
from blockd.policy.writer import write
from blockd.watchlist import formats
from blockd.watchlist.compile import compile_rules
from tests import topology
from tests.cli.program import RULES
from tests.routes.test_kernel import ip

pytestmark = pytest.mark.root

P = prefixes.parse


@pytest.fixture
def space():
    with topology.namespace() as made:
        yield made


class State:
    """A state directory of the test's, its list, and a configuration."""

    def __init__(self, place):
        self.rules = place / "rules.toml"
        self.store = Store(place / "state")
        self.config = Config(list=ListSection(paths=(str(self.rules),)))

    def commit(self, text=RULES):
        self.rules.write_text(text)
        return publish.publish(self.store, self.config, datetime.now(UTC)).number

    def force(self, text):
        """Make a list current that no guard has seen."""
        number = self.store.current() + 1
        parsed = formats.parse(text.encode(), "forced.toml")
        scratch = self.store.scratch()
        write(scratch, number, compile_rules([parsed], datetime.now(UTC).date()))
        last = self.store.record(number - 1)
        record = msgspec.structs.replace(last, number=number, file_sha256=digest(scratch))
        self.store.publish(record, scratch)

    def plane(self, **options):
        topology.assert_isolated()
        from blockd.routes.plane import Plane

        config = msgspec.structs.replace(self.config, **options)
        return Plane(config, self.store, None)


@pytest.fixture
def state(tmp_path):
    return State(tmp_path)


def step(plane, touched="ALL"):
    from blockd.routes.events import News, Touched

    every = Touched.ROUTES | Touched.RULES | Touched.HOST | Touched.ELSEWHERE
    plane.follow(News(every if touched == "ALL" else Touched[touched]))


def test_without_a_generation_nothing_is_touched(space, state):
    def inside():
        plane = state.plane()
        assert plane.status()["ready"] is False
        plane.open()
        ip("route add blackhole 198.18.1.0/24 proto 177 table 5354")
        step(plane)
        assert "198.18.1.0/24" in ip("route show table 5354")
        assert "5354" not in ip("rule")
        assert not plane.ready
        assert plane.summary.startswith("Waiting for the first generation")
        assert (plane.status()["generation"], plane.status()["enforcing"]) == (None, False)
        assert state.plane(service=ServiceSection(start_without_list=True)).ready

    space.call(inside)


def test_each_generation_is_adopted_once_and_shown(space, state):
    def inside():
        state.commit()
        plane = state.plane()
        plane.open()
        step(plane)
        assert plane.ready
        assert plane.summary == "Generation 1: 3 routes"
        assert plane.status() == {
            "plane": "routes",
            "ready": True,
            "generation": 1,
            "enforcing": True,
            "problems": [],
            "table": 5354,
            "active": {"v4": 5354, "v6": 5354},
            "bypassed_by": [],
            "desired": 3,
            "actual": 3,
            "missing": 0,
            "foreign": [],
            "cuts": [],
            "last_scan": plane.status()["last_scan"],
            "last_repair": None,
            "counters": {
                "installed": 3,
                "withdrawn": 0,
                "restored": 0,
                "refused": 0,
                "foreign": 0,
                "cut": 0,
                "bypasses": 0,
                "passes": 1,
                "scans": 1,
                "swaps": 0,
            },
        }
        state.commit(RULES.replace("198.18.1.0/28", "198.18.2.0/28").replace(".1.8/32", ".2.8/32"))
        step(plane, "NOTHING")
        assert plane.status()["generation"] == 2
        assert plane.status()["counters"]["withdrawn"] == 2
        assert "198.18.1." not in ip("route show table 5354")
        assert ip("rule").count("5354") == 2  # preference and table of the one rule

    space.call(inside)


def test_what_others_take_away_comes_back_with_the_next_step(space, state):
    def inside():
        state.commit()
        plane = state.plane()
        plane.open()
        step(plane)
        ip("route flush table 5354")
        ip("rule del pref 5354")
        step(plane, "ROUTES")
        assert "198.18.1.0/28" in ip("route show table 5354")
        found = plane.status()
        assert (found["missing"], found["enforcing"]) == (0, True)
        assert found["counters"]["restored"] == 3
        assert found["last_repair"] is not None

    space.call(inside)


def test_a_new_address_of_the_host_is_cut_out_when_it_is_told(space, state):
    def inside():
        state.commit()
        plane = state.plane()
        plane.open()
        step(plane)
        ip("addr add 198.18.1.1/32 dev lo")
        step(plane, "ROUTES")
        assert plane.status()["cuts"] == []
        step(plane, "HOST")
        (cut,) = plane.status()["cuts"]
        assert cut == {
            "entry": "198.18.1.0/28",
            "protected": "198.18.1.1/32",
            "why": "address of this host",
            "whole": False,
        }
        assert "throw 198.18.1.1 " in ip("route show table 5354")

    space.call(inside)


def test_what_notices_tell_is_put_back_before_anything_is_scanned(space, state):
    def inside():
        from blockd.routes.events import Fact, News

        state.commit()
        plane = state.plane()
        plane.open()
        step(plane)
        events = plane.events()
        ip("route flush table 5354")
        ip("rule del pref 5354")
        scans = plane.status()["counters"]["scans"]
        plane.follow(events.read())
        found = plane.status()
        assert "198.18.1.0/28" in ip("route show table 5354")
        assert ip("rule").count("5354") == 2
        assert (found["counters"]["restored"], found["counters"]["scans"]) == (3, scans)
        # A new next hop is cut out by what its notice says.
        plane.follow(News(facts=(Fact(4, 254, P("198.18.1.4"), "next hop of a route"),)))
        assert "throw 198.18.1.4 " in ip("route show table 5354")
        events.close()

    space.call(inside)


def many(at):
    prefixes = ", ".join(f'"198.18.{n}.0/26"' for n in range(at, at + 40))
    return f'[[platform]]\nid = "p"\nprefixes = [{prefixes}]\n'


def test_a_replacement_moves_to_the_other_table_and_a_restart_finds_it_there(space, state):
    def inside():
        state.commit(many(1))
        plane = state.plane()
        plane.open()
        step(plane)
        state.force(many(101))
        step(plane)
        found = plane.status()
        assert found["active"] == {"v4": 5355, "v6": 5354}
        assert (found["table"], found["actual"], found["counters"]["swaps"]) == (5354, 40, 1)
        assert ip("route show table 5354") == ""
        assert "lookup 5355" in ip("rule")
        plane.close()
        again = state.plane()
        again.open()
        step(again)
        assert again.status()["active"] == {"v4": 5355, "v6": 5354}
        assert again.status()["counters"]["installed"] == 0

    space.call(inside)


def test_it_does_not_claim_to_enforce_what_others_lead_past_it(space, state):
    def inside():
        state.commit()
        plane = state.plane()
        plane.open()
        step(plane)
        ip("rule add pref 100 from 198.18.0.0/16 table 100")
        step(plane, "RULES")
        found = plane.status()
        assert found["bypassed_by"] == [
            "rule for IPv4, preference 100, looks table 100 up for some packets"
        ]
        assert (found["enforcing"], found["counters"]["bypasses"]) == (True, 1)
        ip("rule add pref 101 table 100")
        step(plane, "RULES")
        assert len(plane.status()["bypassed_by"]) == 2
        assert not plane.status()["enforcing"]
        ip("rule del pref 101")
        step(plane, "RULES")
        assert plane.status()["enforcing"]
        for words, enforcing in (
            ("throw 198.18.1.2/32 proto static", False),
            ("blackhole 198.18.1.3/32 proto static", True),
            ("throw 198.18.2.0/24 proto static", True),  # of nothing that is listed
            ("throw 198.18.1.0/28 proto static metric 9", True),  # ours comes first
        ):
            ip(f"route add {words} table 5354")
            step(plane)
            assert plane.status()["enforcing"] is enforcing, words
            ip(f"route del {words} table 5354")
            step(plane)
            assert plane.status()["enforcing"]
        ip("route replace blackhole 198.18.1.0/28 proto static table 5354")
        step(plane)  # a stranger has the place
        assert (plane.status()["missing"], plane.status()["enforcing"]) == (1, False)

    space.call(inside)


def test_a_list_of_everything_is_refused_once_and_the_old_one_stays(space, state):
    def inside():
        state.commit()
        plane = state.plane()
        plane.open()
        step(plane)
        state.force('[[platform]]\nid = "p"\nprefixes = ["0.0.0.0/1", "128.0.0.0/1"]\n')
        with pytest.raises(GuardError, match="covers the whole of IPv4"):
            step(plane)
        ip("route flush table 5354")
        step(plane)  # not again: it goes on with the old one
        assert plane.status()["generation"] == 1
        assert "198.18.1.0/28" in ip("route show table 5354")
        state.commit(RULES + "# mended\n")
        step(plane)
        assert plane.status()["generation"] == 3

    space.call(inside)


def test_a_damaged_generation_leaves_the_one_before_in_force(space, state):
    def inside():
        state.commit()
        plane = state.plane()
        plane.open()
        step(plane)
        state.commit(RULES.replace("198.18.1.0/28", "198.18.2.0/28"))
        state.store.generation_path(2).write_bytes(b"damaged")
        step(plane)
        assert plane.status()["generation"] == 1
        assert "198.18.1.0/28" in ip("route show table 5354")

    space.call(inside)


def test_without_one_whole_generation_it_is_an_error_and_the_routes_stay(space, state):
    def inside():
        state.commit()
        plane = state.plane()
        plane.open()
        step(plane)
        state.commit(RULES + "# again\n")
        for number in (1, 2):
            state.store.generation_path(number).write_bytes(b"damaged")
        with pytest.raises(StoreError, match="no generation can be used"):
            step(plane)
        assert "198.18.1.0/28" in ip("route show table 5354")

    space.call(inside)


def test_a_configuration_that_is_read_again_decides_from_then_on(space, state):
    def inside():
        state.commit()
        plane = state.plane()
        plane.open()
        step(plane)
        routes = RoutesSection(type="prohibit", protect=(Network.parse("2001:db8:1::/48"),))
        plane.reread(lambda: msgspec.structs.replace(state.config, routes=routes))
        step(plane, "NOTHING")
        assert "prohibit 198.18.1.0/28" in ip("route show table 5354")
        assert "2001:db8" not in ip("-6 route show table 5354")
        assert [cut["whole"] for cut in plane.status()["cuts"]] == [True]

    space.call(inside)


def test_table_rule_and_mark_stay_as_they_were_at_the_start(space, state, caplog):
    def inside():
        state.commit()
        plane = state.plane()
        plane.open()
        step(plane)
        other = RoutesSection(table=99, preference=98, protocol=97)
        plane.reread(lambda: msgspec.structs.replace(state.config, routes=other))
        step(plane)
        assert "restart the daemon" in caplog.text
        assert plane.status()["table"] == 5354
        assert "lookup 99" not in ip("rule")

    space.call(inside)


def test_a_wrong_configuration_changes_nothing_and_is_shown_until_mended(space, state, caplog):
    def wrong():
        raise ConfigError("blockd.toml: unknown key `x`")

    def inside():
        caplog.set_level(logging.ERROR)
        state.commit()
        plane = state.plane()
        plane.open()
        step(plane)
        for _ in range(3):
            plane.reread(wrong)
            step(plane)
        said = "blockd.toml: unknown key `x`; nothing changed"
        assert plane.status()["problems"] == [said]
        assert plane.summary == f"Generation 1: 3 routes; {said}"
        assert caplog.messages == [said]  # once
        plane.reread(lambda: state.config)
        step(plane)
        assert plane.status()["problems"] == []

    space.call(inside)


def test_a_dead_socket_is_an_error_and_a_new_one_goes_on(space, state):
    def inside():
        state.commit()
        plane = state.plane()
        with pytest.raises(KernelError, match="no netlink socket is open"):
            step(plane)
        plane.open()
        plane.require_permission()
        step(plane)
        plane.events().close()
        plane.close()
        with pytest.raises(KernelError, match="no netlink socket is open"):
            plane.events()
        plane.note("kernel", "it was dead")
        ip("route flush table 5354")
        plane.open()
        step(plane)
        assert plane.status()["counters"]["restored"] == 2
        assert plane.status()["problems"] == []

    space.call(inside)


def test_shorter_prefixes_come_only_where_the_operator_allows_them(space, state):
    def inside():
        state.config = msgspec.structs.replace(state.config, guard=GuardSection(shortest_v4=15))
        state.commit(RULES.replace("198.18.1.0/28", "198.18.0.0/15"))
        plane = state.plane()
        plane.open()
        step(plane)
        assert "blackhole 198.18.0.0/15 proto 177" in ip("route show table 5354")

    space.call(inside)
