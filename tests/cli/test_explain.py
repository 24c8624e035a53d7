"""`blockd explain`: the verdict with its whole reason, and what both planes do right now."""

import os

import msgspec
import pytest

from blockd.terms import Action
from tests import topology
from tests.cli.program import RULES, Gateway, daemon, until
from tests.cli.program import answering as planes
from tests.resolver.stub import silent, upstream

NO_PREFIXES = RULES.replace("\nprefixes = ", "\n# prefixes = ")
"""With these the kernel is not asked about a name, in whose namespace ever the test runs."""

DOWN = "resolver        not running: no answer from its control socket"


UNASKED = "the resolver does not answer: not running: no answer from its control socket"


@pytest.fixture
def compiled(gateway):
    gateway.write(NO_PREFIXES)
    gateway.run("compile")
    return gateway


@pytest.fixture
def answering(compiled):
    """The same, and its resolver runs; its upstream is nobody."""
    with daemon(compiled.argv("resolve"), compiled.place) as resolver:
        resolver.notices.until("READY=1")
        yield compiled


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
def test_a_listed_name_is_told_with_every_reason_and_that_nobody_enforces_it(compiled, name, entry):
    done = compiled.run("explain", name)
    assert (done.status, done.err) == (4, "")
    head, *facts = done.out.splitlines()
    canonical = name.lower().removesuffix(".").removeprefix("*.").removeprefix("=")
    assert head == f"{canonical} is listed, but {UNASKED}"
    generation = facts.pop(-2)
    assert facts.pop(-3).startswith("in force since  generation 1, 2")
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
    assert head == f"{name} is not blocked: it is excepted (the resolver was not asked)"
    assert "reason          a test" in facts
    assert "entry           good.listed.example" in facts


@pytest.mark.parametrize("name", ["other.example", "a.only.example", "example", "listed.example.a"])
def test_what_no_entry_covers_is_not_blocked(compiled, name):
    done = compiled.run("explain", name)
    assert done.status == 1
    said = "is not blocked: no entry covers it (the resolver was not asked)"
    assert done.out.startswith(f"{name} {said}\n")


def test_json_says_the_same(compiled):
    found = compiled.run("explain", "--json", "listed.example").json
    assert found.pop("committed").endswith("Z")
    assert found.pop("since")["generation"] == 1
    assert found == {
        "what": "listed.example",
        "entry": "listed.example",
        "origin": f"{compiled.rules}/rules.toml:11",
        "platform": "p001",
        "name": "Example Exchange",
        "list": "Test list",
        "exception": False,
        "reason": "",
        "owner": "",
        "authority": "Example Authority",
        "basis": "order",
        "reference": "Notice 7",
        "contact": "mailto:desk@authority.example",
        "listed": "2018-08-23",
        "expires": "2099-12-31",
        "blocked": False,
        "on_list": True,
        "enforced": None,
        "unreachable": "not running: no answer from its control socket",
        "asked": False,
        "resolver": "not running: no answer from its control socket",
        "kernel": [],
        "generation": 1,
        "signed": None,
    }
    other = compiled.run("explain", "--json", "other.example")
    said = [other.json[key] for key in ("blocked", "on_list", "enforced")]
    assert (other.status, said) == (1, [False, False, None])


def test_an_international_name_is_shown_in_both_forms(compiled):
    compiled.write(NO_PREFIXES.replace('"=only.example"', '"bücher.example"'))
    compiled.run("compile")
    done = compiled.run("explain", "BÜCHER.example")
    assert done.status == 4
    assert done.out.startswith("xn--bcher-kva.example (bücher.example) is listed, but ")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("two..dots", "empty label"),
        ("-a.example", "begins or ends with a hyphen"),
        ("", "the entry is empty"),
        ("a b", "holds a blank"),
        ("*", "is the root"),
        ("300.1.1.1", "is no address"),
        ("https://listed.example/", "write the name alone: 'listed.example'"),
        ("listed.example:443", "write the name alone"),
        ("desk@listed.example", "is a mail address"),
    ],
)
def test_what_is_no_name_and_no_address_is_a_wrong_question(gateway, text, said):
    done = gateway.run("explain", "--", text)
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("blockd: ")
    assert said in done.err


def test_the_running_resolver_decides_and_is_quoted(answering):
    done = answering.run("explain", "a.listed.example")
    assert (done.status, done.err) == (0, "")
    head, *facts = done.out.splitlines()
    assert head == "a.listed.example is blocked"
    assert (
        "resolver        NXDOMAIN; EDE 16 Censored: p001: Notice 7"
        f" (asked for A at 127.0.0.1:{answering.port})"
    ) in facts
    found = answering.run("explain", "--json", "a.listed.example").json
    assert [found[key] for key in ("blocked", "on_list", "enforced")] == [True, True, True]
    assert "unreachable" not in found
    # Its upstream refuses: the resolver answers, and says nothing of a block.
    other = answering.run("explain", "other.example")
    assert other.status == 1
    assert other.out.startswith("other.example is not blocked: no entry covers it\n")


ACTION = """
[[platform]]
id = "x"
domains = ["x.example"]
action = "{action}"
addresses = [{addresses}]
"""


@pytest.mark.parametrize("action", [action for action in Action if action != "records"])
def test_every_action_is_a_block_silence_included(gateway, action):
    addresses = '"198.18.0.80"' if action == "address" else ""
    gateway.write(RULES + ACTION.format(action=action, addresses=addresses))
    gateway.run("compile")
    with daemon(gateway.argv("resolve"), gateway.place) as resolver:
        resolver.notices.until("READY=1")
        done = gateway.run("explain", "x.example")
    assert done.status == 0, done.out
    assert done.out.startswith("x.example is blocked\n")
    assert ("silence is what `drop` means" in done.out) is (action == "drop")


def test_a_resolver_that_answers_without_a_block_is_believed(compiled):
    """As one would that enforces an older generation, or another program at its address."""
    with upstream() as stub:
        server = f"{stub.endpoint.address}:{stub.endpoint.port}"
        status = {"ready": True, "listen": [server]}
        with planes(compiled.control("resolver"), lambda: status):
            done = compiled.run("explain", "listed.example")
    assert done.status == 1
    head, *facts = done.out.splitlines()
    assert head == "listed.example is listed, but the resolver does not block it"
    assert f"resolver        NOERROR; A 198.18.0.80 (asked for A at {server})" in facts


def test_a_resolver_that_runs_and_is_silent_is_out_of_reach(compiled):
    with upstream(silent) as stub:
        server = f"{stub.endpoint.address}:{stub.endpoint.port}"
        status = {"ready": True, "listen": [server]}
        with planes(compiled.control("resolver"), lambda: status):
            listed = compiled.run("explain", "listed.example")
            other = compiled.run("explain", "other.example")
    said = f"the resolver does not answer: {server} gives no answer within 1 s"
    assert listed.status == 4
    assert listed.out.startswith(f"listed.example is listed, but {said}")
    assert other.status == 1
    assert other.out.startswith("other.example is not blocked: no entry covers it\n")


def test_a_resolver_that_waits_for_its_list_is_told(compiled, tmp_path):
    waiting = ["--config", str(compiled.config), "--state", str(tmp_path / "other")]
    compiled.configure(f'\n[service]\nrun = "{compiled.state}/run"\n')
    argv = compiled.argv("resolve")
    argv[3:7] = waiting
    with daemon(argv, compiled.place) as resolver:
        resolver.notices.until("STATUS=Waiting")
        done = compiled.run("explain", "listed.example")
    assert done.status == 4
    said = "is listed, but the resolver does not answer: not ready yet"
    assert done.out.startswith(f"listed.example {said}\n")
    assert "resolver        not ready yet" in done.out


MAIN = "unicast 0.0.0.0/0 in table main"
HELD = "blackhole 198.18.1.0/28 in table 5354"
EVERYWHERE = "(from this host, forwarded from lan, wan)"


@pytest.fixture(scope="module")
def net():
    with topology.gateway() as made:
        yield made


@pytest.fixture(scope="module")
def enforced(net, tmp_path_factory):
    """A gateway whose route daemon runs on the list."""
    gateway = Gateway(tmp_path_factory.mktemp("enforced"))
    gateway.configure(routes=True)
    gateway.run("compile")
    with daemon(gateway.argv("route"), gateway.place, space=net.gateway) as routes:
        routes.notices.until("READY=1")
        yield gateway


def explained(gateway, space, what):
    """Return exit status, verdict, and what the kernel is said to do, in the namespace."""
    read, write = os.pipe()

    def inside():
        topology.assert_isolated()
        done = gateway.run("explain", "--json", what)
        shown = gateway.run("explain", what)
        assert (done.status, done.err) == (shown.status, shown.err)
        said = [done.status, shown.out.splitlines()[0].removeprefix(f"{what} ")]
        os.write(write, msgspec.json.encode([*said, done.json]))

    space.call(inside)
    os.close(write)
    with os.fdopen(read, "rb") as answer:
        return msgspec.json.decode(answer.read())


@pytest.mark.root
@pytest.mark.parametrize(
    ("what", "status", "verdict", "kernel"),
    [
        ("198.18.1.1", 0, "is blocked", [f"198.18.1.1: {HELD} {EVERYWHERE}"]),
        (
            "2001:db8:1::1",
            0,
            "is blocked",
            [f"2001:db8:1::1: blackhole 2001:db8:1::/48 in table 5354 {EVERYWHERE}"],
        ),
        (
            "198.18.1.8",
            1,
            "is not blocked: it is excepted",
            [f"198.18.1.8: {MAIN} {EVERYWHERE}"],
        ),
        (
            "198.18.2.1",
            1,
            "is not blocked: no entry covers it",
            [f"198.18.2.1: {MAIN} {EVERYWHERE}"],
        ),
        ("198.18.1.0/30", 0, "is blocked", [f"198.18.1.0: {HELD} {EVERYWHERE}"]),
        (
            "127.0.0.1",
            1,
            "is not blocked: no entry covers it",
            [
                "127.0.0.1: local 127.0.0.1/32 in table local (from this host)",
                "127.0.0.1: no route leads there (Invalid argument) (forwarded from lan, wan)",
            ],
        ),
    ],
)
def test_the_kernel_is_asked_what_a_packet_meets(enforced, net, what, status, verdict, kernel):
    found = explained(enforced, net.gateway, what)
    assert found[:2] == [status, verdict]
    assert found[2]["kernel"] == kernel
    assert found[2]["blocked"] is (status == 0)


@pytest.mark.root
def test_a_prefix_shows_the_holes_in_it(enforced, net):
    status, verdict, found = explained(enforced, net.gateway, "198.18.1.0/28")
    assert (status, verdict, found["holes"]) == (0, "is blocked", ["198.18.1.8/32"])


@pytest.mark.root
def test_of_a_name_the_prefixes_of_its_platform_are_looked_up(enforced, net):
    _, _, found = explained(enforced, net.gateway, "www.listed.example")
    assert found["kernel"] == [
        f"198.18.1.0: {HELD}",
        "2001:db8:1::: blackhole 2001:db8:1::/48 in table 5354",
    ]
    assert explained(enforced, net.gateway, "good.listed.example")[2]["kernel"] == []


@pytest.mark.root
def test_a_hole_that_this_host_needs_is_told_as_such(enforced, net):
    net.gateway.ip("addr add 198.18.1.3/32 dev lo")
    try:
        until(lambda: "throw 198.18.1.3" in net.gateway.ip("route show table 5354"))
        status, verdict, _ = explained(enforced, net.gateway, "198.18.1.3")
        assert status == 1
        assert verdict == (
            "is listed, but packets to it pass: a hole for address of this host 198.18.1.3/32"
        )
        assert explained(enforced, net.gateway, "198.18.1.4")[:2] == [0, "is blocked"]
    finally:
        net.gateway.ip("addr del 198.18.1.3/32 dev lo")


RULE = "rule for IPv4, preference 100, looks table 254 up for {which}, ahead of ours"
SOME = RULE.format(which="some packets")


@pytest.mark.root
@pytest.mark.parametrize(
    ("selector", "verdict", "kernel"),
    [
        (
            "",
            f"is listed, but packets to it pass: {RULE.format(which='every packet')}",
            [f"{MAIN} {EVERYWHERE}"],
        ),
        (
            "iif lan",
            f"is blocked, but not for packets forwarded from lan: {SOME}",
            [f"{HELD} (from this host, forwarded from wan)", f"{MAIN} (forwarded from lan)"],
        ),
        (
            "iif lo",
            f"is blocked, but not for packets from this host: {SOME}",
            [f"{MAIN} (from this host)", f"{HELD} (forwarded from lan, wan)"],
        ),
    ],
)
def test_a_rule_ahead_of_ours_is_told_with_the_packets_that_it_takes(
    enforced, net, selector, verdict, kernel
):
    net.gateway.ip(f"rule add pref 100 {selector} lookup main")
    try:
        status, said, found = explained(enforced, net.gateway, "198.18.1.1")
    finally:
        net.gateway.ip("rule del pref 100")
    assert (status, said) == (1, verdict)
    assert found["kernel"] == [f"198.18.1.1: {line}" for line in kernel]


@pytest.mark.root
@pytest.mark.usefixtures("enforced")
def test_what_is_in_force_counts_and_not_what_the_list_says(gateway, net):
    gateway.configure(routes=True)
    gateway.write(RULES.replace("198.18.1.0/28", "198.18.3.0/28").replace("1.8/32", "3.8/32"))
    gateway.run("compile")
    found = explained(gateway, net.gateway, "198.18.1.1")
    assert found[:2] == [0, "is not listed, yet the kernel blocks it"]
    reason = "table 5354 holds no null route for it; `blockd status` says how it stands"
    found = explained(gateway, net.gateway, "198.18.3.1")
    assert found[:2] == [1, f"is listed, but packets to it pass: {reason}"]


@pytest.mark.root
def test_without_a_daemon_a_listed_address_is_open_and_it_says_why(gateway, space):
    gateway.configure(routes=True)
    gateway.run("compile")
    reason = "no rule looks table 5354 up, so the route daemon has not run"
    status, verdict, found = explained(gateway, space, "198.18.1.1")
    assert (status, verdict) == (1, f"is listed, but it is not null-routed: {reason}")
    assert found["kernel"] == [
        "198.18.1.1: no route leads there (Network is unreachable) (from this host)"
    ]
    gateway.configure()
    assert explained(gateway, space, "198.18.1.1")[:2] == [
        1,
        "is listed, but it is not null-routed: [routes] enabled = false",
    ]


SHADOW = """
[[platform]]
id = "s1"
domains = ["shadow.example"]
prefixes = ["198.18.9.0/28"]
enforce = false
"""


@pytest.mark.parametrize(
    ("what", "entry"),
    [
        ("www.shadow.example", "shadow.example"),
        ("198.18.9.1", "198.18.9.0/28"),
    ],
)
def test_what_is_counted_only_is_shown_and_not_blocked(gateway, what, entry):
    path = gateway.write(RULES + SHADOW)
    gateway.run("compile")
    done = gateway.run("explain", what)
    assert done.status == 1
    assert "is not blocked: no entry covers it" in done.out
    assert f"in shadow   {entry} of s1 at {path}:" in done.out
    assert gateway.run("explain", what, "--json").json["shadow"]["platform"] == "s1"
