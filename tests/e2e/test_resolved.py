"""systemd-resolved as a client: the host's programs ask it, and it asks the gateway's resolver.

Both are the real ones, on one fresh Debian: systemd-resolved with its stub on 127.0.0.53, and
blockd, as `blockd setup` puts it to work, on the address that clients ask, by TLS as well. What
systemd-resolved makes of the server stands in the state that it logs on SIGUSR1.
"""

import contextlib
import re
from pathlib import Path

import pytest

from tests.e2e import host, signed
from tests.e2e.gateway import until
from tests.e2e.internet import ADDRESSES, LARGE, NAME_SERVERS
from tests.lists import HEAD, allow, platform
from tests.resolver.certificates import Authority
from tests.topology import GATEWAY_V4, INTERNET_V4

# The first waits for the root as well.
pytestmark = [pytest.mark.root, pytest.mark.timeout(240)]

RESOLVED = "systemd-resolved"
STUB = "127.0.0.53"
SERVER_NAME = "dns.example"
V4, V6 = ADDRESSES["A"], ADDRESSES["AAAA"]
FRESH, KEPT = platform("p901", "fresh.test", ttl=1), platform("p902", "kept.test")
LIST = (
    HEAD
    + platform("p1", "gone.example", "gone.example.org", prefixes=["198.18.77.0/24"])
    + platform("p2", "led.example", action="records", records=["CNAME garden.unlisted.test"])
    + platform("p3", "page.example", action="address", addresses=["198.19.0.80", "2001:db8::80"])
    + platform("p4", "refused.example", action="refused")
    + platform("p5", "silent.example", action="drop")
    + platform("p6", "empty.example", action="nodata")
    + platform("p7", "zero.example", action="zero")
    + platform("p8", "streams.example", action="tcp-only")
    + allow("excepted.gone.example")
)
NOT_FOUND, EMPTY = "Name '{}' not found", "'{}' does not have any RR of the requested type"
REFUSED, UNPROVED = "returned error REFUSED", "DNSSEC validation failed: no-signature"
ENCRYPTED, PLAIN = "encrypted transport: yes", "encrypted transport: no"
AUTHENTIC, UNPROVEN = "authenticated: yes", "authenticated: no"


@pytest.fixture(scope="module")
def machine(net, server, tmp_path_factory):
    """A host on which both run; nothing of it is on the host's own port 53."""
    authority = Authority(tmp_path_factory.mktemp("authority"))
    leaf = authority.sign(SERVER_NAME)
    with host.bare(net.gateway, lower=server) as booted:
        for name, source in {"leaf.pem": leaf.certificate, "leaf.key": leaf.key}.items():
            booted.write(f"/etc/blockd/{name}", Path(source).read_text())
        # Where OpenSSL looks; what is written goes to the host's tmpfs.
        booted.write("/usr/lib/ssl/cert.pem", Path(authority.file).read_text())
        booted.write("/etc/blockd/rules.d/list.toml", LIST)
        configure(booted, NAME_SERVERS[0])
        booted.run(host.PROGRAM, "setup", timeout=60)
        yield booted


def configure(machine, upstream):
    machine.write(
        "/etc/blockd/blockd.toml",
        f'[resolver]\nupstreams = ["{upstream}"]\nlisten = ["{GATEWAY_V4}:53"]\n'
        f'listen_tls = ["{GATEWAY_V4}:853"]\n'
        'certificate = "/etc/blockd/leaf.pem"\nkey = "/etc/blockd/leaf.key"\n',
    )


def resolve_by(machine, *, dnssec="no", tls="no", name=SERVER_NAME):
    """Have systemd-resolved ask the gateway in a way, and forget what it knew."""
    machine.write(
        "/etc/systemd/resolved.conf.d/gateway.conf",
        f"[Resolve]\nDNS={GATEWAY_V4}#{name}\nDomains=~.\nDNSSEC={dnssec}\nDNSOverTLS={tls}\n",
    )
    # Forgets the starts before, of which five in ten seconds are allowed.
    machine.systemctl("reset-failed", RESOLVED)
    machine.systemctl("restart", RESOLVED)


@pytest.fixture(scope="module")
def plainly(machine):
    resolve_by(machine)
    return machine


def query(machine, name, *words):
    """Ask systemd-resolved over its own interface; return what resolvectl prints."""
    done = machine.run("resolvectl", "query", *words, name, check=False)
    return done.stdout + done.stderr


def addresses(text):
    return set(re.findall(r"(?<=: | {2})[0-9a-f.:]+(?= +-- link)", text))


def getent(machine, name):
    """Return the addresses that programs of the C library find, by nss-resolve."""
    lines = machine.run("getent", "ahosts", name, check=False).stdout.splitlines()
    return {line.split()[0] for line in lines}


def dig(machine, *words):
    argv = ["dig", f"@{STUB}", "+timeout=2", "+tries=1", *words]
    return machine.run(*argv, check=False).stdout


def standing(machine):
    """Return what systemd-resolved holds of its server, as it logs it."""

    def logged():
        # Of the unit's messages, its manager's may come in between.
        argv = ["journalctl", "--no-pager", "--output=cat", f"--identifier={RESOLVED}"]
        return re.findall(
            r"^\[Server \S+ type=system\]\n((?:\t.+\n)+?\tServer dropped DO flag: .+\n)",
            machine.run(*argv).stdout,
            re.MULTILINE,
        )

    before = len(logged())
    machine.systemctl("kill", "--signal=USR1", RESOLVED)
    lines = until(lambda: logged()[before:], "the state in the journal")[0].strip().splitlines()
    return dict(line.strip().split(": ", 1) for line in lines)


def content(machine, level, **more):
    """Fail unless systemd-resolved holds the server for one that can do it all, and lost nothing.

    Args:
        machine: the host.
        level: the most that it asks of a server, by its name for it.
        **more: other entries of the state, with _ for a blank.
    """
    found = standing(machine)
    expected = {
        "Verified feature level": level,
        "Possible feature level": level,
        "Can do DNSSEC": "yes",
        "Failed UDP attempts": "0",
        "Failed TCP attempts": "0",
        "Seen OPT RR getting lost": "no",
        "Seen RRSIG RR missing": "no",
        "Seen invalid packet": "no",
        "Server dropped DO flag": "no",
    } | {key.replace("_", " "): value for key, value in more.items()}
    assert {key: found[key] for key in expected} == expected


ANSWERS = [
    ("www.unlisted.test", {V4, V6}, "NOERROR"),
    ("excepted.gone.example", {V4, V6}, "NOERROR"),
    ("www.unlisted.test.alias.test", {V4, V6}, "NOERROR"),
    ("x.streams.example", {V4, V6}, "NOERROR"),
    ("x.led.example", {V4, V6}, "NOERROR"),
    ("x.page.example", {"198.19.0.80", "2001:db8::80"}, "NOERROR"),
    ("x.zero.example", {"0.0.0.0", "::"}, "NOERROR"),
    ("x.gone.example", NOT_FOUND, "NXDOMAIN"),
    # RFC 8020: NXDOMAIN would deny the exception below it as well.
    ("gone.example", EMPTY, "NOERROR"),
    ("www.gone.example.alias.test", EMPTY, "NOERROR"),
    ("198-18-77-1.at.test", EMPTY, "NOERROR"),
    ("x.empty.example", EMPTY, "NOERROR"),
    ("x.refused.example", REFUSED, "REFUSED"),
]


@pytest.mark.parametrize(("name", "expected", "rcode"), ANSWERS)
def test_systemd_resolved_passes_on_what_the_resolver_says(plainly, name, expected, rcode):
    said, shown = query(plainly, name, "-4") + query(plainly, name, "-6"), dig(plainly, name)
    assert f"status: {rcode}" in shown
    if isinstance(expected, str):
        assert said.count(expected.format(name)) == 2, said
        expected = set()
    assert addresses(said) == getent(plainly, name) == expected
    found = re.findall(r"IN\s+A\s+(\S+)$", shown, re.MULTILINE)
    assert set(found) == {each for each in expected if "." in each}


def test_an_answer_that_no_datagram_holds_comes_by_tcp(plainly):
    assert len(getent(plainly, "large.test") - {V6}) == LARGE
    content(plainly, "UDP+EDNS0", Seen_truncated_packet="yes")


@pytest.mark.parametrize(
    ("tls", "level"),
    [
        ("no", "UDP+EDNS0"),
        ("opportunistic", "TLS+EDNS0"),
        ("yes", "TLS+EDNS0"),
    ],
)
def test_systemd_resolved_finds_all_that_it_asks_for(machine, tls, level):
    resolve_by(machine, tls=tls)
    for number in range(3):
        said = query(machine, f"n{number}.unlisted.test", "-4")
        assert addresses(said) == {V4}, said
        assert (PLAIN if tls == "no" else ENCRYPTED) in said
        listed = f"n{number}.gone.example"
        assert NOT_FOUND.format(listed) in query(machine, listed, "-4")
        assert REFUSED in query(machine, f"n{number}.refused.example", "-4")
    content(machine, level)


def test_only_a_certificate_of_the_name_that_was_told_is_good_enough(machine):
    resolve_by(machine, tls="yes", name="other.example")
    assert addresses(query(machine, "www.unlisted.test", "-4")) == set()


def test_a_failure_of_an_upstream_costs_the_resolver_nothing(machine):
    resolve_by(machine)
    assert "returned error SERVFAIL" in query(machine, "host.fails.test", "--type=TXT")
    assert addresses(query(machine, "other.unlisted.test", "-4")) == {V4}
    content(machine, "UDP+EDNS0")


def test_a_change_of_the_list_is_felt_as_soon_as_what_is_kept_expires(machine):
    resolve_by(machine)
    known, new, passing = "www.kept.test", "new.kept.test", "www.fresh.test"
    assert getent(machine, known) == getent(machine, passing) == {V4, V6}
    change(machine, LIST + FRESH + KEPT)
    assert getent(machine, new) == set()
    # An answer from before is the client's own until its TTL, 300 s here, has passed.
    assert getent(machine, known) == {V4, V6}
    machine.run("resolvectl", "flush-caches")
    assert getent(machine, known) == getent(machine, new) == getent(machine, passing) == set()

    change(machine, LIST)
    # With `ttl = 1` it is back by itself; others stay away for the 60 s that are the default.
    until(lambda: getent(machine, passing) == {V4, V6}, "found again")
    assert getent(machine, known) == getent(machine, new) == set()
    machine.run("resolvectl", "flush-caches")
    assert getent(machine, known) == getent(machine, new) == {V4, V6}


def change(machine, text):
    """Have a list in force."""
    host.put(machine, "list.toml", text)
    machine.systemctl("reload", "blockd")


def test_silence_is_passed_on_and_other_names_are_found_meanwhile(machine):
    resolve_by(machine)
    assert "no servers could be reached" in dig(machine, "+timeout=1", "x.silent.example")
    assert addresses(query(machine, "beside.unlisted.test")) == {V4, V6}


@contextlib.contextmanager
def behind(machine, net, place, **options):
    """Have the resolver ask an internet of `signed`, whose root is trusted."""
    with signed.internet(net.internet, INTERNET_V4, place, **options) as anchor:
        machine.write("/etc/dnssec-trust-anchors.d/root.positive", anchor)
        configure(machine, INTERNET_V4)
        machine.systemctl("restart", "blockd-resolver")
        yield machine


def test_what_nobody_signs_is_found_where_that_is_allowed_and_the_list_holds(
    machine, net, tmp_path
):
    with behind(machine, net, tmp_path, signing=False):
        resolve_by(machine, dnssec="allow-downgrade")
        # It finds out by a first question, which systemd 252 gives up for it.
        until(lambda: addresses(query(machine, signed.SIGNED, "-4")), "the downgrade")
        for name in (signed.SIGNED, signed.UNSIGNED):
            said = query(machine, name, "-4")
            assert addresses(said) == {signed.ADDRESS}, said
            assert UNPROVEN in said
        assert NOT_FOUND.format("x.gone.example") in query(machine, "x.gone.example", "-4")
        assert addresses(query(machine, "x.page.example", "-4")) == {"198.19.0.80"}
        content(machine, "UDP+EDNS0", Can_do_DNSSEC="no", Seen_RRSIG_RR_missing="yes")


@pytest.fixture(scope="module")
def proving(machine, net, tmp_path_factory):
    """The host in a world that is signed."""
    with behind(machine, net, tmp_path_factory.mktemp("signed")):
        yield machine


@pytest.mark.parametrize(
    ("dnssec", "tls", "level"),
    [
        ("yes", "no", "UDP+EDNS0+DO"),
        ("allow-downgrade", "no", "UDP+EDNS0+DO"),
        ("yes", "yes", "TLS+EDNS0+DO"),
    ],
)
def test_what_is_signed_is_proven_through_the_resolver_and_the_list_holds(
    proving, dnssec, tls, level
):
    machine = proving
    resolve_by(machine, dnssec=dnssec, tls=tls)
    for name, word in {signed.SIGNED: AUTHENTIC, signed.UNSIGNED: UNPROVEN}.items():
        said = query(machine, name, "-4")
        assert addresses(said) == {signed.ADDRESS}
        assert word in said
        assert (" ad;" in dig(machine, "+dnssec", name)) is (word == AUTHENTIC)
    # Proven not to exist, and proven to be forged.
    assert NOT_FOUND.format("no.example") in query(machine, "no.example", "-4")
    assert "DNSSEC validation failed: invalid" in query(machine, signed.FORGED, "--type=A")
    # Whoever proves names takes any answer of the list in a signed zone for a forgery, as it is.
    for name in ("x.gone", "x.page", "x.empty", "x.zero", "x.led", "x.refused"):
        said = query(machine, f"{name}.example", "-4")
        assert UNPROVED in said
        assert getent(machine, f"{name}.example") == set()
    assert NOT_FOUND.format("x.gone.example.org") in query(machine, "x.gone.example.org", "-4")
    content(machine, level, DNSSEC_Mode=dnssec)
