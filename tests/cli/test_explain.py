"""`blockd explain`: the verdict with its whole reason, and what both planes do right now."""

import pytest

from tests import topology
from tests.cli.program import RULES, daemon

NO_PREFIXES = RULES.replace("\nprefixes = ", "\n# prefixes = ")
"""With these the kernel is not asked about a name, in whose namespace ever the test runs."""

DOWN = "resolver        not running: no answer from its control socket"


@pytest.fixture
def compiled(gateway):
    gateway.write(NO_PREFIXES)
    gateway.run("compile")
    return gateway


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("listed.example", "listed.example"),
        ("a.b.Listed.Example.", "listed.example"),
        ("*.listed.example", "listed.example"),
        ("only.example", "only.example"),
        ("=only.example", "only.example"),
    ],
)
def test_a_listed_name_is_blocked_with_every_reason(compiled, name, entry):
    done = compiled.run("explain", name)
    assert (done.status, done.err) == (0, "")
    head, *facts = done.out.splitlines()
    canonical = name.lower().removesuffix(".").removeprefix("*.").removeprefix("=")
    assert head == f"{canonical} is blocked"
    generation = facts.pop(-2)
    assert generation.startswith("generation      1, of 2")
    assert generation.endswith(" UTC")
    assert facts == [
        f"entry           {entry}",
        f"stands in       {compiled.rules}/rules.toml:11",
        "platform        p001, Example Exchange",
        "list            Test list",
        "on the word of  Example Authority",
        "basis           order",
        "reference       Notice 7",
        "contact         mailto:desk@authority.example",
        "listed          2018-08-23",
        "expires         2099-12-31, at the end of that day, UTC",
        DOWN,
    ]


@pytest.mark.parametrize("name", ["good.listed.example", "a.good.listed.example"])
def test_an_exception_is_not_blocked_and_says_why(compiled, name):
    done = compiled.run("explain", name)
    assert done.status == 1
    head, *facts = done.out.splitlines()
    assert head == f"{name} is not blocked: it is excepted"
    assert "reason          a test" in facts
    assert "entry           good.listed.example" in facts


@pytest.mark.parametrize("name", ["other.example", "a.only.example", "example", "listed.example.a"])
def test_what_no_entry_covers_is_not_blocked(compiled, name):
    done = compiled.run("explain", name)
    assert done.status == 1
    assert done.out.startswith(f"{name} is not blocked: no entry covers it\n")


def test_json_says_the_same(compiled):
    found = compiled.run("explain", "--json", "listed.example").json
    assert found.pop("committed").endswith("Z")
    assert found == {
        "what": "listed.example",
        "entry": "listed.example",
        "origin": f"{compiled.rules}/rules.toml:11",
        "platform": "p001",
        "name": "Example Exchange",
        "list": "Test list",
        "exception": False,
        "reason": "",
        "authority": "Example Authority",
        "basis": "order",
        "reference": "Notice 7",
        "contact": "mailto:desk@authority.example",
        "listed": "2018-08-23",
        "expires": "2099-12-31",
        "blocked": True,
        "resolver": "not running: no answer from its control socket",
        "kernel": [],
        "generation": 1,
    }
    other = compiled.run("explain", "--json", "other.example")
    assert (other.status, other.json["blocked"]) == (1, False)


def test_an_international_name_is_shown_in_both_forms(compiled):
    compiled.write(NO_PREFIXES.replace('"=only.example"', '"bücher.example"'))
    compiled.run("compile")
    done = compiled.run("explain", "BÜCHER.example")
    assert done.status == 0
    assert done.out.startswith("xn--bcher-kva.example (bücher.example) is blocked\n")


@pytest.mark.parametrize("text", ["two..dots", "-a.example", "", "a b", "*"])
def test_what_is_no_name_is_a_wrong_question(compiled, text):
    done = compiled.run("explain", "--", text)
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("blockd: ")


def test_the_running_resolver_is_asked(compiled):
    with daemon(compiled.argv("resolve"), compiled.place) as resolver:
        resolver.notices.until("READY=1")
        done = compiled.run("explain", "a.listed.example")
    assert (
        "resolver        NXDOMAIN; EDE 16 Censored: p001: Notice 7"
        f" (asked for A at 127.0.0.1:{compiled.port})"
    ) in done.out.splitlines()


def test_a_resolver_that_waits_for_its_list_is_told(compiled, tmp_path):
    waiting = ["--config", str(compiled.config), "--state", str(tmp_path / "other")]
    compiled.configure(f'\n[service]\nrun = "{compiled.state}/run"\n')
    argv = compiled.argv("resolve")
    argv[3:7] = waiting
    with daemon(argv, compiled.place) as resolver:
        resolver.notices.until("STATUS=Waiting")
        assert "resolver        not ready yet" in compiled.run("explain", "listed.example").out


@pytest.mark.root
def test_what_the_kernel_holds_is_shown_for_names_and_addresses(gateway, space):
    gateway.configure(routes=True)
    gateway.run("compile")
    v4, v6 = "198.18.1.0/28 in table 5354", "2001:db8:1::/48 in table 5354"

    def explain(what, status, *lines):
        topology.assert_isolated()
        done = gateway.run("explain", what)
        assert done.status == status, done
        facts = (line.partition("  ") for line in done.out.splitlines())
        assert [said.strip() for fact, _, said in facts if fact == "kernel"] == list(lines)
        return done.out

    def before():
        nothing = "198.18.1.1: no route leads there"
        assert "198.18.1.1 is blocked" in explain("198.18.1.1", 0, nothing)

    def after():
        explain("198.18.1.1", 0, f"198.18.1.1: blackhole {v4}")
        explain("198.18.1.0/30", 0, f"198.18.1.0: blackhole {v4}")
        explain("2001:db8:1::1", 0, f"2001:db8:1::1: blackhole {v6}")
        out = explain("198.18.1.8", 1, "198.18.1.8: no route leads there")
        assert "198.18.1.8 is not blocked: it is excepted" in out
        explain("198.18.2.1", 1, "198.18.2.1: no route leads there")
        explain("127.0.0.1", 1, "127.0.0.1: local 127.0.0.1/32 in table 255")
        blocked = f"198.18.1.0: blackhole {v4}", f"2001:db8:1::: blackhole {v6}"
        assert "stands in" in explain("www.listed.example", 0, *blocked)
        explain("good.listed.example", 1)

    space.call(before)
    with daemon(gateway.argv("route"), gateway.place, space=space) as routes:
        routes.notices.until("READY=1")
        space.call(after)
