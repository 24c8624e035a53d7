"""The real program in a process of its own: it serves, follows the list, and stays up."""

import asyncio
import contextlib
import os
import random
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

import dns.flags
import msgspec
import pytest

from blockd.config import Config, Endpoint, ResolverSection
from blockd.errors import UnreachableError, UpstreamError
from blockd.policy.store import Store
from blockd.resolver import daemon, wire
from blockd.resolver.configured import obeyed
from blockd.service import control
from tests import topology
from tests.ports import free_port
from tests.resolver.messages import errors, query, raw, read, records
from tests.resolver.stub import (
    answer,
    delayed,
    dropping,
    long_answer,
    silent,
    sockets,
    upstream,
)

DEADLINE = 20
RULE = '[[platform]]\nid = "p{0}"\ndomains = {1}\n'


class Running:
    """A resolver daemon and what a test needs of it."""

    def __init__(self, directory, *upstreams, extra="", address="127.0.0.1", port=0):
        self.port = port or free_port()
        self.address = address
        self.directory = directory
        self.state = directory / "state"
        self.socket = self.state / "run" / "resolver" / "control"
        self.configure(*upstreams, extra=extra)
        argv = ["--config", str(directory / "blockd.toml"), "--state", str(self.state), "resolve"]
        with (directory / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "blockd", *argv],
                cwd=topology.repository(),
                env={name: value for name, value in os.environ.items() if "SOCKET" not in name},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def configure(self, *upstreams, extra=""):
        (self.directory / "blockd.toml").write_text(
            f'[resolver]\nlisten = ["{self.address}:{self.port}"]\n'
            f"upstreams = {[str(each) for each in upstreams]}\n{extra}\n"
        )

    def log(self):
        return (self.directory / "log").read_text()

    def status(self):
        try:
            return control.ask(self.socket)
        except UnreachableError:
            return {}

    def until(self, condition):
        """Wait until the status meets a condition; return it."""
        end = time.monotonic() + DEADLINE
        while not condition(found := self.status()):
            assert self.process.poll() is None, self.log()
            assert time.monotonic() < end, (found, self.log())
            time.sleep(0.01)
        return found

    def ready(self):
        self.until(lambda status: status.get("ready"))
        return self

    def follows(self, generation):
        return self.until(lambda status: status.get("generation") == generation)

    def client(self, source="127.0.0.1", to="127.0.0.1"):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((source, 0))
        sock.settimeout(DEADLINE)
        sock.connect((to, self.port))  # takes replies from there alone
        return sock

    def ask(self, *args, tcp=False, source="127.0.0.1", to="127.0.0.1", **options):
        packet = query(*args, **options)
        if tcp:
            with socket.create_connection((to, self.port), DEADLINE) as sock:
                sock.sendall(struct.pack("!H", len(packet)) + packet)
                stream = sock.makefile("rb")
                with stream:
                    return read(stream.read(struct.unpack("!H", stream.read(2))[0]))
        with self.client(source, to) as sock:
            sock.send(packet)
            return read(sock.recv(65_535))

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(DEADLINE)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


@pytest.fixture
def start(tmp_path):
    """Start daemons that end with the test."""
    with contextlib.ExitStack() as running:

        def one(*upstreams, **how):
            return running.enter_context(contextlib.closing(Running(tmp_path, *upstreams, **how)))

        yield one


@pytest.fixture
def stub():
    with upstream() as running:
        yield running


@pytest.fixture(scope="module")
def shared(tmp_path_factory, committing):
    """A daemon and its upstream that several tests ask; none of them changes its list."""
    directory = tmp_path_factory.mktemp("shared")
    committing(directory)
    with upstream() as stub, contextlib.closing(Running(directory, stub.endpoint)) as running:
        yield running.ready(), stub


def test_a_crash_leaves_no_core_for_who_asks_stands_in_it(start, stub, tmp_path, committing):
    committing(tmp_path)
    process = start(stub.endpoint).ready().process
    resource.prlimit(
        process.pid, resource.RLIMIT_CORE, 2 * (resource.getrlimit(resource.RLIMIT_CORE)[1],)
    )
    process.send_signal(signal.SIGABRT)
    ended = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert (ended.si_status, ended.si_code) == (signal.SIGABRT, os.CLD_KILLED)  # not CLD_DUMPED


@pytest.mark.parametrize("tcp", [False, True])
def test_it_sinkholes_the_list_and_forwards_the_rest(shared, tcp):
    running, stub = shared
    before = running.status()
    blocked = running.ask("a.listed.example", tcp=tcp)
    assert (blocked.rcode(), errors(blocked)) == (wire.NXDOMAIN, [(16, "p001: Notice 7")])
    name = f"tcp{tcp}.example"
    for _ in range(2):
        seen = running.ask(name, tcp=tcp)
        assert records(seen.answer) == [f"{name}. A 198.18.0.80"]
    assert stub.names().count(name) == 1
    after = running.status()
    for outcome in ("sinkholed", "forwarded", "cached"):
        assert after["outcomes"][outcome] == before["outcomes"][outcome] + 1
    assert (after["generation"], after["problem"], after["in_flight"]) == (1, "", 0)


def test_what_is_cut_by_the_upstream_is_whole_for_a_client_by_tcp(shared):
    running, stub = shared
    stub.behave = long_answer
    cut = running.ask("long.example")
    assert cut.flags & dns.flags.TC
    assert (cut.answer, len(stub.tcp)) == ([], 1)
    whole = running.ask("long.example", tcp=True)
    assert len(records(whole.answer)) == 200
    assert len(stub.tcp) == 1  # the second answer was kept
    stub.behave = answer


def test_one_lost_datagram_costs_no_client_its_answer(shared):
    running, stub = shared
    stub.behave = dropping(1)
    began = time.monotonic()
    assert records(running.ask("lost.example").answer) == ["lost.example. A 198.18.0.80"]
    assert 0.5 < time.monotonic() - began < 2
    stub.behave = answer


def malformed(count):
    """Yield packets of every kind of wrong, and right ones that were damaged."""
    source = random.Random(7)
    right = [
        query("a.listed.example"),
        query("www.example", do=True),
        query("b.example", options=[(10, b"x" * 8)]),
    ]
    for number in range(count):
        packet = bytearray(source.choice(right))
        match number % 5:
            case 0:
                yield source.randbytes(source.randrange(600))
            case 1:
                yield bytes(packet[: source.randrange(len(packet))])
            case 2:
                counts = [source.choice([0, 1, 2, 65535]) for _ in range(4)]
                yield raw(packet[12:], counts=counts, flags=source.getrandbits(16))
            case 3:
                yield bytes(packet[:12]) + b"\xc0\x0c" * source.randrange(1, 99)
            case 4:
                for _ in range(source.randrange(1, 9)):
                    packet[source.randrange(2, len(packet))] = source.randrange(256)
                yield bytes(packet)


def test_ten_thousand_malformed_packets_leave_it_up_and_quiet(shared):
    running, _ = shared
    logged = running.log()
    with running.client() as sock, running.client() as probe:
        for number, packet in enumerate(malformed(10_000)):
            sock.send(packet)
            if number % 200 == 0:  # an answer in between: nothing is lost for want of room
                probe.send(query("a.listed.example", number=number))
                assert read(probe.recv(65_535)).id == number
    with socket.create_connection(("127.0.0.1", running.port), DEADLINE) as stream:
        stream.sendall(b"".join(struct.pack("!H", len(p)) + p for p in malformed(1000)))
    assert running.ask("a.listed.example").rcode() == wire.NXDOMAIN
    assert running.ask("a.listed.example", tcp=True).rcode() == wire.NXDOMAIN
    assert running.status()["outcomes"]["malformed"] > 2000
    assert running.process.poll() is None
    assert running.log() == logged


def test_no_client_is_named_anywhere(shared):
    running, _ = shared
    for name in ("a.listed.example", "www.example", "silent.example"):
        with running.client("127.0.0.9") as sock:
            sock.send(query(name))
            if name != "silent.example":
                sock.recv(65_535)
    running.ask("www.example", tcp=True)
    assert "127.0.0.9" not in running.log() + str(running.status())


def test_a_new_list_is_followed_without_losing_a_query_or_leaking_an_answer(
    start, stub, tmp_path, committing
):
    committing(tmp_path, RULE.format(1, ["other.example"]))
    running = start(stub.endpoint).ready()
    seen, stop = [], threading.Event()

    def keep_asking():
        with running.client() as sock:
            number = 0
            while not stop.is_set():
                number = (number + 1) & 0xFFFF
                sock.send(query("www.example", number=number))
                answered = read(sock.recv(65_535))
                assert answered.id == number
                seen.append((time.monotonic(), answered.rcode()))

    asking = threading.Thread(target=keep_asking)
    asking.start()
    spans = []
    try:
        for generation, listed in [(2, True), (3, False), (4, True)]:
            names = ["www.example"] if listed else ["other.example"]
            committing(tmp_path, RULE.format(generation, names))
            running.follows(generation)
            began = time.monotonic()
            time.sleep(0.2)  # how long each list is asked under
            spans.append((began, time.monotonic(), wire.NXDOMAIN if listed else wire.NOERROR))
    finally:
        stop.set()
        asking.join()
    for began, ended, rcode in spans:
        # The query that was on its way at the first moment may have been sent before.
        found = [code for when, code in seen if began < when < ended][1:]
        assert len(found) > 10
        assert set(found) == {rcode}
    assert {code for _, code in seen} == {wire.NOERROR, wire.NXDOMAIN}


def test_a_reply_that_comes_after_the_listing_is_sinkholed(start, stub, tmp_path, committing):
    committing(tmp_path, RULE.format(1, ["other.example"]))
    stub.behave = silent
    running = start(stub.endpoint).ready()
    with running.client() as sock:
        sock.send(query("www.example"))
        running.until(lambda status: status["in_flight"] == 1)
        committing(tmp_path, RULE.format(2, ["www.example"]))
        running.follows(2)
        stub.behave = answer  # for the next try
        late = read(sock.recv(65_535))
    assert (late.rcode(), errors(late)) == (wire.NXDOMAIN, [(15, "p2")])


def test_a_damaged_generation_changes_nothing_and_is_shown(start, stub, tmp_path, committing):
    committing(tmp_path)
    running = start(stub.endpoint).ready()
    store = Store(tmp_path / "state")
    with store.lock():
        scratch = store.scratch()
        shutil.copy(store.generation_path(1), scratch)
        damaged = msgspec.structs.replace(store.record(1), number=2, file_sha256="0" * 64)
        store.publish(damaged, scratch)
    status = running.until(lambda status: status.get("problem"))
    assert (status["generation"], status["ready"]) == (1, True)
    assert "nothing changed: the new generation is damaged" in running.log()
    assert running.ask("a.listed.example").rcode() == wire.NXDOMAIN
    committing(tmp_path, RULE.format(3, ["www.example"]))
    assert running.follows(3)["problem"] == ""
    assert running.ask("www.example").rcode() == wire.NXDOMAIN


def test_a_reload_takes_new_upstreams_and_a_broken_one_changes_nothing(
    start, stub, tmp_path, committing
):
    committing(tmp_path)
    with upstream() as second:
        running = start(stub.endpoint).ready()
        assert running.ask("a.example").rcode() == wire.NOERROR
        running.configure(second.endpoint, extra='action = "nodata"')
        running.process.send_signal(signal.SIGHUP)
        running.until(lambda status: status["upstreams"][0]["address"] == str(second.endpoint))
        assert running.ask("b.example").rcode() == wire.NOERROR
        assert running.ask("a.listed.example").rcode() == wire.NOERROR
        running.configure(stub.endpoint, extra='acton = "refused"')
        running.process.send_signal(signal.SIGHUP)
        status = running.until(lambda status: status["problem"])
        assert "unknown key `resolver.acton`; did you mean `action`, as in" in status["problem"]
        assert "nothing changed: " in running.log()
        assert running.ask("c.example").rcode() == wire.NOERROR
        asked = [
            [name for name in each.names() if "internal" not in name] for each in (stub, second)
        ]
        assert asked == [["a.example"], ["b.example", "c.example"]]
        running.configure(second.endpoint)
        running.process.send_signal(signal.SIGHUP)
        running.until(lambda status: not status["problem"])
        assert running.ask("a.listed.example").rcode() == wire.NXDOMAIN


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_waits_for_the_answers_in_flight(start, stub, tmp_path, committing, number):
    committing(tmp_path)
    stub.behave = delayed(0.4)
    running = start(stub.endpoint).ready()
    with running.client() as sock:
        sock.send(query("www.example"))
        running.until(lambda status: status["in_flight"] == 1)
        assert running.stop(number) == 0
        assert records(read(sock.recv(65_535)).answer) == ["www.example. A 198.18.0.80"]
    assert "Traceback" not in running.log()


def test_without_a_list_it_waits_for_the_first_one(start, stub, tmp_path, committing):
    running = start(stub.endpoint)
    status = running.until(bool)
    assert (status["ready"], status["generation"]) == (False, None)
    committing(tmp_path)
    running.ready()
    assert running.ask("a.listed.example").rcode() == wire.NXDOMAIN


def test_it_ends_while_it_waits_for_a_list(start, stub):
    running = start(stub.endpoint)
    running.until(bool)
    assert running.stop() == 0


def test_without_a_list_it_forwards_openly_where_that_is_configured(
    start, stub, tmp_path, committing
):
    running = start(stub.endpoint, extra="[service]\nstart_without_list = true").ready()
    assert running.ask("a.listed.example").rcode() == wire.NOERROR
    assert "forwarding everything until then" in running.log()
    committing(tmp_path)
    running.follows(1)
    assert running.ask("a.listed.example").rcode() == wire.NXDOMAIN


def test_who_may_not_ask_is_refused(start, stub, tmp_path, committing):
    committing(tmp_path)
    running = start(stub.endpoint, extra='allow = ["127.0.0.1/32"]').ready()
    assert running.ask("www.example").rcode() == wire.NOERROR
    seen = running.ask("www.example", source="127.0.0.2")
    assert (seen.rcode(), errors(seen)) == (wire.REFUSED, [(18, "not an allowed network")])


@pytest.mark.parametrize("tcp", [False, True])
def test_a_wildcard_listener_answers_from_the_address_asked(start, stub, tmp_path, committing, tcp):
    committing(tmp_path)
    running = start(stub.endpoint, address="0.0.0.0").ready()
    for to in ("127.0.0.2", "127.0.0.1"):
        for name, rcode in (("a.listed.example", wire.NXDOMAIN), (f"n{to}.example", wire.NOERROR)):
            assert running.ask(name, to=to, tcp=tcp).rcode() == rcode


def test_a_taken_port_is_fatal_and_said(start, stub, tmp_path, committing):
    committing(tmp_path)
    with contextlib.ExitStack() as taken:
        datagrams, streams = map(taken.enter_context, sockets())
        port = datagrams.getsockname()[1]
        assert port == streams.getsockname()[1]
        running = start(stub.endpoint, port=port)
        assert running.process.wait(DEADLINE) == 2
    assert f"127.0.0.1:{port} is taken by another program" in running.log()
    assert "Traceback" not in running.log()


@pytest.mark.parametrize("content", [None, "", "nameserver 127.0.0.1\n"])
def test_no_upstream_is_fatal_and_said(tmp_path, committing, content):
    committing(tmp_path)
    resolv_conf = tmp_path / "resolv.conf"
    if content is not None:
        resolv_conf.write_text(content)
    config = Config(resolver=ResolverSection(listen=(Endpoint("127.0.0.1", 53),)))
    with pytest.raises(UpstreamError, match="no upstream: .* set \\[resolver\\] upstreams"):
        daemon.start(
            lambda: config, Store(tmp_path / "state"), tmp_path / "run" / "sock", resolv_conf
        )


def test_a_fault_of_its_own_is_logged_without_what_was_asked(tmp_path, caplog):
    resolv_conf = tmp_path / "resolv.conf"
    resolv_conf.write_text("nameserver 127.0.0.2\n")
    config = Config(resolver=ResolverSection(listen=(Endpoint("127.0.0.1", 5300),)))
    first = obeyed(config, resolv_conf)
    made = daemon.ResolverDaemon(
        first, Store(tmp_path / "state"), lambda: config, resolv_conf, bytes(16)
    )

    def fails(name):
        raise KeyError(name)

    async def run():
        waiting = asyncio.create_task(made.run(tmp_path / "control", None))
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_soon(fails, "secret.example")
        await asyncio.sleep(0)
        made._stop.set()
        await waiting

    asyncio.run(run())
    assert "KeyError, which is a fault of blockd's" in caplog.text
    assert "secret" not in caplog.text
