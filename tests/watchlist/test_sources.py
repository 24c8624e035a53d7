"""List files: which are taken, which are passed over, and reading them whole."""

import itertools
import os
from pathlib import Path

import pytest

from blockd.errors import ListError
from blockd.watchlist import sources

TAKEN = [
    "a.toml", "b.txt", "c.list", "d.hosts", "e.domains", "F.TOML", "a.b.txt", "x y.txt",
    "g.conf", "h.csv", "i.rpz", "j.netset", "k.txt.gz", "l.toml.GZ",
]  # fmt: skip
QUIET = [".a.toml", ".a.toml.swp", "#a.toml#", "a.toml~", ".a.txt.Xy12Zz", "s.schema.json", "R.md"]
WARNED = ["a.toml.bak", "b.toml.rpmsave", "c.txt.dpkg-new", "noname", "d.xls", "x.gz", "4913"]


@pytest.mark.parametrize("name", TAKEN)
def test_names_of_lists(name):
    assert sources.is_list_name(name)


@pytest.mark.parametrize("name", [*QUIET, *WARNED])
def test_other_names_and_those_that_editors_write(name):
    assert not sources.is_list_name(name)


def test_a_directory_gives_its_lists_sorted_and_warns_about_what_may_be_one(tmp_path):
    for name in [*TAKEN, *QUIET, *WARNED]:
        (tmp_path / name).write_text(name)
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "deep.toml").write_text("x")
    found, issues = sources.read_all([str(tmp_path)])
    assert [source.path for source in found] == sorted(str(tmp_path / name) for name in TAKEN)
    assert all(Path(source.path).name.encode() == source.content for source in found)
    assert [issue.origin.source for issue in issues] == sorted(str(tmp_path / n) for n in WARNED)
    assert all("name it in [list] paths" in issue.message for issue in issues)


def test_a_named_file_may_be_called_anything(tmp_path):
    path = tmp_path / "blocklist.bak"
    path.write_bytes(b"a.example\n")
    found, issues = sources.read_all([str(path)])
    assert [(source.path, source.content) for source in found] == [(str(path), b"a.example\n")]
    assert issues == []


def test_a_file_that_is_named_twice_is_read_once(tmp_path):
    (tmp_path / "a.toml").write_text("x")
    (tmp_path / "b.toml").symlink_to("a.toml")
    other = tmp_path / "below" / ".." / "a.toml"
    (tmp_path / "below").mkdir()
    found, _ = sources.read_all([str(tmp_path), str(tmp_path / "a.toml"), str(other)])
    assert len(found) == 1


def test_the_order_of_the_paths_is_kept(tmp_path):
    paths = [str(tmp_path / name) for name in ("b.toml", "a.toml")]
    for path in paths:
        Path(path).write_text(path)
    for given in (paths, paths[::-1]):
        found, _ = sources.read_all(given)
        assert [source.path for source in found] == given


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (Path.exists, "cannot be read: No such file"),
        (Path.mkdir, "holds no list file; put one there"),
        (lambda path: path.symlink_to("nowhere"), "cannot be read: No such file"),
    ],
)
def test_a_path_without_a_list_is_an_error_that_names_it(tmp_path, make, said):
    path = tmp_path / "rules.d"
    make(path)
    (tmp_path / "good.toml").write_text("x")
    with pytest.raises(ListError) as caught:
        sources.read_all([str(tmp_path / "good.toml"), str(path)])
    assert str(caught.value).startswith(f"{path}: ")
    assert said in str(caught.value)


def test_a_list_that_is_a_directory_or_leads_nowhere_is_an_error(tmp_path):
    (tmp_path / "a.toml").mkdir()
    with pytest.raises(ListError, match=r"a\.toml: cannot be read"):
        sources.read_all([str(tmp_path)])
    (tmp_path / "a.toml").rmdir()
    (tmp_path / "a.toml").symlink_to("nowhere")
    with pytest.raises(ListError, match=r"a\.toml: cannot be read"):
        sources.read_all([str(tmp_path)])


@pytest.fixture
def growing(tmp_path, monkeypatch):
    """A file that is appended to while it is read, so many times."""
    path = tmp_path / "a.txt"
    path.write_bytes(b"a.example\n")
    fstat = os.fstat

    def make(times):
        looks = itertools.count(1)

        def look(handle):
            look_number = next(looks)  # two looks a reading: before and after
            if look_number % 2 == 0 and look_number <= 2 * times:
                with path.open("ab") as file:
                    file.write(b"more\n")
            return fstat(handle)

        monkeypatch.setattr(os, "fstat", look)
        return path

    return make


@pytest.mark.parametrize("times", [0, 1, 2])
def test_a_file_that_changes_while_it_is_read_is_read_again(growing, times):
    assert sources.read(growing(times)) == b"a.example\n" + b"more\n" * times


def test_a_file_that_never_comes_to_rest_is_refused(growing):
    with pytest.raises(ListError, match="changed while it was read.*rename it"):
        sources.read(growing(99))
