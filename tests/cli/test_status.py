"""`blockd status`: what is in force, which daemon is down, and what is wrong."""

import contextlib

import pytest

from tests.cli.program import RULES, answering, daemon, until

COMPILER = {"plane": "compiler", "ready": True, "generation": 1, "paths": ["/a", "/b"]}
RESOLVER = {
    "plane": "resolver",
    "ready": True,
    "generation": 1,
    "names": 3,
    "problem": "",
    "listen": ["127.0.0.1:5300", "[::1]:5300"],
    "outcomes": {"forwarded": 7, "blocked": 0},
    "platforms": {"p002": 1, "p001": 5, "p003": 0},
    "cache": {"answers": 4, "octets": 512},
    "upstreams": [{"address": "198.18.0.53:53", "sent": 7, "answered": 6, "timeouts": 1}],
}


@contextlib.contextmanager
def planes(gateway, **status):
    with contextlib.ExitStack() as stack:
        for name, answer in status.items():
            stack.enter_context(answering(gateway.control(name), lambda answer=answer: answer))
        yield


def facts(done):
    """Return the lines of facts and of the table by their first word."""
    return {line.split()[0]: line.split() for line in done.out.splitlines() if line.strip()}


def test_daemons_that_are_down_are_status_4(gateway):
    gateway.run("compile")
    done = gateway.run("status")
    assert (done.status, done.err) == (4, "")
    said = facts(done)
    for name in ("compiler", "resolver"):
        assert said[name] == [
            name, *["not", "running", "no", "answer", "from"], str(gateway.control(name)),
        ]  # fmt: skip
    assert "routes" not in said  # [routes] enabled = false
    found = gateway.run("status", "--json")
    assert found.status == 4
    assert found.json["daemons"] == {"compiler": None, "resolver": None}
    gateway.configure(routes=True)
    assert facts(gateway.run("status"))["routes"][1:3] == ["not", "running"]


def test_what_is_in_force_is_told_whatever_runs(gateway):
    gateway.run("compile")
    said = facts(gateway.run("status"))
    assert said["generation"] == ["generation", "1"]
    assert said["holds"][1:] == ["3", "names", "and", "3", "prefixes", "of", "2", "rules"]
    assert said["from"][1:] == [str(gateway.rules / "rules.toml")]
    assert said["next"] == ["next", "expiry", "2100-01-01"]
    assert said["state"][1:] == [str(gateway.state)]


def test_one_daemon_down_is_status_4_although_others_answer(gateway):
    gateway.run("compile")
    with planes(gateway, compiler=COMPILER):
        done = gateway.run("status")
    assert done.status == 4
    assert facts(done)["compiler"] == ["compiler", "ready", "1", "/a,", "/b"]


def test_before_the_first_generation_it_is_status_1(gateway):
    with planes(gateway, compiler=COMPILER, resolver={**RESOLVER, "ready": False}):
        done = gateway.run("status")
        assert done.status == 1
        said = f"no generation in {gateway.state} yet; run `blockd compile`"
        assert done.out.splitlines()[0] == said
        assert facts(done)["resolver"][1] == "waiting"
        assert gateway.run("status", "--json").json["generation"] is None


@pytest.mark.parametrize(
    ("plane", "problem"),
    [
        ("compiler", {"problem": "the list is refused"}),
        ("resolver", {"problem": "the list is refused"}),
        ("compiler", {"problems": ["the list is refused"]}),
    ],
)
def test_a_problem_of_a_daemon_is_status_1(gateway, plane, problem):
    gateway.run("compile")
    answers = {"compiler": COMPILER, "resolver": RESOLVER}
    with planes(gateway, **{**answers, plane: {**answers[plane], **problem}}):
        done = gateway.run("status")
        assert gateway.run("status", "--json").status == 1
    assert done.status == 1
    assert f"{plane}: the list is refused" in done.out.splitlines()
    assert any(line.split()[:2] == [plane, "problem"] for line in done.out.splitlines())


def test_counters_are_of_outcomes_and_platforms(gateway):
    gateway.run("compile")
    with planes(gateway, compiler=COMPILER, resolver=RESOLVER):
        done = gateway.run("status")
    assert done.status == 0
    assert done.out.splitlines()[-4:] == [
        "queries                  forwarded 7",
        "most blocked             p001 5, p002 1",
        "cache                    4 answers, 512 octets",
        "upstream 198.18.0.53:53  7 sent, 6 answered, 1 timed out",
    ]


@pytest.mark.root
def test_of_a_whole_gateway_everything_is_shown(gateway, space):
    gateway.configure('protect = ["198.18.1.4/30"]\n', routes=True)
    space.ip("route add blackhole 198.18.9.0/24 proto static table 5354")
    with (
        daemon(gateway.argv("watch"), gateway.place) as compiler,
        daemon(gateway.argv("resolve"), gateway.place) as resolver,
        daemon(gateway.argv("route"), gateway.place, space=space) as routes,
    ):
        for each in (compiler, resolver, routes):
            each.notices.until("READY=1")
        done = gateway.run("status")
        assert (done.status, done.err) == (0, ""), done.out
        said = facts(done)
        assert said["compiler"] == ["compiler", "ready", "1", str(gateway.rules)]
        assert said["resolver"][1:] == f"ready 1 3 names on 127.0.0.1:{gateway.port}".split()
        lines = done.out.splitlines()
        # The prefix with its two holes, and the IPv6 one.
        assert any(line.endswith("4 of 4 routes in table 5354") for line in lines)
        cut = "route 198.18.1.0/28: cut for protected by [routes] protect 198.18.1.4/30"
        assert cut in lines
        assert "foreign, left alone: blackhole 198.18.9.0/24, protocol 4" in lines
        daemons = gateway.run("status", "--json").json["daemons"]
        assert {name: answer["plane"] for name, answer in daemons.items()} == {
            name: name for name in ("compiler", "resolver", "routes")
        }
        assert all(answer["ready"] for answer in daemons.values())

        gateway.write(RULES.removesuffix("\n"))
        until(lambda: gateway.run("status").status == 1)
        assert gateway.run("explain", "listed.example").status == 0
        routes.end()
        assert gateway.run("status").status == 4
