"""`blockd fetch`: lists from a real server into the spool, and from there into force."""

import re

import pytest

from blockd.minisign import signature as signatures
from blockd.minisign.keys import SecretKey
from tests.cli.program import daemon, until
from tests.fetch.server import Server

KEY = SecretKey.make(b"number__", b"s" * 32)
EDITIONS = {n: f"a.example\nedition-{n}.example\n".encode() for n in range(1, 10)}


@pytest.fixture(scope="module")
def web_server(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("web")).running() as server:
        yield server


@pytest.fixture
def server(web_server):
    web_server.pages.clear()
    return web_server


@pytest.fixture
def gateway(gateway, server):
    """A gateway with a list of its own and a signed one of the server's."""
    gateway.url = server.url("/a.txt")
    gateway.configure(
        f"[fetch]\nspool = '{gateway.place}/spool'\nca = '{server.authority.file}'\n"
        f"[[list.source]]\nurl = '{gateway.url}'\nkey = '{KEY.public}'\n"
        "authority = 'Example Feed'\nbasis = 'order'\n"
    )
    return gateway


def publish(server, edition):
    server.put("/a.txt", EDITIONS[edition])
    made = signatures.sign(EDITIONS[edition], KEY, f"serial:{edition}")
    server.put("/a.txt.minisig", made.file("x").encode())


def in_force(gateway, edition):
    return gateway.lists(f"edition-{edition}.example")


def test_a_list_is_fetched_compiled_and_explained_by_its_url(gateway, server):
    missing = gateway.run("compile")
    assert missing.status == 1
    assert f"{gateway.url}: was never fetched" in missing.err
    publish(server, 1)
    done = gateway.run("fetch")
    said = f"{gateway.url}: fetched, 28 octets; edition 1 signed with key {KEY.public.id}\n"
    assert done == (0, said, "")
    assert gateway.run("compile").status == 0
    explained = gateway.run("explain", "www.edition-1.example").out
    for pattern in (
        rf"stands in +{re.escape(gateway.url)}:2\n",
        r"on the word of +Example Feed\n",
        r"basis +order\n",
        rf"signed +edition 1, with key {KEY.public.id}\n",
    ):
        assert re.search(pattern, explained), explained
    again = gateway.run("fetch")
    assert re.fullmatch(
        rf"{gateway.url}: unchanged since \S+ \S+ UTC; edition 1 signed .*\n", again.out
    )


def test_a_failure_is_told_and_the_last_good_copy_stays_in_force(gateway, server):
    publish(server, 1)
    gateway.run("fetch")
    gateway.run("compile")
    server.put("/a.txt", b"<!doctype html><html>\n")
    done = gateway.run("fetch", "--json")
    assert done.status == 1
    (found,) = done.json["sources"]
    assert (found["outcome"], found["url"]) == ("kept", gateway.url)
    assert found["problem"].startswith("line 1 is a web page, not a list")
    assert gateway.run("compile").out == "generation 1 is current: nothing has changed\n"
    assert re.search(
        rf"^attention: {gateway.url}: .* UTC; failing since .* UTC: line 1 is a web page",
        gateway.run("status").out, re.MULTILINE,
    )  # fmt: skip
    publish(server, 2)
    waiting = gateway.run("fetch", "--due")
    assert waiting.status == 1
    assert "left alone for a while: line 1 is a web page" in waiting.out
    assert gateway.run("fetch").status == 0


def test_what_the_fetcher_let_through_the_compiler_still_refuses(gateway, server):
    publish(server, 5)
    gateway.run("fetch")
    gateway.run("compile")
    (path,) = (gateway.place / "spool").glob("*a.txt")
    beside = path.with_name(path.name + ".minisig")
    for edition, key, said in (
        (4, KEY, "edition 4 is older than 5, which was accepted before; nothing was changed"),
        (6, SecretKey.make(b"foreign_", b"t" * 32), "is not among the pinned ones"),
    ):
        path.write_bytes(EDITIONS[edition])
        made = signatures.sign(EDITIONS[edition], key, f"serial:{edition}")
        beside.write_text(made.file("x"))
        for verb in ("compile", "check", "diff"):
            done = gateway.run(verb)
            assert (done.status, said in done.err) == (1, True), done
    assert in_force(gateway, 5)


def test_a_rollback_does_not_let_the_past_in(gateway, server):
    for edition in (3, 7):
        publish(server, edition)
        gateway.run("fetch")
        gateway.run("compile")
    assert gateway.run("rollback", "1").status == 0
    assert in_force(gateway, 3)
    (path,) = (gateway.place / "spool").glob("*a.txt")
    path.write_bytes(EDITIONS[5])
    made = signatures.sign(EDITIONS[5], KEY, "serial:5")
    path.with_name(path.name + ".minisig").write_text(made.file("x"))
    done = gateway.run("compile")
    assert "edition 5 is older than 7" in done.err
    assert in_force(gateway, 3)


def test_the_watching_compiler_follows_the_spool(gateway, server):
    publish(server, 1)
    gateway.run("fetch")
    with daemon(gateway.argv("watch"), gateway.place) as watching:
        watching.notices.until("READY=1")
        assert in_force(gateway, 1)
        publish(server, 2)
        gateway.run("fetch")
        until(lambda: in_force(gateway, 2))
        assert "nothing changed" not in watching.log.read_text()


def test_without_a_url_there_is_nothing_to_fetch(gateway):
    gateway.configure()
    assert gateway.run("fetch") == (0, "no source has a `url`: nothing to fetch\n", "")
