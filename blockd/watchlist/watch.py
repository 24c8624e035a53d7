"""Notices that list files change: inotify on their directories, settled into one event.

What to do about a change is the compiler's business. Directories are watched rather than
files, since files are replaced by rename.
"""

import asyncio
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from asyncinotify import Event, Inotify, Mask

from blockd.minisign.signature import SUFFIX
from blockd.watchlist.sources import is_list_name

SETTLE = 0.02
"""Seconds of quiet after which a burst of events counts as one change."""

LONGEST = 0.5
"""Seconds after which a change counts although events go on."""

_EVENTS = (
    Mask.CLOSE_WRITE | Mask.MOVED_TO | Mask.MOVED_FROM | Mask.DELETE | Mask.CREATE
    | Mask.DELETE_SELF | Mask.MOVE_SELF
)  # fmt: skip


class ListWatch:
    """Watches list files and directories of them. Use as a context within a running event loop."""

    def __init__(self, paths: Sequence[str]) -> None:
        """Name the paths; watching begins with the context."""
        self._paths = [Path(path) for path in paths]
        self._inotify = Inotify()
        self._watched: dict[Path, int] = {}

    def __enter__(self) -> Self:
        """Start watching what exists."""
        self._inotify.__enter__()
        self.renew()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop watching."""
        self._inotify.close()

    def renew(self) -> bool:
        """Watch directories that appeared or were replaced since; tell whether there were any."""
        fresh = False
        for directory in {p if p.is_dir() else p.parent for p in self._paths}:
            try:
                # The kernel knows a directory that is watched already. Its inode number would
                # not tell: a file system gives a deleted one's to the next directory.
                watch = self._inotify.add_watch(directory, _EVENTS).wd
                fresh = fresh or self._watched.get(directory) != watch
                self._watched[directory] = watch
            except OSError:
                self._watched.pop(directory, None)  # it has gone; a later look may find it again
        return fresh

    async def changed(self) -> None:
        """Return when a list file has changed and the burst of events is over."""
        loop = asyncio.get_running_loop()
        while True:
            event = await self._inotify.get()
            if self._matters(event):
                break
        latest = loop.time() + LONGEST
        while loop.time() < latest:
            try:
                async with asyncio.timeout(SETTLE):
                    await self._inotify.get()
            except TimeoutError:
                return

    def _matters(self, event: Event) -> bool:
        name = event.name
        if name is None or not str(name):
            return bool(event.mask & (Mask.DELETE_SELF | Mask.MOVE_SELF | Mask.Q_OVERFLOW))
        if event.mask & Mask.CREATE and not _is_link(event.path):
            return False  # it is being written; what counts is its closing
        listed = name.name.removesuffix(SUFFIX)  # a signature is as good as its list
        named = any(path.name in {name.name, listed} for path in self._paths)
        return named or is_list_name(listed)


def _is_link(path: Path | None) -> bool:
    """Tell whether a new directory entry is a link to a file, which nobody writes and closes."""
    try:
        found = path.lstat() if path is not None else None
    except OSError:
        return False
    if found is None:
        return False
    return stat.S_ISLNK(found.st_mode) or (stat.S_ISREG(found.st_mode) and found.st_nlink > 1)
