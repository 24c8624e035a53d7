"""From list files to a generation in force: read, parse, guard, compile, commit.

The whole way of a change in one place, for `check`, `diff`, `compile` and `watch` alike.
Every function either commits one generation or changes nothing.
"""

import contextlib
import gc
import gzip
import hashlib
import zlib
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime

from msgspec import Struct

from blockd.config import Config, GuardSection
from blockd.errors import NoPolicyError, StoreError
from blockd.policy import layout
from blockd.policy import record as records
from blockd.policy.difference import Difference, difference
from blockd.policy.reader import Policy
from blockd.policy.record import Record, SourceRecord
from blockd.policy.store import Store, digest, write_whole
from blockd.policy.writer import write
from blockd.watchlist import examine
from blockd.watchlist.compile import RuleSet, compile_rules
from blockd.watchlist.examine import Examined
from blockd.watchlist.model import Issue
from blockd.watchlist.sources import Source, read_all


class Outcome(Struct, frozen=True, kw_only=True):
    """What a commit did."""

    number: int
    """The generation in force now."""
    difference: Difference = Difference()
    issues: tuple[Issue, ...] = ()
    held: bool = False
    """A rollback holds; the sources that it set aside were not looked at again."""
    committed: bool = False
    """False: nothing had changed."""


def load(config: Config) -> Examined:
    """Read and examine the configured lists; raises ListError where one cannot be read."""
    sources, passed_over = read_all(config.list.paths)
    return examine.examine(sources, config.guard, passed_over)


def preview(store: Store, examined: Examined, today: date) -> tuple[RuleSet, Difference]:
    """Return what a compile would put in force, and what that changes; writes nothing."""
    rules = compile_rules(examined.parsed, today)
    try:
        policy = store.open()
    except NoPolicyError:
        return rules, difference(None, rules)
    try:
        return rules, difference(policy, rules)
    finally:
        policy.close()


def publish(store: Store, config: Config, now: datetime, *, resume: bool = False) -> Outcome:
    """Compile the configured lists and make them current.

    Args:
        store: where generations live.
        config: names the lists and the guard's limits.
        now: the time of the commit, aware.
        resume: end the hold of a rollback.

    Raises:
        ListError, GuardError: a source is refused; nothing was changed. A list with an entry
            past its day still loses that entry: see `expire`, which the caller runs then.
        StoreError: the store cannot be written.
    """
    today = now.astimezone(UTC).date()
    with store.lock(), _without_collections():
        sources, passed_over = read_all(config.list.paths)
        inputs = inputs_digest(sources, config)
        last, reason = _last_readable(store), "changed"
        if last is not None:
            held = last.held_inputs == inputs and not resume
            same = held or (last.inputs == inputs and last.held_inputs is None)
            if same:
                reason = _due(store, last, today)
            if not reason:
                return Outcome(number=last.number, held=held)
            if held:
                return _again(store, last, now, reason)
        examined = examine.examine(sources, config.guard, passed_over)
        examined.require()
        return _commit(store, last, examined, sources, inputs, config.guard, now, reason)


def expire(store: Store, now: datetime) -> Outcome | None:
    """Take entries past their day out of the last accepted content, whatever the files say now.

    Returns:
        What was done; None when no entry's day is over, or there is no generation.
    """
    with store.lock():
        last = _last(store)
        if last is None or last.changes_on is None or now.astimezone(UTC).date() < last.changes_on:
            return None
        return _again(store, last, now, "expiry")


def rollback(store: Store, number: int, now: datetime) -> Outcome:
    """Commit an earlier generation's content under a new number, and hold it.

    It holds until the sources change or `compile --resume`: the sources of now are the ones
    that were rolled back. Entries past their day do not come back.

    Raises:
        StoreError: that generation does not exist, or its sources are not kept any more.
    """
    with store.lock():
        last = _last(store)
        if last is None or not 1 <= number <= last.number:
            raise StoreError(f"there is no generation {number}; see `blockd history`")
        target = store.record(number)
        sources = _kept(store, target)
        return _commit(
            store, last, examine.accepted(sources, target.limits()), sources, target.inputs,
            target.limits(), now, "rollback",
            rolled_back_to=number, held_inputs=last.held_inputs or last.inputs,
        )  # fmt: skip


def inputs_digest(sources: Sequence[Source], config: Config) -> str:
    """Return a digest of all that decides about a compile's result, but for the day."""
    parts = [str(layout.VERSION), repr(config.guard)]
    parts += [f"{s.path}\0{hashlib.sha256(s.content).hexdigest()}" for s in sources]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _due(store: Store, last: Record, today: date) -> str:
    """Return why the same sources need a new generation; empty: they do not."""
    if last.changes_on is not None and last.changes_on <= today:
        return "expiry"
    return "" if store.is_whole(last.number) else "mended"


def _again(store: Store, last: Record, now: datetime, reason: str) -> Outcome:
    sources = _kept(store, last)
    return _commit(
        store, last, examine.accepted(sources, last.limits()), sources, last.inputs,
        last.limits(), now, reason,
        rolled_back_to=last.rolled_back_to, held_inputs=last.held_inputs,
    )  # fmt: skip


def _commit(
    store: Store,
    last: Record | None,
    examined: Examined,
    sources: Sequence[Source],
    inputs: str,
    limits: GuardSection,
    now: datetime,
    reason: str,
    *,
    rolled_back_to: int | None = None,
    held_inputs: str | None = None,
) -> Outcome:
    now = now.astimezone(UTC)
    rules = compile_rules(examined.parsed, now.date())
    number = (store.current() or 0) + 1
    scratch = store.scratch()
    content = write(scratch, number, rules)
    before = store.record_path(number - 1)
    previous = before.read_bytes() if before.exists() else b""
    difference = _difference(store, rules, last)
    issues = (*examined.issues, *rules.issues)
    for source in sources:
        _keep(store, source)
    store.publish(
        Record(
            number=number,
            committed=now,
            reason=reason,
            inputs=inputs,
            content=content,
            file_sha256=digest(scratch),
            sources=_source_records(examined, sources),
            rules=len(rules.rules),
            names=rules.listed,
            prefixes=len(rules.prefixes),
            added=len(difference.added),
            removed=len(difference.removed),
            changed=len(difference.changed),
            shortest_v4=limits.shortest_v4,
            shortest_v6=limits.shortest_v6,
            changes_on=rules.changes_on,
            rolled_back_to=rolled_back_to,
            held_inputs=held_inputs,
            previous=records.chained(previous) if previous else "",
        ),
        scratch,
    )
    store.prune()
    return Outcome(number=number, difference=difference, issues=issues, committed=True)


@contextlib.contextmanager
def _without_collections() -> Iterator[None]:
    """Keep the collector out: a million entries make no cycles, and visiting them costs a third."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _last(store: Store) -> Record | None:
    number = store.current()
    return None if number is None else store.record(number)


def _last_readable(store: Store) -> Record | None:
    try:
        return _last(store)
    except StoreError:
        return None  # a damaged record must not stop the new one that mends it


def _difference(store: Store, rules: RuleSet, last: Record | None) -> Difference:
    if last is None:
        return difference(None, rules)
    policy: Policy | None = None
    try:
        policy = store.open()
        return difference(policy, rules)
    except StoreError:
        # A damaged old generation must not stop the new one that mends it.
        return difference(None, rules)
    finally:
        if policy is not None:
            policy.close()


def _source_records(examined: Examined, sources: Sequence[Source]) -> tuple[SourceRecord, ...]:
    return tuple(
        SourceRecord(
            path=source.path,
            sha256=hashlib.sha256(source.content).hexdigest(),
            names=len(parsed.names),
            prefixes=len(parsed.prefixes),
            dropped=sum(1 for _ in parsed.errors()),
        )
        for source, parsed in zip(sources, examined.parsed, strict=True)
    )


def _keep(store: Store, source: Source) -> None:
    path = store.source_path(hashlib.sha256(source.content).hexdigest())
    if not path.exists():
        write_whole(path, gzip.compress(source.content, compresslevel=1, mtime=0))


def _kept(store: Store, record: Record) -> list[Source]:
    """Return the sources of a generation as they were accepted; raises StoreError."""
    found = []
    for source in record.sources:
        path = store.source_path(source.sha256)
        try:
            content = gzip.decompress(path.read_bytes())
        except (OSError, EOFError, zlib.error) as error:  # gzip.BadGzipFile is an OSError
            raise StoreError(
                f"the sources of generation {record.number} are not kept any more: {error}"
            ) from None
        if hashlib.sha256(content).hexdigest() != source.sha256:
            raise StoreError(f"{path}: the kept copy of {source.path} is damaged")
        found.append(Source(source.path, content))
    return found
