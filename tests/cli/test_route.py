"""`blockd route`: its plan, its batch, its daemon and its withdrawal, in namespaces alone."""

import pytest

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
        (["--batch"], "--batch is a form of the plan; give --plan --batch"),
        (["--batch", "--withdraw"], "--batch is a form of the plan; give --plan --batch"),
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
        ["install", "blackhole", "2001:db8:1::/48"],
        ["install", "throw", "198.18.1.8/32"],
        ["install", "blackhole", "198.18.1.0/28"],
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


@pytest.mark.root
def test_the_batch_is_what_ip_takes(routed, space):
    text = there(routed, space, "route", "--plan", "--batch").stdout
    v4, v6 = text.split("# generation 1, IPv6: ip -6 -batch -\n")
    assert v4.startswith("# generation 1, IPv4: ip -4 -batch -\n")
    space.run("ip", "-4", "-batch", "-", stdin=v4)
    space.run("ip", "-6", "-batch", "-", stdin=v6)
    assert "blackhole 198.18.1.0/28 proto 177" in space.ip("route show table 5354")
    done = there(routed, space, "route", "--plan")
    assert done.stdout.splitlines()[1:] == ["keep  3 routes  right as they are"]


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
    assert again.stdout.split() == ["{", '"withdrawn":', "0", "}"]


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
