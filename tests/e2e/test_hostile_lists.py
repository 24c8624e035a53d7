"""What happens to files in the field: cut off, mangled, endless, vanishing, without space to write.

Every format and every accident; none changes what is in force.
"""

import gzip
import shutil
import subprocess
import sys
import threading

import pytest

from blockd.watchlist import examine, sources
from tests import topology
from tests.bench import long
from tests.cli.program import Gateway

FORMATS = {
    "a.toml": '[[platform]]\nid = "q"\ndomains = ["new.example", "more.example"]\n',
    "domains.txt": "new.example\nmore.example\n",
    "hosts.txt": "0.0.0.0 new.example\n0.0.0.0 more.example\n",
    "adblock.txt": "[Adblock Plus]\n||new.example^\n||more.example^\n",
    "dnsmasq.conf": "address=/new.example/\naddress=/more.example/\n",
    "unbound.conf": (
        'local-zone: "new.example" always_nxdomain\nlocal-zone: "more.example" always_nxdomain\n'
    ),
    "a.rpz": (
        "$TTL 60\n@ SOA ns. desk. 1 1 1 1 1\n@ NS ns.\nnew.example CNAME .\nmore.example CNAME .\n"
    ),
    "a.csv": "domain,reference\nnew.example,r\nmore.example,r\n",
    "addresses.ip": "198.18.7.0/28\n198.18.8.0/28\n",
}
HARMS = {
    "cut in a line": lambda text: text[:-4],
    "cut to nothing": lambda _: b"",
    "NUL at the end": lambda text: text + b"\0" * 512 + b"\n",
    "NUL within": lambda text: text.replace(b"8", b"\0").replace(b"more", b"mo\0re"),
    "not UTF-8": lambda text: text + b"# \xff\xfe\n",
    "UTF-16": lambda text: text.decode().encode("utf-16"),
    "gzip cut off": lambda text: gzip.compress(text)[:-6],
    "gzip damaged": lambda text: gzip.compress(text)[:-7] + b"\0" * 7,
    "a web page": lambda text: b"<!DOCTYPE html>\n<html><body>404</body></html>\n" + text,
}


@pytest.fixture(scope="module")
def suffixes():
    return examine.public_suffixes()


@pytest.fixture(autouse=True)
def _suffixes_are_read_once(monkeypatch, suffixes):
    monkeypatch.setattr(examine, "public_suffixes", lambda: suffixes)


@pytest.fixture
def gateway(tmp_path):
    found = Gateway(tmp_path)
    assert found.run("compile").status == 0
    return found


def in_force(gateway):
    return str((gateway.state / "current").readlink()), gateway.run(
        "report", "--json", "--names"
    ).json["entries"]


def put(gateway, name, content):
    (gateway.rules / name).write_bytes(content)


@pytest.mark.parametrize("name", FORMATS)
def test_no_harm_to_a_file_of_any_format_changes_what_is_in_force(gateway, name):
    before = in_force(gateway)
    for what, harm in HARMS.items():
        put(gateway, name, harm(FORMATS[name].encode()))
        done = gateway.run("compile")
        assert done.status == 1, what
        assert f"{gateway.rules / name}" in done.err, what
        assert done.err.endswith("nothing was changed\n"), what
        assert in_force(gateway) == before, what
    put(gateway, name, FORMATS[name].encode())
    assert gateway.run("compile").status == 0


@pytest.mark.parametrize("name", FORMATS)
def test_marks_and_line_ends_of_other_systems_change_nothing(gateway, name):
    text = FORMATS[name].encode()
    put(gateway, name, text)
    assert gateway.run("compile").status == 0
    _, entries = in_force(gateway)
    for other in (
        b"\xef\xbb\xbf" + text,
        text.replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + text.replace(b"\n", b"\r\n"),
        gzip.compress(text),
    ):
        put(gateway, name, other)
        done = gateway.run("compile", "--json")
        assert done.status == 0
        assert done.json["difference"] == {"added": [], "removed": [], "changed": []}
        assert in_force(gateway)[1] == entries


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_a_line_of_a_megabyte_is_one_mistake_and_no_entry(gateway, name):
    endless = b"a" * (1 << 20)
    put(gateway, name, FORMATS[name].encode() + endless + b"\n")
    done = gateway.run("compile")
    assert len(done.err) < 4000
    if name == "adblock.txt":  # a pattern, which is not taken
        assert (done.status, "4: warning: not taken: pattern" in done.err) == (0, True)
        assert len(in_force(gateway)[1]) == 8
    else:
        assert done.status == 1
        assert in_force(gateway)[0].endswith("00000001.mdb")


LONG = 300_000
"""Lines; with ten million `python -m tests.bench.lists --lines` does the same."""


@pytest.mark.parametrize(
    ("tens", "status", "said"),
    [
        (long.all_wrong, 1, "long.txt: error: 300,000 errors; the first 1,000 are shown\n"),
        (long.mostly_nothing, 3, "30,000 more names, where 3 are in force"),
    ],
    ids=["all wrong", "mostly nothing"],
)
def test_hundreds_of_thousands_of_lines_cost_what_they_list_and_change_nothing(
    gateway, tens, status, said
):
    before = long.in_force(gateway)
    size = long.written(gateway.rules / "long.txt", tens, LONG)
    cost = long.run(gateway, "compile")
    assert cost.status == status
    assert said in cost.err
    assert cost.err.count("\n") < 2500
    assert long.in_force(gateway) == before
    # The program itself takes some 35 MB, its text stands there in octets and in characters, and a
    # name takes half a kilobyte. Each issue would take as much again, and made 150 MB.
    assert cost.megabytes < 60 + 2 * size


def loop(path):
    (path / "loop.txt").symlink_to("loop.txt")


def ring(path):
    (path / "one.txt").symlink_to("two.txt")
    (path / "two.txt").symlink_to("one.txt")


def dangling(path):
    (path / "gone.txt").symlink_to("/nonexistent/list.txt")


def itself(path):
    (path / "again.txt").symlink_to(path)


@pytest.mark.parametrize("make", [loop, ring, dangling, itself])
def test_a_link_that_leads_nowhere_or_round_and_round_changes_nothing(gateway, make):
    before = in_force(gateway)
    make(gateway.rules)
    done = gateway.run("compile")
    assert done.status == 1
    assert str(gateway.rules) in done.err
    assert in_force(gateway) == before


@pytest.mark.parametrize("after", [shutil.rmtree, lambda path: path.rename(f"{path}.away")])
def test_a_directory_that_vanishes_takes_nothing_out(gateway, after):
    before = in_force(gateway)
    after(gateway.rules)
    done = gateway.run("compile")
    assert (done.status, f"{gateway.rules}" in done.err) == (1, True)
    assert in_force(gateway) == before


def test_a_file_that_vanishes_between_being_found_and_being_read_changes_nothing(
    gateway, monkeypatch
):
    put(gateway, "more.txt", b"more.example\n")
    before = in_force(gateway)
    read = sources.read

    def vanished(path):
        (gateway.rules / "more.txt").unlink(missing_ok=True)
        return read(path)

    monkeypatch.setattr(sources, "read", vanished)
    done = gateway.run("compile")
    assert (done.status, "more.txt: cannot be read" in done.err) == (1, True)
    assert in_force(gateway) == before


def test_a_directory_that_is_swapped_again_and_again_gives_one_of_its_contents_or_nothing(gateway):
    """Never a mixture that drops what both hold."""
    other = gateway.place / "other"
    shutil.copytree(gateway.rules, other)
    stop = threading.Event()

    def swap():
        away = gateway.place / "away"
        while not stop.is_set():
            gateway.rules.rename(away)
            other.rename(gateway.rules)
            away.rename(other)

    thread = threading.Thread(target=swap)
    before = in_force(gateway)[1]
    thread.start()
    try:
        for _ in range(15):
            assert gateway.run("compile").status in {0, 1}
            assert in_force(gateway)[1] == before
    finally:
        stop.set()
        thread.join()


@pytest.mark.root
def test_a_full_disk_changes_nothing_and_says_so(tmp_path):
    """On a file system that really is full, in a mount namespace of its own."""
    topology.require()
    gateway = Gateway(tmp_path)
    gateway.state.mkdir()
    script = (
        "import subprocess, sys\n"
        f"state = {str(gateway.state)!r}\n"
        "subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', state], check=True)\n"
        f"argv = {gateway.argv()!r}\n"
        "def blockd(*words):\n"
        "    done = subprocess.run([*argv, *words], capture_output=True, text=True)\n"
        "    print(done.returncode, done.stderr.strip().replace(chr(10), ' '))\n"
        "blockd('compile')\n"
        f"open({str(gateway.rules / 'more.txt')!r}, 'w').writelines(\n"
        "    f'n{n}.example\\n' for n in range(60000))\n"
        "blockd('compile')\n"
        "blockd('explain', 'listed.example')\n"
        "blockd('history', '--verify')\n"
        f"open({str(gateway.rules / 'more.txt')!r}, 'w').write('more.example\\n')\n"
        "blockd('compile')\n"
    )
    gateway.configure('\n[guard]\nmax_added = "9999999%"\n')
    done = subprocess.run(
        ["unshare", "--mount", sys.executable, "-c", script],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    said = done.stdout.splitlines()
    assert len(said) == 5, done.stderr
    assert said[0].startswith("0")
    assert said[1].startswith("2 ")
    assert "free space" in said[1]
    # Nothing is asked of a resolver here: that the name is listed still is what counts.
    assert [line[:1] for line in said[2:]] == ["4", "0", "0"]
