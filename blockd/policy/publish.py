"""From list files to a generation in force: read, parse, guard, compile, commit.

The whole way of a change in one place, for `check`, `diff`, `compile` and `watch` alike.
Every function either commits one generation or changes nothing.
"""

import contextlib
import gc
import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime

from msgspec import Struct

from blockd.config import Config, GuardSection
from blockd.errors import GuardError, NoPolicyError, StoreError
from blockd.policy import change, kept, layout, serials
from blockd.policy import record as records
from blockd.policy.difference import Difference, difference
from blockd.policy.reader import Policy
from blockd.policy.record import Acceptance, Record, SourceRecord
from blockd.policy.store import Store, digest
from blockd.policy.writer import Since, write
from blockd.watchlist import configured, examine, needed, proof
from blockd.watchlist import never as nevers
from blockd.watchlist.compile import RuleSet, compile_rules
from blockd.watchlist.examine import Examined, Told, untold
from blockd.watchlist.model import Issue
from blockd.watchlist.never import Never
from blockd.watchlist.sources import Source

MOST_EXPIRIES = 50
"""Days of expiry that a record holds; each of them makes a generation, with a record of its own."""


_STEPS = "compiling, comparing, writing"


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


def load(config: Config, store: Store, told: Told = untold) -> Examined:
    """Read and examine the configured lists; raises ListError where one cannot be read."""
    sources, passed_over = configured.read(config)
    serials.require_forward(store, sources)
    return examine.examine(sources, config.guard, passed_over, needed.gather(config), told)


def preview(store: Store, examined: Examined, today: date) -> tuple[RuleSet, Difference]:
    """Return what a compile would put in force, and what that changes; writes nothing."""
    rules = compile_rules(examined.parsed, today)
    return rules, against(store, rules, today)


def against(store: Store, rules: RuleSet, today: date) -> Difference:
    """Return what changes when a rule set takes the place of what is in force."""
    try:
        policy = store.open()
    except NoPolicyError:
        return difference(None, rules)
    try:
        return difference(policy, rules, today)
    finally:
        policy.close()


def require_proof(rules: RuleSet, limits: GuardSection) -> None:
    """Return when the rules as a whole may be put in force; raises GuardError."""
    found = proof.objections(rules, limits)
    if found:
        raise GuardError(f"{'; '.join(found)}; nothing was changed")


def publish(
    store: Store,
    config: Config,
    now: datetime,
    *,
    resume: bool = False,
    accept: Acceptance | None = None,
    told: Told = untold,
) -> Outcome:
    """Compile the configured lists and make them current.

    Args:
        store: where generations live.
        config: names the lists and the guard's limits.
        now: the time of the commit, aware.
        resume: end the hold of a rollback.
        accept: somebody's word for one change, and for no other one.
        told: hears how far it has come.

    Raises:
        ChangeError: the change is beyond a limit, and this one was not confirmed.
        ListError, GuardError: a source is refused; nothing was changed. A list with an entry
            past its day still loses that entry: see `expire`, which the caller runs then.
        StoreError: the store cannot be written.
    """
    today = now.astimezone(UTC).date()
    with store.lock(), _without_collections():
        sources, passed_over = configured.read(config)
        serials.require_forward(store, sources)
        never = needed.gather(config)
        inputs = inputs_digest(sources, config, never)
        last, reason = _last_readable(store), "changed"
        if last is not None:
            held = last.held_inputs == inputs and not resume
            same = held or (last.inputs == inputs and last.held_inputs is None)
            if same:
                reason = _due(store, last, today)
            if not reason:
                serials.keep(store, sources)
                return Outcome(number=last.number, held=held)
            if held:
                return _again(store, last, now, reason)
        examined = examine.examine(sources, config.guard, passed_over, never, told)
        examined.require()
        return _commit(
            store, last, examined, sources, inputs, config.guard, now, reason, never=never,
            guarded=reason == "changed", accept=accept if reason == "changed" else None, told=told,
        )  # fmt: skip


def expire(store: Store, now: datetime) -> Outcome | None:
    """Take entries past their day out of the last accepted content, whatever the files say now.

    Returns:
        What was done; None when no entry's day is over, or there is no generation. Where the
        clock went back to an earlier day, entries that it had taken out return.
    """
    with store.lock():
        last = _last(store)
        reason = dated(last, now.astimezone(UTC).date()) if last is not None else ""
        return _again(store, last, now, reason) if last is not None and reason else None


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
        sources, never = kept.sources(store, target), kept.never(store, target)
        return _commit(
            store, last, examine.accepted(sources, target.limits(), never), sources,
            target.inputs, target.limits(), now, "rollback", never=never,
            rolled_back_to=number, held_inputs=last.held_inputs or last.inputs,
        )  # fmt: skip


def inputs_digest(sources: Sequence[Source], config: Config, never: Never) -> str:
    """Return a digest of all that decides about a compile's result, but for the day."""
    parts = [str(layout.VERSION), repr(config.guard), repr(nevers.write(never.items))]
    parts += [
        "\0".join((s.path, hashlib.sha256(s.content).hexdigest(), repr(s.terms), repr(s.budget)))
        for s in sources
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _due(store: Store, last: Record, today: date) -> str:
    """Return why the same sources need a new generation; empty: they do not."""
    if not store.is_whole(last.number):
        return "mended"
    return dated(last, today)


def dated(last: Record, today: date) -> str:
    """Return why a generation is not for this day any more, or not yet; empty: it is.

    A clock that ran ahead has taken entries out before their day, and they come back with it.
    """
    if today < last.committed.astimezone(UTC).date():
        return "clock"
    return "expiry" if last.changes_on is not None and last.changes_on <= today else ""


def _again(store: Store, last: Record, now: datetime, reason: str) -> Outcome:
    sources, never = kept.sources(store, last), kept.never(store, last)
    return _commit(
        store, last, examine.accepted(sources, last.limits(), never), sources, last.inputs,
        last.limits(), now, reason, never=never,
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
    never: Never,
    rolled_back_to: int | None = None,
    held_inputs: str | None = None,
    guarded: bool = False,
    accept: Acceptance | None = None,
    told: Told = untold,
) -> Outcome:
    now = now.astimezone(UTC)
    told(_STEPS, 0, 3)
    rules = compile_rules(examined.parsed, now.date())
    told(_STEPS, 1, 3)
    difference = _difference(store, rules, last, now.date())
    told(_STEPS, 2, 3)
    if guarded:
        require_proof(rules, limits)
        accept = change.confirmed(difference, limits, now.date(), accept)
    number = (store.current() or 0) + 1
    scratch = store.scratch()
    content = write(scratch, number, rules, now, _began(store))
    told(_STEPS, 3, 3)
    before = store.record_path(number - 1)
    previous = before.read_bytes() if before.exists() else b""
    issues = (*examined.issues, *rules.issues)
    for source in sources:
        kept.keep(store, source)
    serials.keep(store, sources)
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
            shadow=rules.shadowed,
            added=len(difference.added),
            removed=len(difference.removed),
            changed=len(difference.changed),
            shortest_v4=limits.shortest_v4,
            shortest_v6=limits.shortest_v6,
            never=kept.keep_never(store, never),
            changes_on=rules.changes_on,
            expiries=rules.expiries[:MOST_EXPIRIES],
            rolled_back_to=rolled_back_to,
            held_inputs=held_inputs,
            accepted=accept,
            previous=records.chained(previous) if previous else "",
        ),
        scratch,
    )
    store.prune()
    return Outcome(number=number, difference=difference, issues=issues, committed=True)


def _began(store: Store) -> dict[tuple[str, str], Since]:
    """Return since when the platforms of now are in force; nothing where that cannot be read."""
    policy: Policy | None = None
    try:
        policy = store.open()
        return {
            (rule.source, rule.id): Since(number, int(moment.timestamp()))
            for rule, number, moment in policy.began()
        }
    except StoreError:
        return {}
    finally:
        if policy is not None:
            policy.close()


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


def _difference(store: Store, rules: RuleSet, last: Record | None, today: date) -> Difference:
    if last is None:
        return difference(None, rules)
    policy: Policy | None = None
    try:
        policy = store.open()
        return difference(policy, rules, today)
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
            terms=source.terms,
            signed=source.signed,
        )
        for source, parsed in zip(sources, examined.parsed, strict=True)
    )
