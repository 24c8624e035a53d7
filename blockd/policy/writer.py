"""Writes a rule set as a generation file. No naming, no switching: that is the store's.

The file is filled in key order within one transaction, which packs its pages densely.
"""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import lmdb
import msgspec

from blockd import prefixes
from blockd.errors import StoreError
from blockd.policy import layout
from blockd.watchlist import compile as compiling
from blockd.watchlist.compile import RuleSet, Slots
from blockd.watchlist.model import NameEntry, Rule, Scope

_PAGE_SHARE = 4  # room for page heads and branches, in multiples of the content
_LEAST_MAP = 16 << 20


def write(path: Path, number: int, rules: RuleSet) -> str:
    """Write the generation file and return the digest of what it enforces.

    Args:
        path: a name that does not exist yet, on the store's file system.
        number: the generation's number.
        rules: what it holds.

    Returns:
        SHA-256 over keys, values and rules. Lines and places do not enter it: moving an
        entry within a file enforces nothing new. Not yet synced: see `sync`.

    Raises:
        StoreError: the file cannot be written; what to free or allow.
    """
    size = sum(64 + len(name) for keys in (rules.names, rules.between) for name in keys)
    size += 192 * len(rules.prefixes) + 1024 * len(rules.rules)
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
            _fill(env, number, rules, digest.update)
        finally:
            env.close()
    except (lmdb.Error, OSError) as error:
        raise StoreError(
            f"{path}: the generation cannot be written: {error}; free space or mend permissions"
        ) from None
    return digest.hexdigest()


def _fill(
    env: lmdb.Environment, number: int, rules: RuleSet, digest: Callable[[bytes], None]
) -> None:
    numbers = {rule: place for place, rule in enumerate(rules.rules)}
    by_identity: dict[int, int] = {}

    def number_of(rule: Rule) -> int:
        # Hashing a rule visits all its fields; a feed asks a million times for the same one.
        known = by_identity.get(id(rule))
        if known is None:
            known = by_identity[id(rule)] = numbers[rule]
        return known

    def rule_rows() -> Iterator[tuple[bytes, bytes]]:
        for place, rule in enumerate(rules.rules):
            packed = msgspec.msgpack.encode(rule)
            digest(msgspec.msgpack.encode(msgspec.structs.replace(rule, line=0)))
            yield layout.NUMBER.pack(place), packed

    def name_rows() -> Iterator[tuple[bytes, bytes]]:
        for name in sorted([*rules.names, *rules.between]):
            slots = rules.names.get(name)
            value = layout.BETWEEN if slots is None else _pack_slots(slots, number_of)
            digest(name + b"\0" + value[:4] + value[8:12])
            yield name, value

    def prefix_rows() -> Iterator[tuple[bytes, bytes]]:
        for entry in rules.prefixes:
            key = layout.pack_prefix(entry.prefix)
            value = layout.ONE.pack(number_of(entry.rule), entry.line)
            digest(key + value[:4])
            yield key, value

    def range_rows() -> Iterator[tuple[bytes, bytes]]:
        # They follow from the prefixes, and so does the digest.
        packed = {
            entry.prefix: layout.ONE.pack(number_of(entry.rule), entry.line)
            for entry in rules.prefixes
        }
        return map(layout.pack_range, prefixes.flatten(packed))

    about = layout.About(layout.VERSION, number, rules.listed, len(rules.prefixes))
    with env.begin(write=True) as transaction:
        for name, rows in (
            (layout.RULES, rule_rows()),
            (layout.NAMES, name_rows()),
            (layout.PREFIXES, prefix_rows()),
            (layout.RANGES, range_rows()),
        ):
            database = env.open_db(name, txn=transaction)
            with transaction.cursor(database) as cursor:
                cursor.putmulti(rows, append=True)
        database = env.open_db(layout.ABOUT, txn=transaction)
        transaction.put(layout.GENERATION, msgspec.json.encode(about), db=database)


def _pack_slots(slots: NameEntry | Slots, number: Callable[[Rule], int]) -> bytes:
    """Return the stored value of a name."""
    if isinstance(slots, NameEntry) and slots.scope is Scope.SUBTREE:
        return layout.ONE.pack(number(slots.rule), slots.line)
    itself, below = compiling.slots(slots)
    return layout.TWO.pack(*_slot(itself, number), *_slot(below, number))


def _slot(entry: NameEntry | None, number: Callable[[Rule], int]) -> tuple[int, int]:
    return (layout.NONE, 0) if entry is None else (number(entry.rule), entry.line)
