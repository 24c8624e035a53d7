"""From the configuration's `[list]` to sources: paths, tables, the fetcher's spool, signatures.

How a file is found and read is the business of `sources`, what it means the formats'. What must
be signed is not parsed before its signature has been verified.
"""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from blockd.config import Config, SourceSection, Terms
from blockd.errors import ListError, SignatureError
from blockd.minisign import signature as signatures
from blockd.minisign.signature import SUFFIX, Signature, Signed
from blockd.publishers import Url
from blockd.watchlist import sources
from blockd.watchlist.model import Issue
from blockd.watchlist.sources import Source

_PLAIN = re.compile(r"[^A-Za-z0-9.-]+")
_SHOWN = 80  # characters of a URL that its file's name shows


def read(config: Config) -> tuple[list[Source], list[Issue]]:
    """Read every source of the configuration.

    Returns:
        The sources, those of `paths` first and then those of each table, which is the order of
        response policy zones; and warnings about files that were passed over. A file that a
        table names is that table's, wherever else it was found.

    Raises:
        ListError: a source cannot be read, was never fetched, or is not signed as it must be.
    """
    tables = [(table, *_files(table, config.fetch.spool)) for table in config.list.source]
    claimed = {file.resolve() for _, files, _ in tables for file in files}
    found, issues = sources.read_all(config.list.paths, claimed)
    taken: set[Path] = set()
    for table, inside, passed_over in tables:
        issues += passed_over
        for file in inside:
            if file.resolve() not in taken:
                taken.add(file.resolve())
                found.append(_read(table, file))
    return found, sorted(issues)


def watched(config: Config) -> list[str]:
    """Return the paths whose change may change what `read` gives."""
    spool = config.fetch.spool
    return [
        *config.list.paths,
        *(str(spooled(spool, each.url)) if each.url else each.path for each in config.list.source),
    ]


def spooled(spool: str, url: Url) -> Path:
    """Return where the last good copy of what a URL gave is kept."""
    digest = hashlib.sha256(str(url).encode()).hexdigest()[:12]
    shown = _PLAIN.sub("_", str(url).partition("://")[2])[:_SHOWN]
    return Path(spool) / f"{digest}-{shown}"


def verified(content: bytes, signature: bytes, table: SourceSection) -> Signed:
    """Return what a signature's file proves about a content; raises SignatureError."""
    return signatures.verify(content, Signature.parse(signature), table.key.keys)


def _files(table: SourceSection, spool: str) -> tuple[Sequence[Path], list[Issue]]:
    if table.url is None:
        return sources.find([table.path])
    path = spooled(spool, table.url)
    if not _is_there(path):
        raise ListError(
            f"{table.url}: was never fetched, or not into {spool}: run `blockd fetch`"
            " (or start blockd-fetch.service)"
        )
    return [path], []


def _read(table: SourceSection, file: Path) -> Source:
    content, place = sources.read(file), str(table.url or file)
    signed = None
    if table.key:
        try:
            signed = _signed(table, file, content, place)
        except ListError:
            # The signature is renamed into place right before the list: it may be that moment.
            again = sources.read(file)
            if again == content:
                raise
            content, signed = again, _signed(table, file, again, place)
    return Source(
        place, content, _terms(table), table.budget, signed, tuple(key.id for key in table.key.keys)
    )


def _terms(table: SourceSection) -> Terms:
    return Terms(**{name: getattr(table, name) for name in Terms.__struct_fields__})


def _signed(table: SourceSection, file: Path, content: bytes, place: str) -> Signed:
    path = file.with_name(file.name + SUFFIX)
    if not _is_there(path):
        raise ListError(
            f"{place}: is not signed: there is no {path}, and [[list.source]] key asks for one;"
            " nothing of it was read"
        )
    try:
        return verified(content, sources.read(path), table)
    except SignatureError as error:
        raise ListError(f"{place}: its signature is refused: {error}; nothing was read") from None


def _is_there(path: Path) -> bool:
    """Tell whether there is a file; in a directory that is closed, reading it says so."""
    try:
        return path.exists()
    except PermissionError:
        return True
