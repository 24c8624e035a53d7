"""The package that the program builds, as dpkg sees it."""

import hashlib
import os
import subprocess
import sys

import pytest

from tests import debian, topology

ROOT = topology.repository()
LIBRARIES = "opt/blockd/lib/python3."


def dpkg_deb(*words):
    return subprocess.run(["dpkg-deb", *words], check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def tree(package, tmp_path_factory):
    """The package's files, and its control files in DEBIAN."""
    place = tmp_path_factory.mktemp("package") / "tree"
    dpkg_deb("--raw-extract", str(package), str(place))
    return place


@pytest.fixture(scope="module")
def listing(package):
    """The package's archive: path to mode and owner."""
    found = {}
    for line in dpkg_deb("--contents", str(package)).splitlines():
        mode, owner, _, _, _, path = line.split(maxsplit=5)
        found[path.removeprefix("./")] = mode, owner
    return found


def field(package, name):
    return dpkg_deb("--field", str(package), name).strip()


def test_the_package_wants_the_python_that_its_modules_are_compiled_for(package):
    depends = field(package, "Depends").split(", ")
    ask = "import sys; print(*sys.version_info[:2])"
    said = subprocess.run(
        ["/usr/bin/python3", "-c", ask], check=True, capture_output=True, text=True
    )
    major, minor = map(int, said.stdout.split())
    assert {f"python3 (>= {major}.{minor})", f"python3 (<< {major}.{minor + 1})"} <= {*depends}
    assert any(each.startswith("libc6 (>= 2.") for each in depends)


def test_what_shared_objects_need_is_depended_on(package, tree):
    known = {"libc6": ("libc.so.6", "libm.so.6", "libpthread.so.0", "ld-linux", "libdl.so.2"),
             "libgcc-s1": ("libgcc_s.so.1",), "libstdc++6": ("libstdc++.so.6",)}  # fmt: skip
    depends = {each.split()[0] for each in field(package, "Depends").split(", ")}
    provided = tuple(name for each in depends for name in known.get(each, ()))
    for path in tree.rglob("*.so"):
        argv = ["objdump", "--private-headers", str(path)]
        said = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
        needed = [line.split()[1] for line in said.splitlines() if "NEEDED" in line]
        assert [each for each in needed if not each.startswith(provided)] == [], path


def test_the_units_are_those_of_the_checkout(tree):
    for source in (ROOT / "systemd").iterdir():
        if source.is_file():
            placed = tree / "usr/lib/systemd/system" / source.name
            assert placed.read_bytes() == source.read_bytes()
    for kind, place in {
        "sysusers.d": "usr/lib/sysusers.d",
        "tmpfiles.d": "usr/lib/tmpfiles.d",
        "networkd.conf.d": "usr/lib/systemd/networkd.conf.d",
    }.items():
        for source in (ROOT / "systemd" / kind).iterdir():
            assert (tree / place / source.name).read_bytes() == source.read_bytes()


def test_nothing_lies_where_an_operators_files_do(listing):
    assert not [path for path in listing if path.startswith(("etc/", "var/", "usr/local/"))]


def test_everything_is_roots_and_nobody_elses_to_change(listing):
    assert {owner for _, owner in listing.values()} == {"root/root"}
    assert {mode for mode, _ in listing.values()} == {
        "drwxr-xr-x", "-rw-r--r--", "-rwxr-xr-x", "lrwxrwxrwx",
    }  # fmt: skip
    runs = {path for path, (mode, _) in listing.items() if mode == "-rwxr-xr-x"}
    assert runs == {"opt/blockd/bin/blockd"}


def test_the_program_is_on_the_path_and_runs_in_its_environment(tree):
    assert (tree / "usr/bin/blockd").readlink().as_posix() == "/opt/blockd/bin/blockd"
    script = (tree / "opt/blockd/bin/blockd").read_text()
    assert script.startswith("#!/opt/blockd/bin/python3\n")
    assert (tree / "opt/blockd/bin/python3").readlink().as_posix() == "/usr/bin/python3"


def test_no_file_tells_of_the_machine_that_built_it(tree):
    assert not list(tree.rglob("*.pyc"))
    marks = (b"blockd-deb-", str(ROOT).encode(), debian.shared.MARK.encode())
    for path in tree.rglob("*"):
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            assert not any(mark in content for mark in marks), path


def test_the_documents_are_there(listing, tree):
    documents = {path.removeprefix("usr/share/doc/blockd/") for path in listing}
    assert documents >= {
        "README.md", "changelog.gz", "changelog.Debian.gz", "copyright",
        "examples/rules/platforms.toml", "examples/monitoring/blockd.rules.yml",
    }  # fmt: skip
    assert {
        "usr/share/man/man8/blockd.8.gz", "usr/share/man/man5/blockd.toml.5.gz",
        "usr/share/bash-completion/completions/blockd", "usr/share/blockd/blockd.toml",
    } <= {*listing}  # fmt: skip
    licences = (tree / "usr/share/doc/blockd/copyright").read_text()
    for information in (tree / "opt").rglob("*.dist-info"):
        name = information.name.partition("-")[0]
        shown = licences.lower().replace("-", "_").replace(".", "_")
        assert f"\n{name.lower()} " in shown or name == "blockd", name


def test_every_sum_is_that_of_its_file(tree):
    lines = (tree / "DEBIAN/md5sums").read_text().splitlines()
    sums = {path: digest for digest, path in (line.split("  ", 1) for line in lines)}
    files = {
        str(path.relative_to(tree)): path
        for path in tree.rglob("*")
        if path.is_file() and not path.is_symlink() and path.parent.name != "DEBIAN"
    }
    assert {*sums} == {*files}
    for path, digest in sums.items():
        assert hashlib.md5(files[path].read_bytes()).hexdigest() == digest


def test_the_maintainer_scripts_are_well_formed(tree):
    for name in ("preinst", "postinst", "prerm", "postrm"):
        script = tree / "DEBIAN" / name
        assert script.stat().st_mode & 0o777 == 0o755
        assert script.read_text().startswith("#!/bin/sh\n")
        assert subprocess.run(["sh", "-n", str(script)], check=False).returncode == 0
        assert "\nset -e\n" in script.read_text()


def test_a_purge_knows_every_user(tree):
    lines = (tree / "usr/lib/sysusers.d/blockd.conf").read_text().splitlines()
    users = {line.split()[1] for line in lines if line.startswith("u ")}
    text = (tree / "DEBIAN/postrm").read_text().replace("\\\n", " ")
    (listed,) = (line for line in text.splitlines() if line.strip().startswith("for user in "))
    assert users <= {*listed.partition("for user in ")[2].partition(";")[0].split()}


@pytest.mark.parametrize("name", ["prerm", "postrm", "postinst"])
def test_the_maintainer_scripts_name_the_units_that_are_shipped_and_no_others(name):
    text = (ROOT / "packaging/deb/scripts" / name).read_text()
    shipped = {each.name for each in (ROOT / "systemd").glob("*.*") if each.is_file()}
    if name == "postinst":
        wanted = {each for each in shipped if each.endswith(".service")}
        listed = text.partition("for unit in ")[2].partition(";")[0].replace("\\\n", " ")
    else:
        wanted = shipped
        listed = text.partition('UNITS="')[2].partition('"')[0]
    assert {*listed.split()} == wanted
    assert "blockd-*" not in text
    assert "blockd*" not in text


PLACES = {
    "as shown": ("[service]\nstate = '{}'\n", True),
    "dotted": ('service.state="{}" # elsewhere\n', True),
    "spool": ('[fetch]\n  "spool" = "{}"\n', True),
    "a comment": ('[fetch]\n# spool = "{}"\n', False),
    "not there": ('[fetch]\nspool = "{}/none"\n', False),
    "another key": ('[list]\npaths = "{}"\n', False),
}


@pytest.mark.parametrize(("text", "found"), PLACES.values(), ids=PLACES.keys())
def test_a_purge_reads_where_state_and_spool_are_elsewhere(tmp_path, text, found):
    script = (ROOT / "packaging/deb/scripts/postrm").read_text()
    config = tmp_path / "blockd.toml"
    config.write_text(text.format(tmp_path))
    head = script.partition("\ncase ")[0].replace("/etc/blockd/blockd.toml", str(config))
    done = subprocess.run(
        ["sh"], input=f"{head}\nelsewhere", capture_output=True, text=True, check=True
    )
    assert done.stdout == (f"{tmp_path}\n" if found else "")


def test_the_same_source_gives_the_same_package(package, tmp_path):
    # Elsewhere, by somebody with another umask: only the source counts.
    (wheel,) = (package.parent / "dist").glob("*.whl")
    argv = [sys.executable, str(ROOT / "packaging/build-deb"), str(wheel)]
    environ = {**os.environ, **debian.BUILD, "TMPDIR": str(tmp_path)}
    subprocess.run(argv, check=True, cwd=tmp_path, umask=0o027, env=environ, timeout=100)
    (again,) = tmp_path.glob("blockd_*.deb")
    assert again.name == package.name
    assert again.read_bytes() == package.read_bytes()


def test_what_is_no_wheel_of_blockd_is_refused(tmp_path):
    argv = [sys.executable, str(ROOT / "packaging/build-deb"), str(tmp_path / "no.whl")]
    done = subprocess.run(argv, check=False, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1
    assert "is no wheel of blockd" in done.stderr
