"""Writes a rule set as a generation file. No naming, no switching: that is the store's.

The file is filled in key order within one transaction, which packs its pages densely.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import lmdb
import msgspec

from blockd import prefixes
from blockd.errors import StoreError
from blockd.policy import layout, rows
from blockd.policy.packed import Packed
from blockd.policy.revised import Revised
from blockd.policy.rows import Numbers
from blockd.policy.table import Rows
from blockd.watchlist.compile import RuleSet, Slots
from blockd.watchlist.model import NameEntry, PrefixEntry

_PAGE_SHARE = 4  # room for page heads and branches, in multiples of the content
_LEAST_MAP = 16 << 20


class Since(NamedTuple):
    """From when on a platform is in force."""

    number: int
    """The generation."""
    seconds: int
    """Since 1970."""


Began = Mapping[tuple[str, str], Since]
"""By a rule's source and id."""


def write(
    path: Path,
    number: int,
    rules: RuleSet,
    now: datetime | None = None,
    began: Began | None = None,
    packed: Packed | None = None,
) -> str:
    """Write the generation file and return the digest of what it enforces.

    Args:
        path: a name that does not exist yet, on the store's file system.
        number: the generation's number.
        rules: what it holds.
        now: the time of the commit; None: 1970, for what nobody will ask.
        began: since when platforms that were in force before are so; all others begin now.
        packed: the names, for a caller that has them so, with the numbers of `numbers_of`; those
            of `rules` are not looked at then.

    Returns:
        SHA-256 over keys, values and rules. Lines and places do not enter it: moving an
        entry within a file enforces nothing new. Not yet synced: see `sync`.

    Raises:
        StoreError: the file cannot be written; what to free or allow.
    """
    shadow = rules.shadow
    size = packed.octets() if packed is not None else _room(rules.names) + _room(rules.between)
    size += _room(shadow.names)
    size += 192 * (len(rules.prefixes) + len(shadow.prefixes))
    size += 1024 * (len(rules.rules) + len(shadow.rules))
    begins = Since(number, int(now.timestamp()) if now else 0)
    digest = hashlib.sha256()
    try:
        env = lmdb.open(
            str(path),
            subdir=False,
            lock=False,  # one writer, by the store's own lock
            map_size=_LEAST_MAP + _PAGE_SHARE * size,
            max_dbs=layout.DATABASES,
            mode=0o640,
            sync=False,  # the store syncs the whole file once
            metasync=False,
        )
        try:
            _fill(env, number, rules, packed, digest.update)
            _note(env, rules, begins, began or {})
        finally:
            env.close()
    except (lmdb.Error, OSError) as error:
        raise StoreError(
            f"{path}: the generation cannot be written: {error}; free space or mend permissions"
        ) from None
    return digest.hexdigest()


def numbers_of(rules: RuleSet) -> Numbers:
    """Return the numbers that rules have in a generation."""
    return Numbers((*rules.rules, *rules.shadow.rules))


def _fill(
    env: lmdb.Environment,
    number: int,
    rules: RuleSet,
    packed: Packed | None,
    digest: Callable[[bytes], None],
) -> None:
    every = (*rules.rules, *rules.shadow.rules)
    numbers = numbers_of(rules)

    def rule_rows() -> Iterator[tuple[bytes, bytes]]:
        for place, rule in enumerate(every):
            packed = msgspec.msgpack.encode(rule)
            digest(msgspec.msgpack.encode(msgspec.structs.replace(rule, line=0)))
            yield layout.NUMBER.pack(place), packed

    def name_rows(found: Iterable[Rows]) -> Iterator[Iterator[tuple[bytes, bytes]]]:
        for batch, values in found:
            digest(rows.enforced(batch, values))
            yield zip(batch, values, strict=True)

    def prefix_rows(entries: Sequence[PrefixEntry]) -> Iterator[tuple[bytes, bytes]]:
        for entry in entries:
            key = layout.pack_prefix(entry.prefix)
            value = layout.ONE.pack(numbers.of(entry.rule), entry.line)
            digest(key + value[:4])
            yield key, value

    def range_rows(entries: Sequence[PrefixEntry]) -> Iterator[tuple[bytes, bytes]]:
        # They follow from the prefixes, and so does the digest.
        packed = {
            entry.prefix: layout.ONE.pack(numbers.of(entry.rule), entry.line) for entry in entries
        }
        return map(layout.pack_range, prefixes.flatten(packed))

    shadow = rules.shadow
    about = layout.About(
        layout.VERSION, number, rules.listed, len(rules.prefixes),
        len(shadow.names), len(shadow.prefixes),
    )  # fmt: skip
    with env.begin(write=True) as transaction:
        for table, content in (
            (layout.RULES, (rule_rows(),)),
            (layout.NAMES, name_rows(_batches(rules.names, rules.between, numbers, packed))),
            (layout.PREFIXES, (prefix_rows(rules.prefixes),)),
            (layout.RANGES, (range_rows(rules.prefixes),)),
            (layout.SHADOW_NAMES, name_rows(_batches(shadow.names, (), numbers))),
            (layout.SHADOW_PREFIXES, (prefix_rows(shadow.prefixes),)),
            (layout.SHADOW_RANGES, (range_rows(shadow.prefixes),)),
        ):
            database = env.open_db(table, txn=transaction)
            with transaction.cursor(database) as cursor:
                for batch in content:
                    cursor.putmulti(batch, append=True)
        database = env.open_db(layout.ABOUT, txn=transaction)
        transaction.put(layout.GENERATION, msgspec.json.encode(about), db=database)


def _note(env: lmdb.Environment, rules: RuleSet, begins: Since, began: Began) -> None:
    """Write since when each rule's platform is in force; no part of what is enforced."""
    with env.begin(write=True) as transaction:
        database = env.open_db(layout.SINCE, txn=transaction)
        with transaction.cursor(database) as cursor:
            cursor.putmulti(
                (
                    (
                        layout.NUMBER.pack(place),
                        layout.BEGAN.pack(*began.get((rule.source, rule.id), begins)),
                    )
                    for place, rule in enumerate((*rules.rules, *rules.shadow.rules))
                ),
                append=True,
            )


def _batches(
    names: Mapping[bytes, NameEntry | Slots],
    between: Iterable[bytes],
    numbers: Numbers,
    packed: Packed | None = None,
) -> Iterator[Rows]:
    if isinstance(names, Revised):
        return names.batches(between, numbers)
    return (packed or Packed(names, between, numbers)).rest()


def _room(names: Collection[bytes]) -> int:
    """Return about how many octets the rows of names take."""
    if isinstance(names, Revised):
        return 2 * names.table.octets() + _room(names.changes)
    return 64 * len(names) + sum(map(len, names))
