"""Reading a host: from files in a directory of the test's, and of this process's own kind."""

import os
import time

import pytest

from blockd.config import Config
from blockd.errors import ConfigError
from blockd.setup import layout, nameservice, record
from blockd.setup.look import look, tree
from blockd.setup.reach import Part
from blockd.setup.steps import Document, Kind, Node
from tests import topology

PAGE = {"/usr/local/share/man/man8/blockd.8": Document(b"page", "make it")}


@pytest.fixture
def root(tmp_path):
    """A host with next to nothing."""
    put(tmp_path, "/etc/passwd", "root:x:0:0::/root:/bin/sh\nblockd:x:9:9::/:/bin/false\n")
    put(tmp_path, "/etc/group", "staff:x:50:\n")
    put(tmp_path, "/etc/resolv.conf", "nameserver 198.18.0.1\n")
    return tmp_path


def put(root, path, text=""):
    place = root / path.lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)
    return place


def facts(root):
    return look(topology.repository(), PAGE, root)


def test_a_host_without_anything_is_read_as_such(root):
    found = facts(root)
    assert found.config == Config()
    assert (found.booted, found.packaged, found.networkd) == (False, False, False)
    assert found.users == {"root", "blockd", "staff"}
    assert found.resolv_conf == found.resolv_conf_before == "nameserver 198.18.0.1\n"
    assert found.resolved_servers == ""
    assert found.units == {}
    assert "/etc" in found.tree
    assert layout.CONFIG not in found.tree


def test_what_comes_with_the_program_is_read_whole(root):
    found = facts(root)
    assert layout.COMPILER in found.shipped
    assert layout.TMPFILES in found.shipped
    assert {"rules/platforms.toml", "monitoring/grafana.json"} <= found.examples.keys()
    assert found.documents == PAGE


def test_a_wrong_configuration_is_said_before_anything_is_planned(root):
    put(root, layout.CONFIG, "[resolver]\ntttl = 5\n")
    with pytest.raises(ConfigError, match="did you mean `ttl`"):
        facts(root)


def test_a_wrong_configuration_does_not_keep_blockd_from_being_removed(root):
    put(root, layout.CONFIG, "[resolver]\ntttl = 5\n")
    assert look(topology.repository(), {}, root, forgiving=True).config == Config()


def test_what_a_record_names_is_looked_at_too(root):
    put(root, "/srv/other", "1")
    kept = record.Record(written={"/srv/other": ("x",)}, directories=("/srv",))
    put(root, record.PATH, record.write(kept).decode())
    found = facts(root)
    assert found.record == kept
    assert found.tree["/srv/other"].content == b"1"
    assert found.tree["/srv"] == Node(Kind.DIRECTORY, b"", 0o755, empty=False)


def test_drop_ins_of_other_hands_are_read_and_setups_own_is_not(root):
    place = layout.drop_in(layout.SOCKET, "mine.conf")
    put(root, place, "[Socket]\nListenStream=1\n")
    put(root, layout.drop_in(layout.SOCKET, "listen.conf"), "[Socket]\n")
    assert facts(root).drop_ins[layout.SOCKET] == ("[Socket]\nListenStream=1\n",)


def test_the_resolv_conf_of_before_is_read_where_it_is_kept_by_a_link_too(root):
    put(root, "/run/resolve/stub.conf", "nameserver 127.0.0.53\nsearch a.example\n")
    kept = root / nameservice.KEPT.lstrip("/")
    kept.parent.mkdir(parents=True)
    kept.symlink_to("../run/resolve/stub.conf")
    assert facts(root).resolv_conf_before == "nameserver 127.0.0.53\nsearch a.example\n"
    kept.unlink()
    kept.write_text("nameserver 198.18.0.9\n")
    assert facts(root).resolv_conf_before == "nameserver 198.18.0.9\n"


def test_a_tree_tells_files_links_and_directories_apart(tmp_path):
    put(tmp_path, "/d/f", "1").chmod(0o640)
    (tmp_path / "l").symlink_to("nowhere")
    (tmp_path / "e").mkdir(mode=0o750)
    os.mkfifo(tmp_path / "p")
    seen = tree(tmp_path, ["/d", "/d/f", "/l", "/e", "/p", "/none", "/d/f/below"])
    assert seen == {
        "/d": Node(Kind.DIRECTORY, b"", 0o755, empty=False),
        "/d/f": Node(Kind.FILE, b"1", 0o640),
        "/l": Node(Kind.LINK, b"nowhere"),
        "/e": Node(Kind.DIRECTORY, b"", 0o750, empty=True),
        "/p": Node(Kind.OTHER),
    }


def test_whether_services_reach_this_program_is_told_by_where_it_runs_from(root):
    from blockd.setup.look import _program

    found = facts(root)
    assert found.program == _program()
    assert found.program.endswith("/bin/blockd")


def test_what_a_killed_run_left_is_seen_beside_what_a_record_names(root):
    kept = record.Record(written={"/srv/other": ("x",)})
    put(root, record.PATH, record.write(kept).decode())
    put(root, f"/srv/{layout.BESIDE}abc/other", "half")
    put(root, f"/opt/{layout.BESIDE}abc/other", "somebody else's")
    assert facts(root).leftovers == [f"/srv/{layout.BESIDE}abc"]


def test_state_and_spool_elsewhere_are_looked_at(root):
    put(root, layout.CONFIG, '[service]\nstate = "/srv/state/"\n')
    put(root, "/srv/state/current")
    assert facts(root).elsewhere == ["/srv/state"]


def test_a_time_of_change_that_is_yet_to_come_says_nothing(root, monkeypatch):
    put(root, f"{layout.UNITS}/{layout.COMPILER}")
    now = time.time()
    assert facts(root).changed[layout.COMPILER] > now - 60
    assert facts(root).installed > 0
    monkeypatch.setattr(time, "time", lambda: 1000.0)
    assert facts(root).changed[layout.COMPILER] == facts(root).installed == 0.0


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give files away")
def test_who_may_change_the_program_is_seen_where_links_lead(tmp_path, monkeypatch):
    from blockd.setup import look as looking

    program = put(tmp_path, "/venv/bin/blockd")
    (tmp_path / "link").symlink_to("venv")
    program.parent.chmod(0o775)
    os.chown(program.parent, 12, 34)
    os.chown(tmp_path / "venv", 12, 34)
    monkeypatch.setattr(looking.sys, "path", [])
    found = looking._chain(f"{tmp_path}/link/bin/blockd")
    assert found[str(program.parent)] == Part(0o40775, 12, 34)
    assert found[f"{tmp_path}/link"].owner == 0
