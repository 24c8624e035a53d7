"""`blockd export`: the generation in force for another program, whole or not at all."""

import subprocess
import sys
import time

import pytest

from blockd.cli.export import FORMATS
from blockd.policy import export as exports


def test_the_formats_are_those_of_the_policy():
    assert list(FORMATS) == list(exports.FORMATS)


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_says_which_generation_it_is_and_what_it_lost(gateway, form):
    gateway.run("compile")
    done = gateway.run("export", form)
    assert done.status == 0
    head = done.out.splitlines()[:3]
    assert head[0].endswith(", exported by blockd")
    assert "generation 1 of 2" in head[1]
    assert head[2].endswith("list: Test list, on the word of Example Authority (order)")
    for line in done.err.splitlines():
        assert line in done.out
    assert (done.err == "") == (form == "rpz")


def test_a_file_is_written_whole_and_in_place_of_the_old_one(gateway, tmp_path):
    gateway.run("compile")
    path = tmp_path / "policy.rpz"
    path.write_text("old")
    assert gateway.run("export", "rpz", "--output", str(path)) == (0, "", "")
    assert path.read_text() == gateway.run("export", "rpz").out
    assert [each.name for each in tmp_path.iterdir() if "policy" in each.name] == ["policy.rpz"]


def test_an_old_file_stays_where_the_new_one_cannot_be_written(gateway, tmp_path, monkeypatch):
    gateway.run("compile")
    path = tmp_path / "policy.rpz"
    path.write_text("old")

    def broken(_contents):
        yield "new"
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(exports.FORMATS, "rpz", broken)
    done = gateway.run("export", "rpz", "-o", str(path))
    assert done.status == 2
    assert f"{path}: cannot be written: No space left on device" in done.err
    assert path.read_text() == "old"
    assert not list(tmp_path.glob(".policy*"))


def test_a_directory_that_is_not_there_is_an_error_that_names_it(gateway, tmp_path):
    gateway.run("compile")
    done = gateway.run("export", "hosts", "-o", str(tmp_path / "no" / "hosts"))
    assert (done.status, done.out) == (2, "")
    assert "no/hosts: cannot be written: No such file or directory" in done.err


def test_without_a_generation_there_is_nothing_to_export(gateway, tmp_path):
    done = gateway.run("export", "rpz", "-o", str(tmp_path / "x"))
    assert done.status == 2
    assert "run `blockd compile`" in done.err
    assert not (tmp_path / "x").exists()


def test_an_unknown_format_is_a_mistake_of_use(gateway):
    done = gateway.run("export", "bind")
    assert done.status == 2
    assert "'rpz'" in done.err


def test_help_comes_within_a_fifth_of_a_second_of_cpu():
    argv = [sys.executable, "-X", "importtime", "-m", "blockd", "export", "--help"]
    start = time.monotonic()
    done = subprocess.run(argv, check=True, capture_output=True, text=True)
    assert time.monotonic() - start < 5
    for heavy in ("lmdb", "dnslib", "netaddr", "publicsuffixlist", "rich"):
        assert f"| {heavy}\n" not in done.stderr.replace("|   ", "| ")
