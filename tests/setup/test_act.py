"""Performing steps: on the disk they leave what they say, and an error says how far it came."""

import os
import shlex
import subprocess

import hypothesis
import pytest
from hypothesis import strategies

from blockd.errors import GuardError, ListError, UnreachableError, UsageError
from blockd.setup import look
from blockd.setup.act import perform
from blockd.setup.steps import Keep, Link, Move, Remove, Run, Write, pending

PATHS = ("/@/a", "/@/b", "/@/d/a", "/@/d/e/b")
paths = strategies.sampled_from(PATHS)
changes = strategies.one_of(
    strategies.builds(
        Write, paths, strategies.sampled_from([b"", b"1\n", b"END\n2\n"]),
        strategies.sampled_from([0o644, 0o600]),
    ),
    strategies.builds(Link, paths, strategies.sampled_from(["../x", "/a"])),
)  # fmt: skip


def seen(root):
    """Return what stands below a directory."""
    return look.tree(root, [f"/{path.relative_to(root)}" for path in root.rglob("*")])


def done(steps, root):
    return list(perform(steps, root))


@hypothesis.settings(max_examples=40, deadline=None)
@hypothesis.given(strategies.lists(changes, max_size=5))
def test_a_step_that_was_performed_is_done_and_its_script_does_the_same(tmp_path_factory, steps):
    here, there = tmp_path_factory.mktemp("here"), tmp_path_factory.mktemp("there")
    for step in steps:
        done([step], here)
        assert pending([step], seen(here)) == []
    script = "\n".join(line for step in steps for line in step.shell())
    script = script.replace(" /@", f" {there}/@")
    subprocess.run(["sh", "-eu"], input=script, text=True, check=True)
    assert {**seen(there), "/@": 0} == {**seen(here), "/@": 0}


def test_what_is_kept_and_put_back_is_the_very_same(tmp_path):
    for make in (
        lambda path: (path.write_text("1"), path.chmod(0o640), os.utime(path, (5, 5))),
        lambda path: path.symlink_to("../nowhere"),
    ):
        path = tmp_path / "a"
        make(path)
        before = path.lstat()
        done([Keep("/a", "/kept"), Write("/a", b"2")], tmp_path)
        assert path.read_text() == "2"
        done([Move("/kept", "/a")], tmp_path)
        after = path.lstat()
        assert (before.st_ino, before.st_mode, before.st_mtime) == (
            after.st_ino, after.st_mode, after.st_mtime,
        )  # fmt: skip
        assert [each.name for each in tmp_path.iterdir()] == ["a"]
        path.unlink()


def test_keeping_and_putting_back_without_a_change_in_between_leaves_one_name(tmp_path):
    (tmp_path / "a").write_text("1")
    done([Keep("/a", "/kept"), Move("/kept", "/a")], tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_directory_goes_when_it_is_empty_and_whole_when_that_is_meant(tmp_path):
    done([Write("/d/e/a", b"1"), Link("/d/l", "/etc/passwd")], tmp_path)
    with pytest.raises(UsageError, match="cannot remove /d: .*not empty"):
        done([Remove("/d")], tmp_path)
    done([Remove("/d", tree=True)], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_says_so_and_leaves_nothing_half_written(tmp_path):
    (tmp_path / "file").write_text("1")
    steps = [Write("/b", b"1"), Write("/file/a", b"2"), Write("/c", b"3")]
    with pytest.raises(UsageError, match="cannot write /file/a: .*What was said before is done"):
        done(steps, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b", "file"]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give files away")
def test_a_file_that_is_written_anew_keeps_its_owner(tmp_path):
    (tmp_path / "a").write_text("1")
    os.chown(tmp_path / "a", 12, 34)
    done([Write("/a", b"2", 0o640)], tmp_path)
    status = (tmp_path / "a").stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o777) == (12, 34, 0o640)


def test_what_is_made_is_open_to_services_whatever_the_umask(tmp_path):
    before = os.umask(0o077)
    try:
        done([Write("/d/e/a", b"1"), Link("/f/l", "x")], tmp_path)
        assert os.umask(0o077) == 0o077
    finally:
        os.umask(before)
    for path, mode in (("d", 0o755), ("d/e", 0o755), ("d/e/a", 0o644), ("f", 0o755)):
        assert (tmp_path / path).stat().st_mode & 0o777 == mode, path


@pytest.mark.parametrize(
    ("status", "kind"), [(1, ListError), (2, UnreachableError), (3, GuardError)]
)
def test_a_verdict_on_the_lists_keeps_its_exit_status(tmp_path, status, kind):
    step = Run(("sh", "-c", f"echo 'blockd: a.toml:1: no' >&2; exit {status}"), judges=True)
    with pytest.raises(kind, match="^a.toml:1: no\nblockd: that was `sh") as raised:
        done([step], tmp_path)
    assert type(raised.value) is kind


def test_a_program_that_fails_is_shown_with_what_it_said(tmp_path):
    said = "sh -c 'echo no luck >&2; exit 3'"
    with pytest.raises(UnreachableError, match=r"no luck(.|\n)*exit 3(.|\n)*run the same again"):
        done([Run(tuple(shlex.split(said)))], tmp_path)
    done([Run(tuple(shlex.split(said)), accept=3)], tmp_path)
    with pytest.raises(UnreachableError, match="no-such-program is not installed"):
        done([Run(("no-such-program",))], tmp_path)
