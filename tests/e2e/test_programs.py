"""Real programs ask the gateway, each in its own way: what they print is what its user sees."""

import socket

import dns.flags
import dns.rcode
import pytest

from tests.e2e import gateway as gateways
from tests.e2e.gateway import CONNECTED, GATEWAY_V4, GATEWAY_V6, curl, dig, program
from tests.e2e.internet import ADDRESSES, LARGE, OTHER_ADDRESSES, OTHER_SERVER
from tests.lists import HEAD, allow, platform
from tests.resolver import messages
from tests.resolver.certificates import Authority

pytestmark = [pytest.mark.root, pytest.mark.usefixtures("running")]

LIST = (
    HEAD
    + platform("p1", "gone.example", prefixes=["198.18.77.0/24", "2001:db8:77::/48"])
    + platform("p2", "led.example", action="records", records=["CNAME garden.unlisted.test"])
    + platform("p3", "page.example", action="address", addresses=["198.19.0.80", "2001:db8::80"])
    + platform("p4", "refused.example", action="refused")
    + platform("p5", "silent.example", action="drop")
    + allow("excepted.gone.example")
)
SERVER_NAME = "dns.example"
NOBODY = "198.18.0.98"
"""Where no name server is; the network says so."""
WORD = "EDE: 16 (Censored): ({}: Notice 7)"
HIDDEN = ("status: NOERROR", "ANSWER: 0", "IN SOA", WORD.format("p1"))
V4, V6 = ADDRESSES["A"], ADDRESSES["AAAA"]


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def running(net, tmp_path_factory, authority):
    """`blockd up` with everything that clients can meet: workers, TLS, a zone of its own."""
    leaf = authority.sign(SERVER_NAME)
    settings = f"""\
workers = 2
listen_tls = ["{GATEWAY_V4}:853", "[{GATEWAY_V6}]:853"]
certificate = "{leaf.certificate}"
key = "{leaf.key}"
zones = {{ "corp.test" = ["{OTHER_SERVER}"], "dead.test" = ["{NOBODY}"] }}
"""
    directory = tmp_path_factory.mktemp("gateway")
    with gateways.running(net, directory, {"list.toml": LIST}, resolver=settings) as made:
        yield made


def printed(text):
    """Return what was printed, with one space wherever there are some."""
    return " ".join(text.split())


def run(net, name, *words):
    done = net.client.run(program(name), *words, check=False)
    return printed(done.stdout + done.stderr)


def missing(text, expected):
    return [part for part in expected if part not in text]


ANSWERS = [
    ("www.gone.example A", "status: NXDOMAIN", "gone.example. 60 IN SOA", WORD.format("p1")),
    ("www.gone.example AAAA", "status: NXDOMAIN", WORD.format("p1")),
    ("www.gone.example HTTPS", "status: NXDOMAIN", WORD.format("p1")),
    ("www.gone.example ANY", "status: NXDOMAIN", WORD.format("p1")),
    ("www.gone.example TYPE65400", "status: NXDOMAIN", WORD.format("p1")),
    # RFC 8020: NXDOMAIN would deny the exception below it as well.
    ("gone.example A", *HIDDEN),
    ("excepted.gone.example A", f"excepted.gone.example. 300 IN A {V4}"),
    ("WwW.GoNe.ExAmPlE A", "status: NXDOMAIN", ";WwW.GoNe.ExAmPlE. IN A"),
    ("www.unlisted.test A", "status: NOERROR", f"IN A {V4}"),
    ("www.unlisted.test AAAA", "status: NOERROR", f"IN AAAA {V6}"),
    ("www.unlisted.test HTTPS", "status: NOERROR", "ANSWER: 0"),
    ("www.unlisted.test ANY", 'IN HINFO "RFC8482" ""'),
    ("www.unlisted.test TYPE128", "status: FORMERR"),
    ("version.bind CH TXT", "status: REFUSED"),
    ("www.gone.example.alias.test A", *HIDDEN),
    ("www.gone.example.alias.test AAAA", *HIDDEN),
    ("www.gone.example.alias.test.alias.test A", *HIDDEN),
    ("www.gone.example.branch.test A", *HIDDEN),
    ("www.unlisted.test.alias.test A", "IN CNAME www.unlisted.test.", f"IN A {V4}"),
    ("www.unlisted.test.branch.test A", "IN DNAME unlisted.test.", f"IN A {V4}"),
    ("198-18-77-1.at.test A", *HIDDEN),
    ("198-18-78-1.at.test A", "IN A 198.18.78.1"),
    ("2001-db8-77--1.at.test AAAA", *HIDDEN),
    ("2001-db8-78--1.at.test AAAA", "IN AAAA 2001:db8:78::1"),
    ("198-18-77-1.hint.test HTTPS", *HIDDEN),
    ("198-18-78-1.hint.test HTTPS", 'HTTPS 1 . alpn="h2" ipv4hint=198.18.78.1'),
    ("2001-db8-77--1.hint.test HTTPS", *HIDDEN),
    ("x.led.example A", "x.led.example. 60 IN CNAME garden.unlisted.test.", f"IN A {V4}",
     "EDE: 4 (Forged Answer)", WORD.format("p2")),
    ("x.led.example AAAA", "IN CNAME garden.unlisted.test.", f"IN AAAA {V6}", WORD.format("p2")),
    ("x.led.example CNAME", "IN CNAME garden.unlisted.test.", "ANSWER: 1", WORD.format("p2")),
    ("x.led.example TXT", "IN CNAME garden.unlisted.test.", "ANSWER: 1", WORD.format("p2")),
    ("x.page.example A", "IN A 198.19.0.80", WORD.format("p3")),
    ("x.page.example AAAA", "IN AAAA 2001:db8::80", WORD.format("p3")),
    ("x.page.example TXT", "status: NOERROR", "ANSWER: 0", "IN SOA", WORD.format("p3")),
    ("x.refused.example A", "status: REFUSED", WORD.format("p4")),
    ("host.corp.test A", f"IN A {OTHER_ADDRESSES['A']}"),
    ("host.corp.test AAAA", f"IN AAAA {OTHER_ADDRESSES['AAAA']}"),
    ("host.fails.test A", "status: SERVFAIL"),
    ("localhost A", "IN A 127.0.0.1", "EDE: 29"),
    ("a.localhost AAAA", "IN AAAA ::1"),
    ("a.invalid A", "status: NXDOMAIN", "(answered here: RFC 6761)"),
    ("a.onion A", "status: NXDOMAIN", "(answered here: RFC 7686)"),
    ("-x 10.0.0.1", "status: NXDOMAIN", "10.in-addr.arpa. 10800 IN SOA"),
    ("-x 127.0.0.1", "IN PTR localhost."),
    ("-x 198.18.0.1", "status: NOERROR", "ANSWER: 0"),
    ("_dns.resolver.arpa SVCB", "status: NOERROR", "ANSWER: 0", "(answered here: RFC 9462)"),
    ("large.test A", f"ANSWER: {LARGE}", "198.19.1.0", "(TCP)"),
]  # fmt: skip


@pytest.mark.parametrize("way", [(GATEWAY_V4, "+notcp"), (GATEWAY_V6, "+tcp")])
@pytest.mark.parametrize(("asked", "expected"), [(asked, said) for asked, *said in ANSWERS])
def test_dig_prints_the_answer(net, way, asked, expected):
    server, transport = way
    text = printed(dig(net.client, f"@{server}", transport, *asked.split()))
    assert missing(text, ["OPT PSEUDOSECTION", "(good)", *expected]) == [], text


OPTIONS = [
    ("www.gone.example", ["status: NXDOMAIN", "EDNS: version: 0, flags:; udp: 1232"]),
    ("+dnssec www.gone.example", ["status: NXDOMAIN", "EDNS: version: 0, flags: do; udp: 1232"]),
    ("+edns=1 +noednsneg www.unlisted.test", ["status: BADVERS", "EDNS: version: 0"]),
    ("+nocookie +ednsopt=10:0102 www.unlisted.test", ["status: FORMERR"]),
    ("+opcode=update www.unlisted.test", ["status: NOTIMP"]),
    ("+header-only", ["status: FORMERR"]),
    ("+tcp AXFR gone.example", ["Transfer failed."]),
    ("+tcp +keepalive www.unlisted.test", ["TCP KEEPALIVE: 10.0 secs"]),
    ("+bufsize=512 +ignore large.test", ["flags: qr tc rd ra", "ANSWER: 0", "(UDP)"]),
    ("+bufsize=512 large.test", ["Truncated, retrying in TCP mode", f"ANSWER: {LARGE}", "(TCP)"]),
    ("+tcp +keepopen large.test x.gone.example", [f"ANSWER: {LARGE}", "status: NXDOMAIN"]),
    ("+timeout=1 silent.example", ["no servers could be reached"]),
    # What the upstream saw: AD, CD and DO go on to it, and no option of the client's does.
    ("+noadflag +short seen.test TXT", ['""']),
    ("+short seen.test TXT", ['"ad"']),
    ("+short +dnssec +cdflag seen.test TXT", ['"ad cd do"']),
    ("+short +subnet=198.18.9.0/24 +nsid +expire +ednsopt=65001:be seen.test TXT", ['"ad"']),
]  # fmt: skip


@pytest.mark.parametrize(("words", "expected"), OPTIONS)
def test_dig_is_answered_by_its_options(net, words, expected):
    text = printed(dig(net.client, f"@{GATEWAY_V4}", *words.split()))
    assert missing(text, expected) == [], text


@pytest.mark.parametrize(
    "name", ["x.gone.example", "www.unlisted.test", "a.invalid", "x.led.example"]
)
def test_opt_is_in_no_reply_to_a_query_without_it(net, name):
    text = dig(net.client, f"@{GATEWAY_V4}", "+noedns", name)
    assert "ADDITIONAL: 0" in text
    assert "OPT" not in text


@pytest.mark.parametrize("name", ["x.gone.example", "www.unlisted.test"])
def test_options_that_are_not_understood_are_not_echoed(net, name):
    asked = ["+nsid", "+subnet=198.18.9.0/24", "+expire", "+ednsopt=65001:be"]
    text = printed(dig(net.client, f"@{GATEWAY_V4}", *asked, name))
    assert "(good)" in text
    for option in ("NSID", "CLIENT-SUBNET", "EXPIRE", "OPT=65001"):
        assert f"; {option}" not in text


def test_a_server_cookie_is_the_same_whichever_worker_is_asked(net):
    text = dig(net.client, f"@{GATEWAY_V4}", *["+qr", "www.unlisted.test"] * 16)
    cookies = [line.split()[2] for line in text.splitlines() if "(good)" in line]
    assert len(cookies) == 16
    seconds = {cookie[16:32] for cookie in cookies}  # RFC 9018 4: version and time come first
    assert len({cookie[16:] for cookie in cookies}) == len(seconds)


KDIG = [
    (["+notcp"], ["(UDP)"]),
    (["+tcp"], ["(TCP)"]),
    (["+notcp", "+cookie", "+nsid", "+subnet=198.18.9.0/24", "+padding=128"], ["COOKIE:", "(UDP)"]),
    (["+tcp", "+cookie", "+nsid", "+subnet=198.18.9.0/24"], ["COOKIE:", "(TCP)"]),
    (["+tls"], ["TLS session (TLS1.3)", "PADDING:", "Received 468 B"]),
    (["+tls", "+cookie", "+dnssec"], ["PADDING:", "COOKIE:", "flags: do", "Received 468 B"]),
    (["+tls", "+nopadding"], ["TLS session"]),
]


@pytest.mark.parametrize("server", [GATEWAY_V4, GATEWAY_V6])
@pytest.mark.parametrize(("words", "expected"), KDIG)
def test_kdig_is_answered_by_every_transport_with_its_options(
    net, authority, server, words, expected
):
    if "+tls" in words:
        words = [*words, f"+tls-ca={authority.file}", f"+tls-hostname={SERVER_NAME}"]
    for name, said in (
        ("x.gone.example", ["status: NXDOMAIN", "EDE: 16 (Censored): 'p1: Notice 7'"]),
        ("www.unlisted.test", ["status: NOERROR", f"IN A {V4}"]),
    ):
        text = run(net, "kdig", f"@{server}", *words, "+edns", name)
        assert missing(text, [*expected, *said, f"From {server}@"]) == [], text
        assert ("PADDING" in text) is ("PADDING:" in expected)
        assert "NSID" not in text
        assert "SUBNET" not in text


def test_kdig_asks_several_questions_on_one_connection(net, authority):
    tls = ["+tls", f"+tls-ca={authority.file}", f"+tls-hostname={SERVER_NAME}", "+keepopen"]
    names = ["x.gone.example", "large.test", "www.unlisted.test"]
    for words in (["+tcp", "+keepopen"], tls):
        text = run(net, "kdig", f"@{GATEWAY_V4}", *words, *names)
        assert missing(text, ["status: NXDOMAIN", f"ANSWER: {LARGE}", f"IN A {V4}"]) == [], text


DRILL = [
    ([], ["MSG SIZE"]),
    (["-t"], ["MSG SIZE"]),
    (["-D"], ["EDNS: version 0; flags: do ; udp: 1232"]),
    (["-t", "-D"], ["EDNS: version 0; flags: do ; udp: 1232"]),
    (["-b", "4096"], ["EDNS: version 0; flags: ; udp: 1232"]),
]
NAMES = [
    ("x.gone.example", "A", ["rcode: NXDOMAIN", "gone.example. 60 IN SOA"]),
    ("www.gone.example.alias.test", "A", ["rcode: NOERROR", "ANSWER: 0", "IN SOA"]),
    ("www.unlisted.test", "AAAA", ["rcode: NOERROR", f"IN AAAA {V6}"]),
    ("a.invalid", "A", ["rcode: NXDOMAIN"]),
]


@pytest.mark.parametrize("server", [GATEWAY_V4, GATEWAY_V6])
@pytest.mark.parametrize(("words", "expected"), DRILL)
def test_drill_is_answered(net, server, words, expected):
    for name, kind, said in NAMES:
        text = run(net, "drill", *words, f"@{server}", name, kind)
        assert missing(text, [*expected, *said]) == [], text


DELV = [
    ("x.gone.example A", ["ncache nxdomain"]),
    ("www.gone.example.alias.test A", ["ncache nxrrset"]),
    ("198-18-77-1.hint.test HTTPS", ["ncache nxrrset"]),
    ("www.unlisted.test AAAA", [f"IN AAAA {V6}"]),
    ("www.unlisted.test.alias.test A", ["IN CNAME www.unlisted.test.", f"IN A {V4}"]),
    ("x.led.example A", ["IN CNAME garden.unlisted.test.", f"IN A {V4}"]),
    ("large.test A", ["IN A 198.19.1.0", f"IN A 198.19.1.{LARGE - 1}"]),
    ("a.invalid A", ["ncache nxdomain"]),
    ("localhost A", ["IN A 127.0.0.1"]),
]


@pytest.mark.parametrize(("asked", "expected"), DELV)
def test_delv_takes_the_answers(net, asked, expected):
    text = run(net, "delv", "-i", f"@{GATEWAY_V4}", *asked.split())
    assert missing(text, ["answer not validated", *expected]) == [], text


@pytest.mark.usefixtures("resolv_conf")
@pytest.mark.parametrize(
    ("name", "v4", "v6"),
    [
        ("www.unlisted.test", V4, V6),
        ("www.unlisted.test.alias.test", V4, V6),
        ("x.led.example", V4, V6),
        ("x.page.example", "198.19.0.80", "2001:db8::80"),
        ("host.corp.test", *OTHER_ADDRESSES.values()),
        ("198-18-77-1.at.test", None, None),
        ("x.gone.example", None, None),
        ("www.gone.example.alias.test", None, None),
        ("a.invalid", None, None),
    ],
)
def test_programs_of_the_c_library_follow_the_list(net, name, v4, v6):
    found = net.client.run(program("getent"), "ahosts", name, check=False).stdout
    assert {line.split()[0] for line in found.splitlines()} == {v4, v6} - {None}
    could_not_resolve = 6
    for family, address in (("-4", v4), ("-6", v6)):
        reached = (CONNECTED, address) if address else (could_not_resolve, "")
        assert curl(net.client, name, family) == reached


@pytest.mark.usefixtures("resolv_conf")
@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("www.unlisted.test", V6),
        ("www.unlisted.test.alias.test", V6),
        ("x.led.example", V6),
        ("x.gone.example", None),
        ("www.gone.example.alias.test", None),
        ("2001-db8-77--1.at.test", None),
    ],
)
def test_a_browser_shows_the_pages_of_names_that_are_not_listed(net, tmp_path, name, shown):
    done = net.client.run(
        program("chromium-headless-shell"), "--no-sandbox", "--disable-gpu", "--disable-quic",
        "--no-first-run", "--disable-background-networking", "--disable-component-update",
        "--disable-sync", "--disable-dev-shm-usage", f"--user-data-dir={tmp_path}",
        "--dump-dom", f"http://{name}/", check=False,
    )  # fmt: skip
    if shown:
        assert f">{shown}<" in done.stdout, done
    else:
        assert "ERR_NAME_NOT_RESOLVED" in done.stdout + done.stderr, done


LEVELS = ({"edns": False}, {"edns": True}, {"edns": True, "do": True})
"""How much systemd-resolved asks of a server: nothing, EDNS, and DO with it."""
DEGRADING = (dns.rcode.FORMERR, dns.rcode.SERVFAIL, dns.rcode.NOTIMP)


def resolved(net, server, name, kind):
    """Ask as systemd-resolved does; return the level that it keeps, and the reply.

    It asks for all it can, and for less once a reply is an error, has no OPT, or lacks DO
    (src/resolve/resolved-dns-server.c). A truncated reply has it ask the same again by TCP.
    """
    for level in reversed(range(len(LEVELS))):
        packet = messages.query(name, kind, **LEVELS[level])
        reply = exchanged(net, server, packet, socket.SOCK_DGRAM)
        if reply.flags & dns.flags.TC:
            reply = exchanged(net, server, packet, socket.SOCK_STREAM)
        asked = LEVELS[level]
        able = reply.rcode() not in DEGRADING
        able = able and (not asked["edns"] or reply.edns == 0)
        if able and bool(reply.ednsflags & dns.flags.DO) == asked.get("do", False):
            return level, reply
    return -1, reply


def exchanged(net, server, packet, kind):
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    with gateways.socket_in(net.client, family, kind) as sock:
        sock.connect((server, gateways.DNS))
        return gateways.exchanged(sock, packet)


@pytest.mark.parametrize("server", [GATEWAY_V4, GATEWAY_V6])
def test_systemd_resolved_finds_a_server_that_can_do_all_it_asks_for(net, server):
    wrong = []
    for asked, *_ in ANSWERS:
        name, *kind = asked.split()
        if name.startswith(("-x", "host.fails", "version")) or "TYPE128" in kind:
            continue  # errors, and what dig puts into other words
        number = kind[0].removeprefix("TYPE")
        level, reply = resolved(net, server, name, int(number) if number.isdigit() else kind[0])
        if level != len(LEVELS) - 1:
            wrong.append((asked, level, str(reply)))
    assert wrong == []


def test_systemd_resolved_is_told_of_failures_with_opt_as_well(net):
    assert resolved(net, GATEWAY_V4, "host.fails.test", "A")[0] == -1
    packet = messages.query("host.fails.test", **LEVELS[-1])
    reply = exchanged(net, GATEWAY_V4, packet, socket.SOCK_DGRAM)
    assert (reply.rcode(), reply.edns) == (dns.rcode.SERVFAIL, 0)


def test_dig_is_told_that_the_upstreams_of_a_zone_cannot_be_reached(net):
    text = dig(net.client, f"@{GATEWAY_V4}", "+timeout=6", "host.dead.test")
    assert missing(printed(text), ["status: SERVFAIL", "EDE: 23 (Network Error)"]) == [], text


def test_no_program_left_a_trace_in_the_log(running):
    lines = running.said().splitlines()
    assert not [line for line in lines if "Traceback" in line or "rror" in line]
    assert not [line for line in lines if "resolver:" in line and "serving on" not in line]
