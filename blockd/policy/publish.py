"""From list files to a generation in force: read, parse, guard, compile, commit.

The whole way of a change in one place, for `check`, `diff`, `compile` and `watch` alike.
Every function either commits one generation or changes nothing.
"""

import contextlib
import gc
import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime

from blockd.config import Config, GuardSection
from blockd.errors import GuardError, NoPolicyError, StoreError
from blockd.policy import change, kept, layout, serials
from blockd.policy import unchanged as unchanging
from blockd.policy.commit import Look, Order, Outcome, commit
from blockd.policy.difference import Difference, difference
from blockd.policy.patching import Patcher
from blockd.policy.reader import Policy
from blockd.policy.record import Acceptance, Record
from blockd.policy.store import Store
from blockd.policy.unchanged import Unchanged
from blockd.watchlist import configured, examine, needed, proof
from blockd.watchlist import never as nevers
from blockd.watchlist.compile import RuleSet, compile_rules
from blockd.watchlist.examine import Examined, Told, untold
from blockd.watchlist.never import Never
from blockd.watchlist.sources import Source

__all__ = ["Outcome", "expire", "load", "preview", "publish", "rollback"]

_SHORT = ("changed", "expiry")
"""Reasons for which unchanged sources need not be read again: all is in order but what changed."""


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
                return _again(store, last, now, reason, told)

        def look(unchanged: Unchanged | None) -> Examined:
            known = unchanged.known() if unchanged is not None else None
            examined = examine.examine(sources, config.guard, passed_over, never, told, known)
            examined.require()
            return examined

        def judge(rules: RuleSet, difference: Difference) -> Acceptance | None:
            require_proof(rules, config.guard)
            return change.confirmed(difference, config.guard, today, accept)

        settings = unchanging.settings_of(config, never)
        with _in_force(store) as policy:
            basis = unchanging.basis(store, last, policy, today) if reason in _SHORT else None
            unchanged = None
            if basis is not None:
                patcher = Patcher(store, basis, config.guard, never)
                unchanged = unchanging.match(basis, sources, settings, patcher.patched)
            return commit(
                store, last, policy,
                Order(
                    sources=sources, look=look, inputs=inputs, settings=settings,
                    unchanged=unchanged,
                    limits=config.guard, never=never, now=now, reason=reason,
                    judge=judge if reason == "changed" else None,
                ),
                told,
            )  # fmt: skip


def expire(store: Store, now: datetime, told: Told = untold) -> Outcome | None:
    """Take entries past their day out of the last accepted content, whatever the files say now.

    Returns:
        What was done; None when no entry's day is over, or there is no generation. Where the
        clock went back to an earlier day, entries that it had taken out return.
    """
    with store.lock():
        last = _last(store)
        reason = dated(last, now.astimezone(UTC).date()) if last is not None else ""
        return _again(store, last, now, reason, told) if last is not None and reason else None


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
        with _in_force(store) as policy:
            return commit(
                store, last, policy,
                Order(
                    sources=sources, look=_accepted(sources, target, never), unchanged=None,
                    inputs=target.inputs, settings="", limits=target.limits(), never=never,
                    now=now, reason="rollback", rolled_back_to=number,
                    held_inputs=last.held_inputs or last.inputs,
                ),
            )  # fmt: skip


def inputs_digest(sources: Sequence[Source], config: Config, never: Never) -> str:
    """Return a digest of all that decides about a compile's result, but for the day."""
    parts = [str(layout.VERSION), repr(config.guard), repr(nevers.write(never.items))]
    parts += map(unchanging.key_of, sources)
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


def _again(store: Store, last: Record, now: datetime, reason: str, told: Told) -> Outcome:
    """Commit the last accepted content anew, as it is on this day."""
    sources, never = kept.sources(store, last), kept.never(store, last)
    with _in_force(store) as policy:
        basis = None
        if reason in _SHORT:
            basis = unchanging.basis(store, last, policy, now.astimezone(UTC).date())
        return commit(
            store, last, policy,
            Order(
                sources=sources, look=_accepted(sources, last, never, told),
                unchanged=unchanging.all_of(basis), inputs=last.inputs,
                settings=basis.remembered.settings if basis is not None else "",
                limits=last.limits(), never=never, now=now, reason=reason,
                rolled_back_to=last.rolled_back_to, held_inputs=last.held_inputs,
            ),
            told,
        )  # fmt: skip


def _accepted(sources: Sequence[Source], record: Record, never: Never, told: Told = untold) -> Look:
    """Return what examines sources that were accepted before, without judging them again."""

    def look(unchanged: Unchanged | None) -> Examined:
        if unchanged is not None:
            return unchanged.examined()
        return examine.accepted(sources, record.limits(), never, told)

    return look


@contextlib.contextmanager
def _in_force(store: Store) -> Iterator[Policy | None]:
    """Open the generation in force, or the newest good one before it; None: there is none."""
    policy: Policy | None = None
    with contextlib.suppress(StoreError):  # what is damaged must not stop what mends it
        policy = store.open()
    try:
        yield policy
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
