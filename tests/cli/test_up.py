"""`blockd up`: the whole gateway in one command; with routes only in namespaces of our own."""

import signal
import socket

import pytest

from tests.cli.program import NET_ADMIN, RULES, daemon, ended, until, without


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_runs_compiler_and_resolver_until_a_signal(gateway, number):
    with daemon(gateway.argv("up"), gateway.place) as up:
        until(lambda: gateway.run("status").status == 0)
        gateway.write(RULES.replace('"listed.example"', '"new.example"'))
        until(lambda: "enforces generation 2" in gateway.run("compile", "--wait").out)
        assert "NXDOMAIN; EDE 16" in gateway.run("explain", "new.example").out
        assert up.end(number) == 0
        assert up.log.read_text().splitlines()[:3] == [
            f"lists: {gateway.rules}",
            f"state: {gateway.state}",
            "routes: none, by [routes] enabled = false",
        ]
    assert gateway.run("status").status == 4


def test_a_daemon_that_cannot_start_ends_the_others_with_its_status(gateway):
    with socket.socket(type=socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", gateway.port))
        done = ended(gateway.argv("up"))
    assert done.returncode == 2
    assert "is taken by another program" in done.stderr
    assert "Traceback" not in done.stderr
    assert gateway.run("status").status == 4


MANY = "".join(
    f'[[platform]]\nid = "p{n}"\ndomains = ["p{n}.example"]\nprefixes = ["198.18.{n}.0/30"]\n'
    for n in range(1, 41)
)


def test_a_person_sees_the_first_of_many_platforms_and_how_many_more_there_are(gateway):
    gateway.write(MANY)
    with daemon(gateway.argv("up"), gateway.place) as up:
        said = up.logged("serving on").splitlines()
        assert up.end() == 0
    assert sum(": 2 added" in line for line in said) == 5
    assert any(line.endswith("and 35 more platforms; `blockd report` shows all that is in force")
               for line in said)  # fmt: skip
    assert len(said) < 15


@pytest.mark.root
def test_of_a_long_plan_the_first_routes_are_shown(gateway, space):
    gateway.configure(routes=True)
    gateway.write(MANY)
    with daemon(without(NET_ADMIN, gateway.argv("up")), gateway.place, space=space) as up:
        said = up.logged("serving on")
        assert up.end() == 0
    assert said.count("\ninstall ") == 5
    assert "more; `blockd route --plan` shows all" in said


@pytest.mark.root
def test_routes_are_added_and_withdrawn_at_the_end(gateway, space):
    gateway.configure(routes=True)
    with daemon(gateway.argv("up"), gateway.place, space=space) as up:
        until(lambda: "198.18.1.0/28" in space.ip("route show table 5354", check=False))
        until(lambda: "5354" in space.ip("-6 rule"))
        assert up.end() == 0
        said = up.log.read_text().splitlines()
        assert "routes: added to table 5354, withdrawn at the end" in said
        assert said[-1] == "routes: 3 withdrawn"
    assert space.ip("route show table 5354", check=False) == ""
    assert "5354" not in space.ip("rule") + space.ip("-6 rule")


@pytest.mark.root
def test_without_the_privilege_it_says_so_and_shows_the_plan(gateway, space):
    gateway.configure(routes=True)
    argv = without(NET_ADMIN, gateway.argv("up"))
    with daemon(argv, gateway.place, space=space) as up:
        up.notices.until("READY=1")
        up.logged("serving on")
        assert up.end() == 0
        said = up.log.read_text().splitlines()
        assert said[2] == "routes: none, they need CAP_NET_ADMIN (run as root); this is the plan:"
        assert any(line.split()[:3] == ["install", "blackhole", "198.18.1.0/28"] for line in said)
        assert "withdrawn" not in up.log.read_text()
    assert space.ip("route show table 5354", check=False) == ""


@pytest.mark.root
def test_without_privilege_and_list_it_still_starts(gateway, space):
    gateway.configure(routes=True)
    gateway.write("broken")
    argv = without(NET_ADMIN, gateway.argv("up"))
    with daemon(argv, gateway.place, space=space) as up:
        up.notices.until("READY=1")
        up.logged("no plan: ")
        gateway.write(RULES)
        until(lambda: gateway.lists("listed.example"))
        assert up.end() == 0
