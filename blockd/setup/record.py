"""What setup has done to this host, as it writes it down for its next run and for its removal.

It is written before the changes that it speaks of, so that a run that was cut off can be taken
up, and belongs to root: what it names may be removed. Pure.
"""

import hashlib
from collections.abc import Collection, Sequence

import msgspec
from msgspec import Struct

from blockd.errors import ConfigError

PATH = "/etc/blockd/setup.json"


class Record(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What was done; an empty one: nothing."""

    written: dict[str, tuple[str, ...]] = {}
    """By path, the digest of each file as setup wrote it, and as it did before: a run that was
    cut off leaves the earlier one."""
    directories: tuple[str, ...] = ()
    """Those that were not there before."""
    enabled: tuple[str, ...] = ()
    """Units that setup has enabled once; one that was disabled since stays so."""
    linked: bool = False
    """Whether the link on the PATH is setup's."""
    link: str = ""
    """Where that link leads; empty: to the program that ran then."""
    resolved: bool = False
    """Whether systemd-resolved was to give up port 53, and /etc/resolv.conf to name blockd."""


def read(content: bytes | None) -> Record:
    """Return a record; without a file, an empty one. Raises ConfigError."""
    if content is None:
        return Record()
    try:
        return msgspec.json.decode(content, type=Record)
    except msgspec.DecodeError as error:
        raise ConfigError(
            f"{PATH} is not what setup wrote ({error}); restore it from a backup, or move it away:"
            " then setup knows files of its own only where they are unchanged"
        ) from None


def write(record: Record) -> bytes:
    """Return a record's file."""
    return msgspec.json.format(msgspec.json.encode(record, order="sorted"), indent=2) + b"\n"


def known(record: Record, path: str, content: bytes) -> tuple[str, ...]:
    """Return the digests of a file that is about to be written."""
    new, old = digest(content), record.written.get(path, ())
    return old if old[:1] == (new,) else (new, *old[:1])


def done(begun: Record, removed: Collection[str], enabled: Sequence[str]) -> Record:
    """Return a record of which everything has been done.

    Args:
        begun: the record while it was being done.
        removed: files that are gone now.
        enabled: the units that have been enabled by now, if any were to be.
    """
    left = {path: known[:1] for path, known in begun.written.items() if path not in removed}
    once = tuple(sorted({*begun.enabled, *enabled}))
    return msgspec.structs.replace(begun, written=left, enabled=once)


def digest(content: bytes) -> str:
    """Return what identifies a file's content."""
    return hashlib.sha256(content).hexdigest()
