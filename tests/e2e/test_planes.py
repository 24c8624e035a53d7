"""What a client meets: listed and unlisted names and addresses, on both planes at once."""

import json
import random
import warnings
from datetime import UTC, datetime

import pytest

from blockd import prefixes
from blockd.prefixes import WIDTH, Prefix
from blockd.terms import Action
from blockd.watchlist import formats
from tests import topology
from tests.e2e import gateway as gateways
from tests.e2e.gateway import CONNECTED, TIMED_OUT, UNREACHED, curl, dig, shipped
from tests.e2e.internet import ADDRESSES
from tests.entries import deciding, deciding_prefix
from tests.resolver import messages

pytestmark = [pytest.mark.root, pytest.mark.usefixtures("running")]

KINDS = """\
[list]
authority = "Example Authority"
basis = "policy"

[[platform]]
id = "k1"
prefixes = ["198.19.201.0/24", "2001:db8:f001::/48"]
route = "blackhole"

[[platform]]
id = "k2"
prefixes = ["198.19.202.0/24", "2001:db8:f002::/48"]
route = "unreachable"

[[platform]]
id = "k3"
prefixes = ["198.19.203.0/24", "2001:db8:f003::/48"]
route = "prohibit"
"""


@pytest.fixture(scope="module")
def running(net, tmp_path_factory):
    """`blockd up` on the shipped lists, and one of each type of route."""
    with gateways.running(
        net, tmp_path_factory.mktemp("gateway"), {**shipped(), "kinds.toml": KINDS}
    ) as made:
        yield made


@pytest.fixture(scope="module")
def listed():
    """The shipped lists, parsed, and the day."""
    parsed = [formats.parse(text.encode(), name) for name, text in shipped().items()]
    return parsed, datetime.now(UTC).date()


def test_every_shipped_name_is_answered_as_the_list_says(client, listed):
    sources, today = listed
    wrong = []
    entries = sorted({entry.name for source in sources for entry in source.names})
    for number, wire in enumerate(name for entry in entries for name in (entry, b"\1x" + entry)):
        found = deciding(wire, sources, today)
        blocked = found is not None and not found.rule.allow
        kind, version = ("A", "AAAA")[number % 2], (4, 6)[number // 2 % 2]
        text = b".".join(_labels(wire)).decode()
        silent = blocked and found.rule.action is Action.DROP
        reply = client.ask(text, kind, version, patience=0.1 if silent else 2)
        if silent:
            right = reply is None
        elif blocked:
            right = f"{found.rule.id}: {found.rule.reference}" in str(messages.errors(reply))
        else:
            right = messages.records(reply.answer) == [f"{text}. {kind} {ADDRESSES[kind]}"]
        if not right:
            wrong.append((text, kind, version, reply))
    assert wrong == []


def _labels(wire):
    while wire:
        yield wire[1 : 1 + wire[0]]
        wire = wire[1 + wire[0] :]


def test_every_shipped_prefix_is_cut_off_and_its_neighbours_are_not(client, listed):
    sources, today = listed
    internet = [prefixes.parse(text) for text in topology.INTERNET]
    tried = {}
    for entry in (entry for source in sources for entry in source.prefixes):
        first = entry.prefix.network
        last = first + (1 << WIDTH[entry.prefix.family] - entry.prefix.length) - 1
        for number in (first - 1, first, last, last + 1):
            address = Prefix(entry.prefix.family, number, WIDTH[entry.prefix.family])
            if any(network.covers(address) for network in internet):
                found = deciding_prefix(address, sources, today)
                reachable = found is None or found.rule.allow
                tried[str(address).partition("/")[0]] = reachable
    assert client.reached(tried) == {address for address, reachable in tried.items() if reachable}


@pytest.mark.parametrize("server", [gateways.GATEWAY_V4, gateways.GATEWAY_V6])
@pytest.mark.parametrize("transport", ["+notcp", "+tcp"])
@pytest.mark.parametrize("kind", ["A", "AAAA"])
def test_dig_is_told_on_whose_word_a_name_is_blocked(net, server, transport, kind):
    said = dig(net.client, f"@{server}", transport, "www.exchange-001.example", kind)
    assert "status: NXDOMAIN" in said
    assert "EDE: 16 (Censored): (p001: Notice 2018/124 item 1)" in said
    unlisted = dig(net.client, f"@{server}", transport, "+short", "www.unlisted.test", kind)
    assert unlisted.split() == [ADDRESSES[kind]]


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("198.18.0.9", CONNECTED),
        ("2001:db8::9", CONNECTED),
        ("198.18.1.1", TIMED_OUT),
        ("2001:db8:1::1", TIMED_OUT),
        ("198.18.40.17", CONNECTED),  # an exception within a listed prefix
        ("198.18.40.1", TIMED_OUT),
        ("2001:db8:40:8000:53::1", CONNECTED),
        ("2001:db8:40:8000:54::1", TIMED_OUT),
        ("198.19.202.1", UNREACHED),
    ],
)
def test_curl_reaches_what_is_not_listed_and_nothing_else(net, target, status):
    assert curl(net.client, target) == (status, target if status == CONNECTED else "")


@pytest.mark.usefixtures("resolv_conf")
@pytest.mark.parametrize(("family", "kind"), [("-4", "A"), ("-6", "AAAA")])
def test_programs_that_use_resolv_conf_follow_the_list(net, family, kind):
    could_not_resolve = 6
    assert curl(net.client, "www.unlisted.test", family) == (CONNECTED, ADDRESSES[kind])
    assert curl(net.client, "www.exchange-001.example", family) == (could_not_resolve, "")


def test_clients_outside_the_allowed_networks_are_refused(net):
    said = dig(net.internet, f"@{gateways.GATEWAY_V4}", "-b", "198.18.0.7", "www.unlisted.test")
    assert "status: REFUSED" in said
    assert "EDE: 18 (Prohibited)" in said


def test_each_type_of_route_sends_its_icmp_and_a_blackhole_none(net):
    def inside():
        warnings.simplefilter("ignore")
        from scapy.all import ICMP, IP, UDP, ICMPv6DestUnreach, IPv6, conf, sr

        conf.verb = 0
        for network, kind, destinations in (
            (IP, ICMP, {"198.19.202.1": (3, 1), "198.19.203.1": (3, 13)}),
            (
                IPv6,
                ICMPv6DestUnreach,
                {"2001:db8:f002::1": (1, 0), "2001:db8:f003::1": (1, 1)},
            ),
        ):
            silent = {IP: "198.19.201.1", IPv6: "2001:db8:f001::1"}[network]
            probes = [
                network(dst=address) / UDP(sport=40000, dport=gateways.ECHO) / b"probe"
                for address in (*destinations, silent)
            ]
            answered, unanswered = sr(probes, timeout=0.6)
            assert [probe.dst for probe in unanswered] == [silent]
            told = {sent.dst: (got[kind].type, got[kind].code) for sent, got in answered}
            assert told == destinations
            gateway = {IP: gateways.GATEWAY_V4, IPv6: gateways.GATEWAY_V6}[network]
            assert {got.src for _, got in answered} == {gateway}

    net.client.call(inside)


def test_malformed_datagrams_are_survived_and_answered_like_for_like(running, net, client):
    before = running.ask("resolver")
    daemons = gateways.children(running.processes[0].pid)
    rng = random.Random(5354)
    right = messages.query("www.unlisted.test")
    payloads = [
        b"", b"\0", right[:11], right[:12], right[:-1], right[:20],
        right[:4] + b"\0\2" + right[6:],  # two questions
        right[:4] + b"\0\0" + right[6:],
        right[:12] + b"\xc0\x0c" + right[14:],  # a name that points to itself
        right[:2] + b"\x81\x80" + right[4:],  # a reply
        right[:2] + b"\x29\0" + right[4:],  # an update
        right + bytes(1200),
        messages.query("www.unlisted.test", "AXFR"),
        messages.query("www.unlisted.test", qclass=3),
        messages.query("www.unlisted.test", version=1),
        *(rng.randbytes(rng.randrange(600)) for _ in range(100)),
        *(bytes(b ^ (rng.random() < 0.05) * rng.randrange(256) for b in right) for _ in range(100)),
    ]  # fmt: skip

    def inside():
        warnings.simplefilter("ignore")
        from scapy.all import DNS, DNSQR, IP, UDP, IPv6, conf, send, sr1

        conf.verb = 0
        to_v4, to_v6 = IP(dst=gateways.GATEWAY_V4), IPv6(dst=gateways.GATEWAY_V6)
        packets = [
            to / UDP(sport=40001, dport=53) / load for load in payloads for to in (to_v4, to_v6)
        ]
        packets += [
            to / udp / right
            for to in (to_v4, to_v6, IP(src="198.18.0.66", dst=gateways.GATEWAY_V4))
            for udp in (
                UDP(sport=0, dport=53),  # no reply can be sent there
                UDP(sport=40002, dport=53, chksum=1),
                UDP(sport=40003, dport=53, len=4),
                UDP(sport=40004, dport=53, len=2000),
            )
        ]
        rng.shuffle(packets)
        send(packets)
        asked = DNS(id=77, rd=1, qd=DNSQR(qname="www.exchange-001.example"))
        reply = sr1(to_v4 / UDP(sport=40005, dport=53) / asked, timeout=2)
        assert (reply[DNS].id, reply[DNS].rcode) == (77, 3)
        class_ch = DNS(id=78, rd=1, qd=DNSQR(qname="version.bind", qtype="TXT", qclass=3))
        assert sr1(to_v6 / UDP(sport=40006, dport=53) / class_ch, timeout=2)[DNS].rcode == 5

    net.client.call(inside)
    assert client.blocked("www.exchange-001.example")
    assert gateways.children(running.processes[0].pid) == daemons
    after = running.ask("resolver")["outcomes"]
    for outcome in ("malformed", "dropped", "not_implemented", "refused"):
        assert after[outcome] > before["outcomes"][outcome]


ASKED = f" (asked for A at {gateways.GATEWAY_V4}:53)"
EVERYWHERE = "(from this host, forwarded from lan, wan)"


@pytest.mark.parametrize(
    ("what", "status", "lines"),
    [
        (
            "www.exchange-001.example",
            0,
            [
                "www.exchange-001.example is blocked",
                "entry exchange-001.example",
                "platform p001, Example Exchange 001",
                "on the word of Example Authority",
                "resolver NXDOMAIN; EDE 16 Censored: p001: Notice 2018/124 item 1" + ASKED,
                "kernel 198.18.1.0: blackhole 198.18.1.0/28 in table 5354",
                "kernel 2001:db8:1::: blackhole 2001:db8:1::/48 in table 5354",
            ],
        ),
        (
            "www.unlisted.test",
            1,
            [
                "www.unlisted.test is not blocked: no entry covers it",
                "resolver NOERROR; A 198.19.0.99" + ASKED,
            ],
        ),
        (
            "198.18.1.3",
            0,
            ["198.18.1.3 is blocked",
             f"kernel 198.18.1.3: blackhole 198.18.1.0/28 in table 5354 {EVERYWHERE}"],
        ),
        (
            "2001:db8:1::3",
            0,
            ["platform p001, Example Exchange 001",
             f"kernel 2001:db8:1::3: blackhole 2001:db8:1::/48 in table 5354 {EVERYWHERE}"],
        ),
        (
            "198.18.0.9",
            1,
            ["198.18.0.9 is not blocked: no entry covers it",
             f"kernel 198.18.0.9: unicast 0.0.0.0/0 in table main {EVERYWHERE}"],
        ),
        (
            "198.18.40.17",
            1,
            ["198.18.40.17 is not blocked: it is excepted",
             "reason The authority's own probes"],
        ),
    ],
)  # fmt: skip
def test_explain_shows_the_entry_and_what_both_planes_do_now(running, what, status, lines):
    done = running.blockd("explain", what)
    said = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert done.returncode == status, done
    assert [line for line in lines if line not in said] == [], done.stdout


def test_status_shows_both_planes_at_the_generation_in_force(running):
    done = running.blockd("status", "--json")
    assert done.returncode == 0, done
    status = json.loads(done.stdout)
    assert status["generation"]["number"] == 1
    assert [daemon["generation"] for daemon in status["daemons"].values()] == [1, 1, 1]
    assert all(daemon["ready"] for daemon in status["daemons"].values())
    assert status["generation"]["names"] == status["daemons"]["resolver"]["names"]
    routes = status["daemons"]["routes"]
    assert routes["desired"] == routes["actual"] == len(running.routes())
    assert (routes["missing"], routes["foreign"], routes["problems"]) == (0, [], [])


def test_no_trace_of_a_client_is_left_anywhere(running, net, client):
    for version in (4, 6):
        for name in ("www.exchange-001.example", "trace.unlisted.test", "trace.unlisted.test"):
            assert client.ask(name, version=version)
    assert "status" in dig(net.client, f"@{gateways.GATEWAY_V6}", "+tcp", "trace.unlisted.test")
    assert "REFUSED" in dig(
        net.internet, f"@{gateways.GATEWAY_V4}", "-b", "198.18.0.7", "trace.unlisted.test"
    )
    client.reached(["198.18.1.1", "2001:db8:1::1"])
    status = running.blockd("status", "--json").stdout + running.blockd("status").stdout
    texts = [running.log.read_bytes(), status.encode()]
    texts += [path.read_bytes() for path in running.state.rglob("*") if path.is_file()]
    assert len(texts) > 4
    for trace in (topology.CLIENT_V4, topology.CLIENT_V6, "198.18.0.7", "trace.unlisted"):
        assert not [text for text in texts if trace.encode() in text], trace
