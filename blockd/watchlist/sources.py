"""Finding and reading list files. The one place of the watchlist that touches files.

What a file means is the formats' business, whether it is acceptable the guard's. A source
is read whole or not at all.
"""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from msgspec import Struct

from blockd.errors import ListError
from blockd.watchlist.model import Issue, Origin, Severity

SUFFIXES = frozenset({".toml", ".txt", ".list", ".hosts", ".domains"})
"""Names of list files in a directory; a file named in `[list] paths` may be called anything."""

_QUIET = frozenset({".json", ".md"})  # a schema or a note beside the lists needs no warning
_READS = 3


class Source(Struct, frozen=True):
    """One file as it was read."""

    path: str
    content: bytes


def read_all(paths: Sequence[str]) -> tuple[list[Source], list[Issue]]:
    """Read every list file that the paths name.

    Args:
        paths: files, and directories whose list files are taken (not those below them).

    Returns:
        The sources in order of path, and warnings about files that were passed over.

    Raises:
        ListError: a path does not exist, cannot be read, or holds no list at all.
    """
    files, issues = find(paths)
    return [Source(str(path), read(path)) for path in files], issues


def find(paths: Sequence[str]) -> tuple[list[Path], list[Issue]]:
    """Return the list files that the paths name, sorted, each once; see `read_all`."""
    found: dict[Path, Path] = {}
    issues = []
    for path in map(Path, paths):
        try:
            inside = sorted(path.iterdir()) if path.is_dir() else [path]
            lists = [file for file in inside if file is path or is_list_name(file.name)]
        except OSError as error:
            raise ListError(f"{path}: cannot be read: {error.strerror}") from None
        issues += _passed_over(set(inside) - set(lists))
        if not lists:
            raise ListError(
                f"{path}: holds no list file; put one there whose name ends in"
                f" {', '.join(sorted(SUFFIXES))}"
            )
        for file in lists:
            found.setdefault(file.resolve(), file)
    return sorted(found.values()), sorted(issues)


def is_list_name(name: str) -> bool:
    """Tell whether a directory's file of that name is taken as a list.

    Hidden files and the temporary names of editors, rsync and package tools are not.
    """
    return not name.startswith((".", "#")) and Path(name).suffix.lower() in SUFFIXES


def _passed_over(files: Iterable[Path]) -> list[Issue]:
    return [
        Issue(
            Origin(str(file), 0),
            Severity.WARNING,
            "passed over: not the name of a list; rename it, or name it in [list] paths",
        )
        for file in files
        if not file.name.startswith((".", "#"))
        and not file.name.endswith("~")
        and file.suffix.lower() not in _QUIET
        and file.is_file()
    ]


def read(path: Path) -> bytes:
    """Return a file's content; raises ListError when it cannot be had whole.

    A file that changes while it is read is read again: it is being written in place. One
    that never comes to rest is refused.
    """
    try:
        for _ in range(_READS):
            with path.open("rb") as file:
                before = os.fstat(file.fileno())
                content = file.read()
                after = os.fstat(file.fileno())
            same = before.st_mtime_ns == after.st_mtime_ns and before.st_size == after.st_size
            if same and len(content) == after.st_size:
                return content
    except OSError as error:
        raise ListError(f"{path}: cannot be read: {error.strerror}") from None
    raise ListError(f"{path}: changed while it was read; write it under another name and rename it")
