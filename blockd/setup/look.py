"""Reads a host into facts. Judges nothing, changes nothing."""

import importlib.util
import os
import stat
import sys
import sysconfig
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import blockd
from blockd import config as configuration
from blockd.config import Config
from blockd.errors import ConfigError
from blockd.setup import layout, living, nameservice, reach, record, sockets
from blockd.setup.facts import Facts
from blockd.setup.reach import Part
from blockd.setup.record import Record
from blockd.setup.steps import Document, Kind, Node

_SOCKETS = (layout.SOCKET, layout.NOTICE_SOCKET)
_NETWORKD = ("usr/lib/systemd/systemd-networkd", "lib/systemd/systemd-networkd")
_OTHER_UNITS = ("NetworkManager.service", "systemd-networkd.service")


def look(
    origin: Path,
    documents: Mapping[str, Document],
    root: Path = Path("/"),
    *,
    forgiving: bool = False,
) -> Facts:
    """Return a host as it stands.

    Args:
        origin: the directory of what came with the program: `systemd`, `rules`, `monitoring`.
        documents: what else is to be installed, by path.
        root: its file system.
        forgiving: whether the defaults stand for a configuration that is wrong.

    Raises:
        ConfigError: the configuration or the record is wrong.
    """
    shipped = _below(origin, ("systemd",), parts=1)
    examples = _below(origin, ("rules", "monitoring"), parts=0)
    program = _program()
    first = tree(root, (record.PATH, layout.CONFIG))
    kept = first.get(record.PATH)
    known = record.read(kept.content if kept else None)
    config = _config(root, layout.CONFIG, forgiving=forgiving)
    names = layout.unit_names(shipped)
    booted = (root / "run/systemd/system").is_dir()
    listeners, owners = living.listeners()
    return Facts(
        tree=tree(root, _paths(root, shipped, examples, documents, known, config)),
        record=known,
        config=config,
        program=program,
        obstacle=reach.obstacle(_chain(program), program),
        installed=_past(Path(blockd.__file__).stat()),
        origin=str(origin),
        shipped=shipped,
        examples=examples,
        documents=documents,
        booted=booted,
        users=_users(root),
        units=living.units([*names, *_OTHER_UNITS]) if booted else {},
        changed={name: _changed(root, name) for name in names},
        drop_ins={name: _drop_ins(root, name) for name in _SOCKETS},
        listeners=listeners,
        owners=owners,
        resolved_servers=_text(root, nameservice.SERVERS),
        resolv_conf=_text(root, nameservice.RESOLV_CONF),
        resolv_conf_before=_before(root),
        networkd=any((root / each).exists() for each in _NETWORKD),
        verifies=all(importlib.util.find_spec(each) for each in ("dns", "scapy")),
        listed=living.is_listed(config),
        unfetched=living.is_unfetched(config),
        generation=living.has_generation(config),
        routes_left=living.has_routes(config),
    )


def _config(root: Path, path: str, *, forgiving: bool) -> Config:
    try:
        return configuration.parse((root / path.lstrip("/")).read_text("utf-8"), path)
    except FileNotFoundError:
        return Config()
    except (OSError, UnicodeDecodeError, ConfigError) as error:
        if forgiving:
            return Config()
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"{path}: cannot be read: {error}") from None


def _below(origin: Path, directories: Iterable[str], *, parts: int) -> dict[str, bytes]:
    """Return the files in directories, by path with the first parts left out."""
    return {
        "/".join(path.relative_to(origin).parts[parts:]): path.read_bytes()
        for directory in directories
        for path in sorted((origin / directory).rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }


def _paths(
    root: Path,
    shipped: Mapping[str, bytes],
    examples: Mapping[str, bytes],
    documents: Mapping[str, Document],
    known: Record,
    config: Config,
) -> list[str]:
    """Return every path that a plan may ask about."""
    placed = layout.files(shipped, "", "", networkd=True)
    packaged = [layout.PACKAGED.replace(layout.COMPILER, each) for each in _SOCKETS]
    stamps = sorted((root / layout.STAMPS.lstrip("/")).glob("stamp-blockd*"))
    elsewhere = (config.service.state, config.fetch.spool)
    found = [
        *(each.path for each in placed),
        *(f"{layout.EXAMPLES}/{name}" for name in examples),
        *documents,
        *known.written,
        *known.directories,
        layout.PACKAGED,
        *packaged,
        *(layout.drop_in(each, sockets.DROP_IN) for each in _SOCKETS),
        *(f"{layout.STAMPS}/{path.name}" for path in stamps),
        *layout.made(shipped.get(layout.TMPFILES, b"").decode()),
        *(each.rstrip("/") for each in elsewhere if each.startswith("/")),
        record.PATH, layout.CONFIG, layout.RULES, layout.LINK,
        layout.STATE, layout.SPOOL, layout.RUN,
        nameservice.DROP_IN, nameservice.KEPT, nameservice.RESOLV_CONF,
    ]  # fmt: skip
    old = [f"{path}{layout.OLD}" for path in found]
    found += _leftovers(root, [*known.written, record.PATH, layout.LINK, nameservice.RESOLV_CONF])
    return [*found, *old, *(each for path in found for each in layout.above(path))]


def _leftovers(root: Path, paths: Iterable[str]) -> list[str]:
    """Return what a run that was killed may have left beside what it wrote."""
    directories = sorted({str(Path(path).parent) for path in paths})
    return [
        f"{directory}/{found.name}"
        for directory in directories
        for found in sorted((root / directory.lstrip("/")).glob(f"{layout.BESIDE}*"))
    ]


def tree(root: Path, paths: Iterable[str]) -> dict[str, Node]:
    """Return what stands at each of the paths."""
    found = {}
    for path in dict.fromkeys(paths):
        place = root / path.lstrip("/")
        try:
            status = place.lstat()
            mode = stat.S_IMODE(status.st_mode)
            if stat.S_ISLNK(status.st_mode):
                found[path] = Node(Kind.LINK, os.fsencode(place.readlink()))
            elif stat.S_ISREG(status.st_mode):
                found[path] = Node(Kind.FILE, place.read_bytes(), mode)
            elif stat.S_ISDIR(status.st_mode):
                found[path] = Node(Kind.DIRECTORY, b"", mode, not any(place.iterdir()))
            else:
                found[path] = Node(Kind.OTHER)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except PermissionError:
            found[path] = Node(Kind.OTHER)  # somebody else's, looked at without root
    return found


def _program() -> str:
    """Return the program of the environment that runs this."""
    return str(Path(sysconfig.get_path("scripts")) / "blockd")


def _chain(program: str) -> dict[str, Part]:
    """Return all that a service reads to run the program, by path."""
    found = {}
    package = Path(blockd.__file__).resolve().parent
    libraries = (Path(each) for each in sys.path if each)
    for start in (Path(program), Path(sys.executable), package, *libraries):
        for place in (start, start.resolve()):
            for each in (place, *place.parents):
                try:
                    status = each.stat()
                except OSError:
                    continue  # not there: `reach` knows which has to be
                part = Part(status.st_mode, status.st_uid, status.st_gid)
                # Who may change what a link leads to is asked there, where a remedy works.
                found[str(each)] = part.guarded() if each.is_symlink() else part
    return found


def _users(root: Path) -> frozenset[str]:
    lines = [*_text(root, "/etc/passwd").splitlines(), *_text(root, "/etc/group").splitlines()]
    return frozenset(line.partition(":")[0] for line in lines)


def _text(root: Path, path: str) -> str:
    try:
        return (root / path.lstrip("/")).read_text("utf-8", "replace")
    except OSError:
        return ""


def _changed(root: Path, unit: str) -> float:
    """Return when setup's own files of a unit were last changed."""
    paths = (f"{layout.UNITS}/{unit}", layout.drop_in(unit, sockets.DROP_IN))
    places = [root / path.lstrip("/") for path in paths]
    return max((_past(place.stat()) for place in places if place.is_file()), default=0.0)


def _past(status: os.stat_result) -> float:
    """Return a time of change; 0: the clock was ahead then, so that it says nothing now."""
    return status.st_ctime if status.st_ctime <= time.time() else 0.0


def _before(root: Path) -> str:
    """Return the resolv.conf that was there first, which may be kept as a link."""
    kept = root / nameservice.KEPT.lstrip("/")
    if not kept.is_symlink() and not kept.exists():
        return _text(root, nameservice.RESOLV_CONF)
    target = kept.readlink() if kept.is_symlink() else Path(nameservice.KEPT)
    return _text(root, str(Path(nameservice.RESOLV_CONF).parent / target))


def _drop_ins(root: Path, unit: str) -> tuple[str, ...]:
    """Return the drop-ins of a unit that are not setup's."""
    directory = root / layout.drop_in(unit, "").lstrip("/")
    paths = sorted(path for path in directory.glob("*.conf") if path.name != sockets.DROP_IN)
    return tuple(path.read_text("utf-8", "replace") for path in paths)
