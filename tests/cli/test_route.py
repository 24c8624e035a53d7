"""`blockd route`: its plan, its batch, its daemon and its withdrawal, in namespaces alone."""

import contextlib
import shutil

import msgspec
import pytest

from blockd.routes.alone import Alone
from tests import topology
from tests.cli.program import NET_ADMIN, RULES, daemon, without


@pytest.fixture
def routed(gateway):
    """A gateway with routes, compiled; nothing is installed yet."""
    gateway.configure(routes=True)
    gateway.run("compile")
    return gateway


def there(gateway, space, *words, capability=None):
    """Run a verb in the namespace."""
    argv = gateway.argv(*words)
    return space.run(*(without(capability, argv) if capability else argv), check=False)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--plan", "--withdraw"], "--plan changes nothing and --withdraw does; give one of them"),
        (["--format", "ip-batch"], "--format is about the plan; give --plan --format"),
        (
            ["--format", "table", "--withdraw"],
            "--format is about the plan; give --plan --format",
        ),
        (
            ["--plan", "-6"],
            "-4 and -6 choose one batch of two; give --plan --format ip-batch too",
        ),
        (
            ["--plan", "--json", "--format", "ip-batch"],
            "--json and --format ip-batch are two forms; give one of them",
        ),
        (
            ["--on-stop", "a.service"],
            "--on-stop says when to withdraw; give --withdraw --on-stop UNIT",
        ),
    ],
)
def test_options_that_contradict_each_other_are_named(gateway, words, said):
    assert gateway.run("route", *words) == (2, "", f"blockd: {said}\n")


@pytest.mark.root
@pytest.mark.parametrize("words", [["--plan"], ["--withdraw"], []])
def test_a_namespace_that_does_not_exist_is_status_4(routed, space, words):
    done = there(routed, space, "route", "--netns", "blockd-test-none", *words)
    assert done.returncode == 4
    assert "network namespace 'blockd-test-none'" in done.stderr
    assert done.stderr.rstrip().endswith("look at `ip netns list`")


def test_without_a_generation_there_is_no_plan(gateway):
    done = gateway.run("route", "--plan")
    assert done.status == 2
    assert "run `blockd compile`" in done.err


@pytest.mark.root
def test_the_plan_is_shown_and_changes_nothing(routed, space):
    done = there(routed, space, "route", "--plan")
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split()[:3] for line in done.stdout.splitlines()] == [
        ["verb", "route", "note"],
        ["install", "throw", "198.18.1.8/32"],
        ["install", "blackhole", "198.18.1.0/28"],
        ["install", "blackhole", "2001:db8:1::/48"],
        ["install", "rule", "for"],
        ["install", "rule", "for"],
    ]
    assert space.ip("route show table all proto 177") == ""
    assert "5354" not in space.ip("rule")


@pytest.mark.root
def test_the_plan_needs_no_capability(routed, space):
    done = there(routed, space, "route", "--plan", "--json", capability=NET_ADMIN)
    assert done.returncode == 0
    assert '"generation": 1' in done.stdout
    assert '"what": "blackhole 198.18.1.0/28"' in done.stdout


def batch(gateway, space, family):
    """Return the plan as `ip -batch` takes it."""
    done = there(gateway, space, "route", "--plan", "--format", "ip-batch", f"-{family}")
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def kernel(space):
    """Return all routes and rules of both families, as JSON."""
    words = ("route show table all", "rule show")
    return [space.ip(f"-j {family} {what}") for family in ("-4", "-6") for what in words]


DRIFT = {
    "nothing there": "",
    "wrong, missing and stale": """
        -4 route add prohibit 198.18.1.0/28 proto 177 table 5354
        -4 route add blackhole 198.18.9.0/28 proto 177 table 5354
        -4 rule add pref 99 table 5355 protocol 177
        -6 route add blackhole 2001:db8:1::/48 proto 177 table 5354
        -6 route add unreachable 2001:db8:9::/48 proto 177 metric 1 table 5354
        -6 rule add pref 5354 table 5354 protocol 177
    """,
    "a stranger in the table": """
        -4 route add blackhole 198.18.9.0/28 proto static table 5354
        -4 rule add pref 7 table 5354 protocol static
    """,
    "the next table in force": """
        -4 route add blackhole 198.18.1.0/28 proto 177 table 5355
        -4 rule add pref 5354 table 5355 protocol 177
        -4 route add blackhole 198.18.9.0/28 proto 177 table 5354
    """,
}


@pytest.mark.root
@pytest.mark.parametrize("drift", DRIFT.values(), ids=DRIFT.keys())
def test_ip_batch_makes_of_the_plan_what_the_daemon_makes(routed, space, drift):
    with topology.namespace("other") as other:
        for line in drift.split("\n"):
            for each in (space, other) if line.strip() else ():
                each.ip(line.strip())
        for family in (4, 6):
            space.run("ip", f"-{family}", "-batch", "-", stdin=batch(routed, space, family))
        with daemon(routed.argv("route"), routed.place, space=other) as routes:
            routes.notices.until("READY=1")
            assert kernel(space) == kernel(other)
        done = there(routed, space, "route", "--plan")
        assert "keep" in done.stdout
        assert not {"install", "replace", "withdraw"} & set(done.stdout.split())


@pytest.mark.root
def test_both_batches_stand_under_their_commands(routed, space):
    text = there(routed, space, "route", "--plan", "--format", "ip-batch").stdout
    assert text == batch(routed, space, 4) + batch(routed, space, 6)
    assert [line for line in text.splitlines() if line.startswith("#")] == [
        "# generation 1, IPv4: ip -4 -batch -",
        "# generation 1, IPv6: ip -6 -batch -",
    ]


@pytest.mark.root
def test_a_list_without_prefixes_has_no_routes(gateway, space):
    gateway.configure(routes=True)
    gateway.write(RULES.replace("\nprefixes = ", "\n# prefixes = "))
    gateway.run("compile")
    done = there(gateway, space, "route", "--plan")
    assert [line.split()[:2] for line in done.stdout.splitlines()[1:]] == [["install", "rule"]] * 2


@pytest.mark.root
def test_the_daemon_keeps_its_routes_at_its_end_and_withdraw_removes_them(routed, space):
    with daemon(routed.argv("route"), routed.place, space=space) as routes:
        routes.notices.until("READY=1")
        assert "198.18.1.0/28" in space.ip("route show table 5354")
        assert routes.end() == 0
    assert not routed.control("routes").exists()
    assert "198.18.1.0/28" in space.ip("route show table 5354")
    space.ip("route add blackhole 198.18.9.0/24 proto static table 5354")
    done = there(routed, space, "route", "--withdraw")
    assert (done.returncode, done.stdout) == (0, "3 routes withdrawn; no rule of ours is left\n")
    assert space.ip("route show table 5354").split()[:2] == ["blackhole", "198.18.9.0/24"]
    assert "5354" not in space.ip("rule") + space.ip("-6 rule")
    again = there(routed, space, "route", "--withdraw", "--json")
    assert msgspec.json.decode(again.stdout) == {"withdrawn": 0, "rules": 0}


@pytest.mark.root
@pytest.mark.parametrize("words", [[], ["--withdraw"]])
def test_without_the_capability_it_is_status_4_with_the_remedy(routed, space, words):
    with daemon(routed.argv("route"), routed.place, space=space) as routes:
        routes.notices.until("READY=1")
        routes.end()
    done = there(routed, space, "route", *words, capability=NET_ADMIN)
    assert done.returncode == 4
    assert done.stderr.splitlines()[-1] == (
        "blockd: the kernel does not permit this process to change routes: run it as root, or by"
        " blockd-routes.service, which has CAP_NET_ADMIN"
    )


@pytest.mark.root
def test_another_namespace_is_worked_in_by_name(routed, space):
    with topology.namespace("other") as other:
        name = ["--netns", other.name]
        assert "blackhole 198.18.1.0/28" in there(routed, space, "route", "--plan", *name).stdout
        with daemon(routed.argv("route", *name), routed.place, space=space) as routes:
            routes.notices.until("READY=1")
            assert "198.18.1.0/28" in other.ip("route show table 5354")
            assert "5354" in other.ip("rule")
            assert "5354" not in space.ip("rule")
        done = there(routed, space, "route", "--withdraw", *name)
        assert (done.returncode, done.stdout.split()[0]) == (0, "3")
        assert "5354" not in other.ip("rule")


LEFT = {
    "-4": """
        route add throw 198.18.1.8/32 proto 177 table 5354
        route add blackhole 198.18.1.0/28 proto 177 table 5354
        rule add pref 5354 table 5354 protocol 177
    """,
    "-6": """
        route add blackhole 2001:db8:1::/48 proto 177 metric 1 table 5354
        rule add pref 5354 table 5354 protocol 177
    """,
}


@pytest.fixture
def left(routed, space):
    """A gateway whose daemon has gone and left its routes in force."""
    for family, batch in LEFT.items():
        space.run("ip", family, "-batch", "-", stdin=batch)
    return routed


def break_state(gateway):
    shutil.rmtree(gateway.state)


def break_generation(gateway):
    (gateway.state / "current").resolve().write_bytes(b"no generation")


def break_lists(gateway):
    shutil.rmtree(gateway.rules)


def break_configuration(gateway):
    gateway.config.write_text("[routes]\ntabel = 99\n")


def change_configuration(gateway):
    gateway.configure("table = 99\npreference = 98\n", routes=True)


@pytest.mark.root
@pytest.mark.parametrize(
    "happens",
    [break_state, break_generation, break_lists, break_configuration, change_configuration],
)
def test_all_is_withdrawn_whatever_else_is_broken(left, space, happens):
    happens(left)

    def inside():
        topology.assert_isolated()
        done = left.run("route", "--withdraw")
        assert (done.status, done.out) == (0, "3 routes withdrawn; no rule of ours is left\n")
        assert ("did you mean `table`" in done.err) is (happens is break_configuration)

    space.call(inside)
    assert not any("177" in held for held in kernel(space))


@pytest.mark.root
def test_a_configuration_that_is_not_there_is_no_reason_to_withdraw_by_others(left, space):
    left.config.unlink()

    def inside():
        topology.assert_isolated()
        done = left.run("route", "--withdraw")
        assert done.status == 2
        assert "cannot be read: No such file or directory" in done.err

    space.call(inside)
    assert "198.18.1.0/28" in space.ip("route show table 5354")


@pytest.mark.root
def test_what_a_running_daemon_keeps_is_not_withdrawn_behind_its_back(left, space):
    def inside():
        topology.assert_isolated()
        with contextlib.closing(Alone(5354)):
            done = left.run("route", "--withdraw")
        assert done.status == 4
        assert "another blockd keeps table 5354 here: stop it" in done.err

    space.call(inside)


@pytest.mark.root
@pytest.mark.parametrize(
    ("jobs", "keep", "said"),
    [
        ("7 blockd-routes.service stop running", "", None),
        ("7 blockd-routes.service restart running", "", "the unit ends without being stopped"),
        ("", "", "the unit ends without being stopped for good"),
        ("7 shutdown.target start waiting", "", "the host goes down"),
        ("7 blockd-routes.service stop running", "withdraw_on_stop = false", "by [routes]"),
        (None, "", "to remove them: `blockd route --withdraw`"),
    ],
)
def test_at_the_end_of_its_unit_only_a_stop_withdraws(left, space, monkeypatch, jobs, keep, said):
    left.configure(f"{keep}\n", routes=True)
    systemctl = left.place / "systemctl"
    systemctl.write_text("#!/bin/sh\n" + ("exit 1\n" if jobs is None else f"echo '{jobs}'\n"))
    systemctl.chmod(0o755)
    before = kernel(space)

    def inside():
        topology.assert_isolated()
        monkeypatch.setenv("PATH", f"{left.place}:/usr/bin:/bin")
        done = left.run("route", "--withdraw", "--on-stop", "blockd-routes.service")
        assert done.status == 0
        assert said is None or (done.err.startswith("routes are kept: ") and said in done.err)

    space.call(inside)
    if said:
        assert kernel(space) == before
    else:
        assert not any("177" in held for held in kernel(space))
