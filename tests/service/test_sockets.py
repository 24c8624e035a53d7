"""Listening sockets: bound here, or inherited as systemd passes them, in processes of their own."""

import json
import os
import socket
import subprocess
import sys

import pytest

from blockd.config import Endpoint
from blockd.errors import ConfigError
from blockd.service import sockets
from tests.ports import free_port

UDP, TCP = socket.SOCK_DGRAM, socket.SOCK_STREAM

INHERITING = """\
import json, os, sys
from blockd.config import Endpoint
from blockd.errors import ConfigError
from blockd.service import sockets

os.environ["LISTEN_PID"] = sys.argv[1] or str(os.getpid())
try:
    plain = [Endpoint.parse(text) for text in sys.argv[2:] if not text.startswith("tls:")]
    secure = [Endpoint.parse(text[4:]) for text in sys.argv[2:] if text.startswith("tls:")]
    parts = sockets.listening(plain, secure)
    found = parts.all()
except ConfigError as error:
    print(json.dumps({"error": str(error)}))
else:
    print(json.dumps({
        "found": [[sock.fileno(), sock.type, sock.getsockname()[1]] for sock in found],
        "tls": [sock.getsockname()[1] for sock in parts.tls],
        "inheritable": [sock.get_inheritable() for sock in found],
        "environment": sorted(name for name in os.environ if name.startswith("LISTEN_")),
    }))
"""


def bound(kind, family=socket.AF_INET, port=0):
    sock = socket.socket(family, kind)
    sock.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", port))
    return sock


def pair(family=socket.AF_INET):
    """Return a UDP and a TCP socket on one free port."""
    while True:
        tcp = bound(TCP, family)
        try:
            return [bound(UDP, family, tcp.getsockname()[1]), tcp]
        except OSError:
            tcp.close()


@pytest.fixture
def passed():
    """Pass sockets to a process as systemd does, and return what it made of them."""
    opened = []

    def start(socks, listen, *, pid="", count=None):
        opened.extend(socks)

        def arrange():
            # Above all of them first, so that none overwrites another on its way to 3, 4, ...
            copies = [os.dup2(sock.fileno(), 200 + n) for n, sock in enumerate(socks)]
            for number, copy in enumerate(copies):
                os.dup2(copy, 3 + number)

        done = subprocess.run(
            [sys.executable, "-c", INHERITING, pid, *listen],
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
            close_fds=False,
            preexec_fn=arrange,
            env={
                **os.environ,
                "LISTEN_FDS": str(len(socks) if count is None else count),
                "LISTEN_FDNAMES": "a:b",
            },
        )
        return json.loads(done.stdout)

    yield start
    for sock in opened:
        sock.close()


def text(sock):
    return str(Endpoint(*sock.getsockname()[:2]))


def test_inherited_sockets_are_taken_and_kept_for_this_process(passed):
    udp, tcp = pair()
    port = udp.getsockname()[1]
    assert passed([udp, tcp], [text(udp)]) == {
        "found": [[3, UDP, port], [4, TCP, port]],
        "tls": [],
        "inheritable": [False, False],
        "environment": [],
    }


def test_their_order_and_families_do_not_matter(passed):
    v4, v6 = pair(), pair(socket.AF_INET6)
    listen = [text(v6[0]), text(v4[0])]
    found = passed([v6[1], v4[0], v4[1], v6[0]], listen)["found"]
    assert [kind for _, kind, _ in found] == [UDP, UDP, TCP, TCP]


def test_those_for_tls_are_told_apart_by_their_address(passed):
    (udp, tcp), (unused, secure) = pair(), pair()
    unused.close()
    listen = [text(udp), f"tls:{text(secure)}"]
    assert passed([secure, tcp, udp], listen)["tls"] == [secure.getsockname()[1]]
    assert f"{text(secure)} over TCP" in passed([tcp, udp], listen)["error"]


MISMATCHES = {
    "another port": (lambda udp, tcp: [udp, tcp], "127.0.0.1:5", "{0} over TCP, {0} over UDP"),
    "no TCP": (lambda udp, _: [udp], "{0}", "{0} over UDP"),
    "no UDP": (lambda _, tcp: [tcp], "{0}", "{0} over TCP"),
}


@pytest.mark.parametrize(("chosen", "listen", "given"), MISMATCHES.values(), ids=MISMATCHES)
def test_a_mismatch_names_both_sides_and_what_to_change(passed, chosen, listen, given):
    udp, tcp = pair()
    own = text(udp)
    wanted = listen.format(own)
    with udp, tcp:
        said = passed(chosen(udp, tcp), [wanted])["error"]
    assert said == (
        f"systemd passed sockets for {given.format(own)}, but [resolver] listen asks for"
        f" {wanted} over TCP, {wanted} over UDP; change one of them (blockd-resolver.socket or"
        " blockd.toml)"
    )


def test_a_configured_address_that_was_not_passed_is_a_mismatch(passed):
    udp, tcp = pair()
    said = passed([udp, tcp], [text(udp), "[::1]:5"])["error"]
    assert "[::1]:5 over TCP, [::1]:5 over UDP" in said


def test_sockets_for_another_process_are_not_ours(passed):
    udp, tcp = pair()
    free = free_port()
    found = passed([udp, tcp], [f"127.0.0.1:{free}"], pid="1")
    assert [port for *_, port in found["found"]] == [free, free]
    assert "LISTEN_PID" in found["environment"]


def test_without_any_passed_they_are_bound_here(passed):
    free = free_port()
    found = passed([], [f"127.0.0.1:{free}"])
    assert [port for *_, port in found["found"]] == [free, free]


@pytest.fixture
def listening(monkeypatch):
    """Bind here; all is closed at the end."""
    monkeypatch.delenv("LISTEN_PID", raising=False)
    made = []

    def bind(*texts):
        made.extend(sockets.listening([Endpoint.parse(text) for text in texts]).all())
        return made

    yield bind
    for sock in made:
        sock.close()


def test_each_endpoint_gets_both_kinds_ready_for_an_event_loop(listening):
    port = free_port()
    made = listening(f"127.0.0.1:{port}", f"[::1]:{port}")
    assert [(s.family, s.type) for s in made] == [
        (socket.AF_INET, UDP),
        (socket.AF_INET6, UDP),
        (socket.AF_INET, TCP),
        (socket.AF_INET6, TCP),
    ]
    assert not any(sock.getblocking() or sock.get_inheritable() for sock in made)
    for sock in (made[1], made[3]):  # so that IPv4 has sockets of its own on the same port
        assert sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 1
    with socket.create_connection(("127.0.0.1", port), 5):
        pass


def test_on_their_connections_no_answer_waits_for_the_one_before_to_be_acknowledged(listening):
    port = free_port()
    server = listening(f"127.0.0.1:{port}")[1]
    server.settimeout(5)
    with socket.create_connection(("127.0.0.1", port), 5), server.accept()[0] as accepted:
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1


def test_an_address_that_comes_later_may_be_bound(listening):
    made = listening(f"198.18.77.1:{free_port()}", f"[2001:db8:77::1]:{free_port()}")
    assert made[0].getsockname()[0] == "198.18.77.1"
    assert made[1].getsockname()[0] == "2001:db8:77::1"


@pytest.mark.parametrize("kind", [UDP, TCP])
def test_a_taken_port_is_named_with_how_to_find_who_has_it(listening, kind):
    with bound(kind) as other:
        if kind is TCP:
            other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ConfigError) as refused:
            listening(f"127.0.0.1:{port}")
    assert str(refused.value) == (
        f"127.0.0.1:{port} is taken by another program: `ss -lnptu 'sport = :{port}'` shows"
        " which; stop it, or change [resolver] listen"
    )
    assert refused.value.exit_status == 2


def test_streams_are_tcp_alone_and_named_by_their_own_key():
    port = free_port()
    (made,) = sockets.streams([Endpoint("127.0.0.1", port)], "[notice] listen", "x.socket")
    with made:
        assert (made.type, made.getsockname()) == (TCP, ("127.0.0.1", port))
        with pytest.raises(ConfigError, match=r"is taken by another program.*\[notice\] listen"):
            sockets.streams([Endpoint("127.0.0.1", port)], "[notice] listen", "x.socket")


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        ("EACCES", "127.0.0.1:53: ports below 1024 need CAP_NET_BIND_SERVICE; use blockd-res"),
        ("EPERM", "127.0.0.1:53: ports below 1024 need CAP_NET_BIND_SERVICE; use blockd-res"),
        ("EINVAL", "127.0.0.1:53 cannot be bound: Invalid argument; change [resolver] listen"),
    ],
)
def test_other_reasons_are_told_with_the_address(number, sentence):
    import errno

    code = getattr(errno, number)
    error = OSError(code, os.strerror(code))
    unit = "blockd-resolver.socket"
    said = sockets._why(Endpoint("127.0.0.1", 53), error, "[resolver] listen", unit)
    assert said.startswith(sentence)
