"""DNS over TLS: whose certificate, for whom, and what is different from TCP."""

import asyncio
import socket
import ssl
import subprocess
from pathlib import Path

import dns.message
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blockd.config import Endpoint, ResolverSection
from blockd.errors import ConfigError
from blockd.resolver import tls
from blockd.resolver.connections import Limits
from tests.resolver.certificates import NAME, require
from tests.resolver.streaming import framed, options, query, serving, until

PADDING = (12, b"\0\0\0")


@pytest.fixture
def certificate(leaf):
    return tls.Certificate(leaf.certificate, leaf.key)


def trusting(authority, **changes):
    context = ssl.create_default_context(cafile=authority.file)
    for name, value in changes.items():
        setattr(context, name, value)
    return context


def over(context, name=NAME):
    return {"ssl": context, "server_hostname": name}


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_queries_are_answered_over_tls(authority, certificate, version):
    context = trusting(authority, maximum_version=version)
    context.set_alpn_protocols(["dot"])

    async def scenario():
        async with serving(certificate=certificate) as made:
            client = await made.connect(**over(context))
            assert client.writer.get_extra_info("ssl_object").selected_alpn_protocol() == "dot"
            client.send(query("later.example", 1), query(number=2), query("long.example", 3))
            assert (await client.receive())[:2] == b"\0\2"
            assert len(await client.receive()) > 50_000
            made.answer()
            assert (await client.receive())[:2] == b"\0\1"

    asyncio.run(scenario())


@pytest.mark.filterwarnings("ignore:.*TLSVersion.TLSv1_1.*:DeprecationWarning")
def test_nothing_below_tls_1_2_is_spoken(authority, certificate):
    context = trusting(authority)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1

    async def scenario():
        async with serving(certificate=certificate) as made:
            with pytest.raises(ssl.SSLError):
                await made.connect(**over(context))

    asyncio.run(scenario())


def test_replies_are_padded_to_whole_blocks_when_the_query_was(authority, certificate):
    async def scenario():
        async with serving(certificate=certificate) as made:
            client = await made.connect(**over(trusting(authority)))
            assert options(await client.ask()) == []
            for name in ("now.example", "long.example", "later.example"):
                client.send(query(name, options=[PADDING]))
                if name.startswith("later"):
                    await until(lambda: made.waiting)
                    made.answer(octets=512)
                reply = await client.receive()
                assert len(reply) % 468 == 0
                ((code, padding),) = options(reply)
                assert (code, padding.strip(b"\0")) == (12, b"")
            dns.message.from_wire(reply)

    asyncio.run(scenario())


def test_a_renewed_certificate_is_for_new_connections_and_a_broken_one_for_none(
    authority, tmp_path
):
    paths = [tmp_path / name for name in ("c.pem", "k.pem")]

    def install(leaf):
        for path, source in zip(paths, (leaf.certificate, leaf.key), strict=True):
            path.write_bytes(Path(source).read_bytes())

    install(authority.sign(NAME, file="first"))
    certificate = tls.Certificate(*map(str, paths))
    context = trusting(authority)

    async def scenario():
        async with serving(certificate=certificate) as made:

            async def serial():
                client = await made.connect(**over(context))
                await client.ask()
                return client.writer.get_extra_info("peercert")["serialNumber"]

            old = await made.connect(**over(context))
            first = await serial()
            install(authority.sign(NAME, file="second"))
            assert await serial() == first
            certificate.renewed()
            second = await serial()
            assert second != first
            paths[1].write_bytes(paths[1].read_bytes()[:40])
            with pytest.raises(ConfigError, match="key"):
                certificate.renewed()
            assert await serial() == second
            assert await old.ask()

    asyncio.run(scenario())


def broken(kind, authority, leaf, directory):
    other = authority.sign("other.example", file="other")
    empty = directory / "empty.pem"
    empty.write_text("nothing\n")
    return {
        "no such certificate": (str(directory / "none.pem"), leaf.key),
        "no such key": (leaf.certificate, str(directory / "none.key")),
        "a directory": (str(directory), leaf.key),
        "no certificate inside": (str(empty), leaf.key),
        "no key inside": (leaf.certificate, str(empty)),
        "no key given": (leaf.certificate, ""),
        "another's key": (leaf.certificate, other.key),
        "a locked key": (leaf.certificate, authority.lock(leaf)),
    }[kind]


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("no such certificate", "none.pem: cannot be read: No such file"),
        ("no such key", "none.key: cannot be read: No such file"),
        ("a directory", "cannot be read: Is a directory"),
        ("no certificate inside", "empty.pem: holds no certificate in PEM form"),
        ("no key inside", "empty.pem: holds no key in PEM form"),
        ("no key given", "leaf.pem: holds no key in PEM form"),
        ("another's key", "other.key: this key does not belong to the certificate in"),
        ("a locked key", "openssl pkey -in"),
    ],
)
def test_what_is_wrong_with_files_is_said_with_the_remedy(
    kind, sentence, authority, leaf, tmp_path
):
    with pytest.raises(ConfigError) as raised:
        tls.Certificate(*broken(kind, authority, leaf, tmp_path))
    assert sentence in str(raised.value)
    assert "[resolver]" in str(raised.value)


def test_the_configuration_decides_whether_there_is_a_certificate(leaf):
    listen = (Endpoint("127.0.0.1", 853),)
    assert tls.server(ResolverSection()) is None
    with pytest.raises(ConfigError, match="listen_tls needs a certificate"):
        tls.server(ResolverSection(listen_tls=listen))
    whole = ResolverSection(listen_tls=listen, certificate=leaf.certificate, key=leaf.key)
    assert isinstance(tls.server(whole), tls.Certificate)


def test_certificate_and_key_may_stand_in_one_file(leaf, tmp_path):
    both = tmp_path / "both.pem"
    both.write_bytes(b"".join(Path(part).read_bytes() for part in (leaf.certificate, leaf.key)))
    assert tls.Certificate(str(both), "").context


def test_a_client_may_say_that_it_is_done_and_still_read(authority, certificate):
    async def scenario():
        async with serving(certificate=certificate) as made:
            address = ("127.0.0.1", made.port_tls)
            got = asyncio.to_thread(_half_closed, address, trusting(authority))
            task = asyncio.ensure_future(got)
            await until(lambda: made.waiting)
            await asyncio.sleep(0.1)
            made.answer()
            assert (await task)[2:4] == b"\0\x07"

    asyncio.run(scenario())


def _half_closed(address, context):
    session = tls.Session(context, NAME)
    with socket.create_connection(address, timeout=5) as sock:
        sock.sendall(session.start())
        while not session.established:
            session.receive(sock.recv(65536))
            sock.sendall(session.outgoing())
        sock.sendall(session.send(framed(query("later.example", 7))) + session.end())
        said = b""
        while len(said) < 14 and not session.ended:
            said += session.receive(sock.recv(65536))
        return said


def test_a_handshake_that_stalls_or_is_none_ends_the_connection(certificate):
    async def scenario():
        limits = Limits(stall=0.3, idle=60)
        async with serving(limits, certificate=certificate) as made:
            silent, slow, odd = [await made.connect(port=made.port_tls) for _ in range(3)]
            await until(lambda: len(made.listener.open) == 3)
            odd.send(query())
            slow.writer.write(b"\x16\x03\x01")
            for client in (silent, slow, odd):
                assert await client.ended()

    asyncio.run(scenario())


def test_connections_over_tls_count_like_others_handshakes_included(authority, certificate):
    async def scenario():
        async with serving(Limits(of_one=2), certificate=certificate) as made:
            shaking = await made.connect(port=made.port_tls)
            await until(lambda: made.listener.open)
            plain = await made.connect()
            await until(lambda: len(made.listener.open) == 2)
            third = await made.connect(**over(trusting(authority)))
            assert await shaking.ended()
            assert await plain.ask()
            assert await third.ask()

    asyncio.run(scenario())


def test_kdig_is_served(authority, certificate):
    require("kdig")

    async def scenario():
        async with serving(certificate=certificate) as made:
            for extra in (
                ["+tcp", "-p", str(made.port)],
                [
                    f"+tls-ca={authority.file}", f"+tls-hostname={NAME}", "+padding",
                    "-p", str(made.port_tls),
                ],
            ):  # fmt: skip
                argv = ["kdig", "@127.0.0.1", *extra, "+keepopen", "now.example", "long.example"]
                done = await asyncio.to_thread(
                    subprocess.run, argv, capture_output=True, text=True, timeout=20, check=False
                )
                assert done.returncode == 0, done.stderr
                assert done.stdout.count("status: NOERROR") == 2, done.stdout

    asyncio.run(scenario())


@settings(max_examples=30, deadline=None)
@given(
    messages=st.lists(st.binary(min_size=1, max_size=40_000), max_size=5),
    cuts=st.lists(st.integers(1, 30_000), min_size=1, max_size=8),
)
def test_a_session_says_what_the_other_side_said_however_it_is_cut(authority, leaf, messages, cuts):
    server = tls.Session(tls.Certificate(leaf.certificate, leaf.key).context)
    client = tls.Session(tls.client_context(authority.file), NAME)
    octets = client.start()
    while not (server.established and client.established):
        server.receive(octets)
        client.receive(server.outgoing())
        octets = client.outgoing()
    stream = octets + b"".join(client.send(message) for message in messages) + client.end()
    heard = b""
    turn = 0
    while stream:
        size = cuts[turn % len(cuts)]
        heard += server.receive(stream[:size])
        stream = stream[size:]
        turn += 1
    assert heard == b"".join(messages)
    assert server.ended


@pytest.mark.parametrize("name", ["other.example", "127.0.0.1"])
def test_a_certificate_for_another_name_is_none(name, authority, leaf):
    server = tls.Session(tls.Certificate(leaf.certificate, leaf.key).context)
    client = tls.Session(tls.client_context(authority.file), name)
    server.receive(client.start())
    with pytest.raises(ssl.SSLCertVerificationError):
        client.receive(server.outgoing())
