"""Finding and reading list files. The one place of the watchlist that touches files.

What a file means is the formats' business, whether it is acceptable the guard's. A source
is read whole or not at all.
"""

import hashlib
import os
import stat
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from msgspec import Struct

from blockd.config import Share, Terms
from blockd.errors import ListError
from blockd.minisign.signature import Signed
from blockd.watchlist.model import Issue, Origin, Severity

SUFFIXES = frozenset({
    ".toml", ".txt", ".list", ".hosts", ".domains", ".adblock", ".conf", ".rpz", ".zone", ".csv",
    ".ip", ".ipset", ".netset",
})  # fmt: skip
"""Names of list files in a directory, with or without `.gz` behind; a file named in `[list]
paths` may be called anything."""

_QUIET = frozenset({".json", ".md", ".minisig"})
"""A schema, a note or a signature beside the lists needs no warning."""
_READS = 3

LARGEST = 1 << 30
"""Octets of a list file; a million names have some 30 million."""


class Source(Struct, frozen=True):
    """One file as it was read."""

    path: str
    """Or the URL that it was fetched from."""
    content: bytes
    terms: Terms = Terms()
    """What the operator says about it, see `override`."""
    budget: Share | None = None
    """How many bad entries it may have, in place of the guard's."""
    signed: Signed | None = None
    """Who vouches for it; None: nobody was asked to."""
    keys: tuple[str, ...] = ()
    """The numbers of the keys that might have."""

    def sha256(self) -> str:
        """Return the digest of the content, in hexadecimal digits."""
        return hashlib.sha256(self.content).hexdigest()


def read_all(
    paths: Sequence[str], besides: Collection[Path] = ()
) -> tuple[list[Source], list[Issue]]:
    """Read every list file that the paths name.

    Args:
        paths: files, and directories whose list files are taken (not those below them).
        besides: resolved paths of files that are not to be read.

    Returns:
        The sources in the order of the paths, those of a directory by name, and warnings about
        files that were passed over.

    Raises:
        ListError: a path does not exist, cannot be read, or holds no list at all.
    """
    files, issues = find(paths)
    found = [Source(str(path), read(path)) for path in files if path.resolve() not in besides]
    return found, issues


def find(paths: Sequence[str]) -> tuple[list[Path], list[Issue]]:
    """Return the list files that the paths name, each once; see `read_all`."""
    found: dict[Path, Path] = {}
    issues = []
    for path in map(Path, paths):
        try:
            inside = sorted(path.iterdir()) if path.is_dir() else [path]
            lists = [file for file in inside if file is path or is_list_name(file.name)]
            real = {file: file.resolve() for file in lists}
        except OSError as error:
            raise ListError(f"{path}: cannot be read: {error.strerror}") from None
        except RuntimeError:  # a loop of symbolic links, as pathlib says it
            raise ListError(f"{path}: a symbolic link in it leads to itself; remove it") from None
        for file in lists:
            _require_text(file)
        issues += _passed_over(set(inside) - set(lists))
        if not lists:
            raise ListError(
                f"{path}: holds no list file; put one there whose name ends in"
                f" {', '.join(sorted(SUFFIXES))}, or take it out of [list] paths"
            )
        for file in lists:
            found.setdefault(real[file], file)
    return list(found.values()), sorted(issues)


def is_list_name(name: str) -> bool:
    """Tell whether a directory's file of that name is taken as a list.

    Hidden files and the temporary names of editors, rsync and package tools are not.
    """
    plain = name.lower().removesuffix(".gz")
    return not name.startswith((".", "#")) and Path(plain).suffix in SUFFIXES


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
        and _is_file(file)
    ]


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a link into a directory that is closed to us
        return False


def _require_text(path: Path) -> None:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        name = path.name.encode(errors="surrogateescape")
        raise ListError(f"{path.parent}: the file name {name!r} is not UTF-8; rename it") from None


def read(path: Path) -> bytes:
    """Return a file's content; raises ListError when it cannot be had whole.

    A file that changes while it is read is read again: it is being written in place. One
    that never comes to rest is refused.
    """
    try:
        for _ in range(_READS):
            # Not blocking: opening a FIFO would wait for a writer.
            with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
                before = os.fstat(file.fileno())
                if not stat.S_ISREG(before.st_mode):
                    raise ListError(f"{path}: is no regular file; a list is one")
                if before.st_size > LARGEST:
                    raise ListError(
                        f"{path}: has {before.st_size} octets; {LARGEST} are the most for a list"
                    )
                content = file.read()
                after = os.fstat(file.fileno())
            same = before.st_mtime_ns == after.st_mtime_ns and before.st_size == after.st_size
            if same and len(content) == after.st_size:
                return content
    except OSError as error:
        raise ListError(f"{path}: cannot be read: {error.strerror}") from None
    raise ListError(f"{path}: changed while it was read; write it under another name and rename it")
