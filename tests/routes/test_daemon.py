"""The route daemon as a process, in namespaces of our own: it follows, mends, and keeps."""

import asyncio
import shutil
import signal
import time
from unittest import mock

import pytest

from blockd.prefixes import Prefix
from blockd.routes.model import Kind
from blockd.routes.plan import diff
from blockd.service import control
from tests import topology
from tests.cli.program import RULES, Gateway, daemon, until
from tests.routes.test_kernel import TABLE, ip

pytestmark = pytest.mark.root

STATIC = 4  # linux/rtnetlink.h: another's mark
ROUTE = "route show table 5354"
OTHER = RULES.replace("198.18.1.0/28", "198.18.2.0/28")


@pytest.fixture
def space():
    with topology.namespace() as made:
        yield made


@pytest.fixture
def gateway(tmp_path):
    made = Gateway(tmp_path)
    made.configure(routes=True)
    return made


@pytest.fixture
def start(gateway, space):
    """Start the daemon in the namespace; it is ended with the test."""
    return lambda: daemon(gateway.argv("route"), gateway.place, space=space)


@pytest.fixture
def running(gateway, start):
    """The daemon, when it enforces the first generation."""
    gateway.run("compile")
    with start() as routes:
        routes.notices.until("READY=1")
        yield routes


def status(gateway):
    return control.ask(gateway.control("routes"), timeout=10)


def enforces(gateway, number):
    until(lambda: status(gateway)["generation"] == number)


def test_it_waits_for_the_first_generation_and_is_ready_with_it(gateway, space, start):
    with start() as routes:
        ((waiting,),) = routes.notices.until("STATUS=Waiting")
        assert waiting == "STATUS=Waiting for the first generation: run `blockd compile`"
        until(gateway.control("routes").exists)
        assert status(gateway)["ready"] is False
        gateway.run("compile")
        *_, told, ready = routes.notices.until("READY=1")
        assert (told, ready) == (["STATUS=Generation 1: 3 routes"], ["READY=1"])
        assert "198.18.1.0/28" in space.ip(ROUTE)


def test_it_may_be_ready_without_a_list(gateway, start):
    gateway.configure("[service]\nstart_without_list = true\n", routes=True)
    with start() as routes:
        routes.notices.until("READY=1")
        assert status(gateway)["generation"] is None


def test_a_new_generation_is_followed(gateway, space, running):
    gateway.write(OTHER)
    gateway.run("compile")
    enforces(gateway, 2)
    assert "198.18.2.0/28" in space.ip(ROUTE)
    assert "198.18.1.0/28" not in space.ip(ROUTE)
    logged = running.logged("enforcing generation 2")
    assert "installing: blackhole 198.18.2.0/28" in logged
    assert "withdrawing: blackhole 198.18.1.0/28, protocol 177" in logged


@pytest.mark.parametrize(
    ("harm", "shown", "back"),
    [
        ("route del 198.18.1.0/28 table 5354", ROUTE, "198.18.1.0/28"),
        ("-6 route flush table 5354", f"-6 {ROUTE}", "2001:db8:1::/48"),
        ("rule del pref 5354", "rule", "5354"),
        ("-6 rule del pref 5354", "-6 rule", "5354"),
        ("link set lo down", f"-6 {ROUTE}", "2001:db8:1::/48"),
    ],
)
def test_what_others_take_away_is_back_at_once(space, running, harm, shown, back):
    space.ip(harm)
    until(lambda: back in space.ip(shown, check=False), within=5)
    running.logged("restoring: ")


@pytest.mark.usefixtures("running")
def test_own_addresses_and_next_hops_are_followed_as_they_come(gateway, space):
    space.ip("link add up0 type veth peer name up1")
    space.ip("link set up0 up")
    space.ip("link set up1 up")
    space.ip("addr add 10.53.0.1/24 dev up0")
    for change, hole in (
        ("addr add 198.18.1.1/32 dev lo", "198.18.1.1"),
        ("route add default via 198.18.1.2 dev up0 onlink", "198.18.1.2"),
        ("route add 198.19.0.0/16 via 198.18.1.4 dev up0 onlink", "198.18.1.4"),
        ("route add 198.19.0.0/24 via 198.18.1.10 dev up0 onlink table 100", "198.18.1.10"),
        ("route add 198.18.1.12/31 dev up0 proto kernel", "198.18.1.12/31"),
    ):
        space.ip(change)
        if "table 100" in change:
            assert hole not in space.ip(ROUTE)  # no rule looks it up
            space.ip("rule add pref 100 iif up0 table 100")
        until(lambda hole=hole: f"throw {hole} " in space.ip(ROUTE), within=5)
    assert [cut["protected"] for cut in status(gateway)["cuts"]] == [
        "198.18.1.1/32", "198.18.1.2/32", "198.18.1.4/32", "198.18.1.10/32", "198.18.1.12/31"
    ]  # fmt: skip
    space.ip("route replace default via 10.53.0.9")  # the old one's hole goes with it
    until(lambda: "throw 198.18.1.2 " not in space.ip(ROUTE), within=5)
    scans = status(gateway)["counters"]["scans"]
    for number in range(1, 51):
        space.ip(f"route add 198.19.{number}.0/24 via 10.53.0.9 table 100")
    assert status(gateway)["counters"]["scans"] == scans  # a known gateway is no news


def many(gateway, count):
    prefixes = ", ".join(f'"198.18.{n % 250}.{n // 250 * 64}/28"' for n in range(count))
    gateway.write(f'[[platform]]\nid = "p"\nprefixes = [{prefixes}]\n')
    assert gateway.run("compile").status == 0


def test_a_change_of_type_moves_to_the_other_table_through_every_kill(gateway, space, start):
    """Each time it is killed somewhere in the middle of filling, swapping or tidying up."""
    many(gateway, 500)
    kinds = ["blackhole", "prohibit"]
    for delay in (0.005, 0.01, 0.02, 0.04, None):
        with start() as routes:
            routes.notices.until("READY=1")
            found = status(gateway)
            active = found["active"]["v4"]
            assert (found["actual"], found["missing"], found["enforcing"]) == (500, 0, True)
            assert space.ip(f"route show table {active}").count(f"{kinds[0]} ") == 500
            assert space.ip(f"route show table {5354 + 5355 - active}", check=False) == ""
            assert space.ip("rule").count("proto 177") == 1
            kinds.reverse()
            gateway.configure(f'type = "{kinds[0]}"\n', routes=True)
            routes.process.send_signal(signal.SIGHUP)
            if delay is None:
                until(lambda active=active: status(gateway)["active"]["v4"] != active)
            else:
                time.sleep(delay)
                routes.process.kill()
                routes.process.wait()


@pytest.mark.parametrize("pause", [0, 0.3], ids=["at once", "when it is watched"])
@pytest.mark.parametrize("gone", [0, 0.3], ids=["replaced", "removed and made"])
def test_a_state_directory_that_appears_later_is_noticed_at_once(
    gateway, space, start, pause, gone
):
    with start() as routes:
        routes.notices.until("STATUS=Waiting")
        until(gateway.control("routes").exists)
        time.sleep(pause)
        shutil.rmtree(gateway.state)
        time.sleep(gone)
        began = time.monotonic()
        assert gateway.run("compile").status == 0
        routes.notices.until("READY=1")
        assert time.monotonic() - began < 5
        assert "198.18.1.0/28" in space.ip(ROUTE)


@pytest.mark.usefixtures("running")
def test_two_daemons_whose_tables_overlap_do_not_run_together(gateway, start):
    gateway.configure("table = 5353\n", routes=True)
    with start() as other:
        assert other.process.wait(20) == 4
        other.logged("another blockd keeps table 5354 here")


def test_foreign_routes_are_told_and_left(gateway, space, running):
    space.ip("route add blackhole 198.18.9.0/24 proto static table 5354")
    until(lambda: status(gateway)["foreign"] == ["blackhole 198.18.9.0/24, protocol 4"])
    running.logged("foreign: blackhole 198.18.9.0/24")
    running.end()
    assert "198.18.9.0/24" in space.ip(ROUTE)


def test_a_hangup_reads_the_configuration_again(gateway, space, running):
    gateway.configure('protect = ["198.18.1.4/30"]\n', routes=True)
    running.process.send_signal(signal.SIGHUP)
    said = running.notices.until("READY=1")
    assert any(message[0] == "RELOADING=1" for message in said)
    assert "throw 198.18.1.4/30" in space.ip(ROUTE)
    assert status(gateway)["problems"] == []


def test_a_wrong_configuration_changes_nothing_and_is_shown_until_mended(gateway, space, running):
    gateway.configure("tables = 1\n", routes=True)
    running.process.send_signal(signal.SIGHUP)
    running.notices.until("READY=1")
    (problem,) = status(gateway)["problems"]
    said = "unknown key `routes.tables`; did you mean `table`, as in `table = 5354`?"
    assert problem.endswith(f"{said}; nothing changed")
    assert "198.18.1.0/28" in space.ip(ROUTE)
    gateway.configure(routes=True)
    gateway.write(OTHER)
    gateway.run("compile")
    enforces(gateway, 2)  # the list is followed as before
    assert status(gateway)["problems"] == [problem]
    running.process.send_signal(signal.SIGHUP)
    running.notices.until("READY=1")
    assert status(gateway)["problems"] == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_however_it_ends_its_routes_stay_and_the_next_one_finds_them(
    gateway, space, running, start, number
):
    held = space.ip(ROUTE), space.ip(f"-6 {ROUTE}"), space.ip("rule")
    assert running.end(number) == (-number if number == signal.SIGKILL else 0)
    assert (space.ip(ROUTE), space.ip(f"-6 {ROUTE}"), space.ip("rule")) == held
    assert gateway.control("routes").exists() is (number == signal.SIGKILL)
    with start() as again:
        again.notices.until("READY=1")
        assert "seen: 3 routes, right as they are" in again.logged("enforcing generation 1")
        assert status(gateway)["counters"]["installed"] == 0
    assert (space.ip(ROUTE), space.ip(f"-6 {ROUTE}"), space.ip("rule")) == held


def test_lost_notices_lead_to_a_scan_of_everything(gateway, space, running):
    """While it is stopped, more happens in its table than its socket holds."""
    many = {Prefix(4, (198 << 24 | 19 << 16) + number, 32): Kind.THROW for number in range(8000)}

    def storm():
        from blockd.routes.kernel import Kernel

        topology.assert_isolated()
        with Kernel(TABLE, STATIC) as stranger:
            for wanted in (many, {}, many, {}):
                stranger.apply(diff(wanted, stranger.routes(), STATIC))

    running.process.send_signal(signal.SIGSTOP)
    try:
        space.call(storm)
        space.ip("route del 198.18.1.0/28 table 5354")
    finally:
        running.process.send_signal(signal.SIGCONT)
    running.logged("notices were lost")
    until(lambda: "198.18.1.0/28" in space.ip(ROUTE))
    space.ip("route del 198.18.1.0/28 table 5354")  # it listens again
    until(lambda: "198.18.1.0/28" in space.ip(ROUTE), within=5)
    assert status(gateway)["problems"] == []


def test_a_storm_of_drift_is_mended_and_hardly_fills_the_log(gateway, space, start):
    many(gateway, 400)
    with start() as running:
        running.notices.until("READY=1")
        _storm(gateway, space, running)


def _storm(gateway, space, running):
    before = len(running.log.read_text().splitlines())
    for _ in range(10):
        space.ip("route flush table 5354")
    until(lambda: space.ip(ROUTE, check=False).count("blackhole") == 400)
    until(lambda: status(gateway)["counters"]["restored"] >= 400)
    assert len(running.log.read_text().splitlines()) - before < 100
    running.logged("more")


def test_a_dead_socket_is_replaced_at_once(gateway, space):
    gateway.run("compile")

    def inside():
        topology.assert_isolated()
        asyncio.run(lose_sockets(gateway))

    space.call(inside)


async def lose_sockets(gateway):
    from blockd import config
    from blockd.policy.store import Store
    from blockd.routes import daemon as routes
    from blockd.routes.plane import Plane

    read = config.parse(gateway.config.read_text(), "blockd.toml")
    plane = Plane(read, Store(gateway.state), None)
    wake, stop = asyncio.Event(), asyncio.Event()
    listening = routes.Listening(plane, wake)
    plane.open()
    listening.start()
    await routes._step(plane, listening, routes.EVERYTHING, stop)
    plane._kernel.close()
    ip("route del 198.18.1.0/28 table 5354")
    with mock.patch.object(routes, "_pause") as pause:
        await routes._step(plane, listening, await listening.next(5), stop)
        assert listening.lost
        (problem,) = plane.status()["problems"]
        assert problem.endswith("it is opened anew")
        await routes._step(plane, listening, await listening.next(5), stop)
    assert not pause.called
    assert "198.18.1.0/28" in ip(ROUTE)
    assert (plane.status()["problems"], listening.lost) == ([], False)
    listening.stop()
    plane.close()


def test_a_generation_that_cannot_be_used_is_a_problem_and_no_end(gateway, space, running):
    gateway.write(OTHER)
    generations = gateway.state / "generations"
    record = gateway.state / "records" / "00000001.json"
    record.write_text("{}")
    link = gateway.state / ".current"
    (generations / "00000002.mdb").write_bytes(b"damaged")
    link.symlink_to("generations/00000002.mdb")
    link.rename(gateway.state / "current")
    until(lambda: status(gateway)["problems"])
    assert "no generation can be used" in status(gateway)["problems"][0]
    assert "198.18.1.0/28" in space.ip(ROUTE)
    space.ip("route del 198.18.1.0/28 table 5354")
    until(lambda: "198.18.1.0/28" in space.ip(ROUTE))
    assert running.process.poll() is None
    assert gateway.run("compile").status == 0
    enforces(gateway, 3)
    assert status(gateway)["problems"] == []
