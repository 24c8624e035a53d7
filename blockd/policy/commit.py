"""One generation from examined sources: compile, compare, write, record, switch.

Whether it may be put in force is told by the caller's `judge`, between comparing and writing;
which sources it is made of is `publish`'s business.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime

import msgspec
from msgspec import Struct

from blockd.config import GuardSection
from blockd.policy import kept, serials
from blockd.policy import record as records
from blockd.policy import remembered as remembering
from blockd.policy import unchanged as unchanging
from blockd.policy.difference import Difference, difference
from blockd.policy.packed import Packed
from blockd.policy.reader import Policy
from blockd.policy.record import Acceptance, Record, SourceRecord
from blockd.policy.remembered import KeptSource
from blockd.policy.revise import revise
from blockd.policy.revised import Revised
from blockd.policy.store import Store, digest
from blockd.policy.unchanged import Unchanged
from blockd.policy.writer import Since, numbers_of, write
from blockd.watchlist.compile import Counted, RuleSet, compile_rules, counted
from blockd.watchlist.examine import Examined, Told, untold
from blockd.watchlist.model import Issue, Parsed
from blockd.watchlist.never import Never
from blockd.watchlist.sources import Source

MOST_EXPIRIES = 50
"""Days of expiry that a record holds; each of them makes a generation, with a record of its own."""

_STEPS = "compiling, comparing, writing"

Judge = Callable[[RuleSet, Difference], Acceptance | None]
"""Returns what to record of a confirmation; raises where the change may not be made."""

Look = Callable[[Unchanged | None], Examined]
"""Examines all sources, or only those that are not as they were; raises where one is refused."""


MOST_ISSUES = 5_000
"""Issues of one commit that are handed on, since there may be any number of sources."""


class Outcome(Struct, frozen=True, kw_only=True):
    """What a commit did."""

    number: int
    """The generation in force now."""
    difference: Difference = Difference()
    issues: tuple[Issue, ...] = ()
    """The first `MOST_ISSUES`."""
    more_issues: int = 0
    """How many more there are."""
    held: bool = False
    """A rollback holds; the sources that it set aside were not looked at again."""
    committed: bool = False
    """False: nothing had changed."""
    whole: str = ""
    """Why the next compile will read every list, as a clause; empty: only what has changed."""


class Order(Struct, frozen=True, kw_only=True):
    """What to commit."""

    sources: Sequence[Source]
    look: Look
    unchanged: Unchanged | None
    """The sources that are as they were, if that is of help."""
    inputs: str
    settings: str
    """What decided about the sources, see `unchanged`; empty: not known."""
    limits: GuardSection
    never: Never
    now: datetime
    reason: str
    judge: Judge | None = None
    rolled_back_to: int | None = None
    held_inputs: str | None = None


class _Made(Struct, frozen=True):
    """Examined sources, and what follows from them."""

    unchanged: Unchanged | None
    examined: Examined
    counts: Sequence[Counted]
    """Of the sources that were read."""
    rules: RuleSet


def commit(
    store: Store, last: Record | None, policy: Policy | None, order: Order, told: Told = untold
) -> Outcome:
    """Make one generation current, under the store's lock.

    Args:
        store: where generations live.
        last: the record of the last one.
        policy: the one in force, open; None: there is none that can be read.
        order: what to commit.
        told: hears how far it has come.

    Raises:
        StoreError: the store cannot be written; and what `order` raises.
    """
    now = order.now.astimezone(UTC)
    made = _made(order, now.date(), told)
    rules = made.rules
    told(_STEPS, 1, 3)
    packed = None
    if not isinstance(rules.names, Revised):
        packed = Packed(rules.names, rules.between, numbers_of(rules))
    change = difference(policy if last is not None else None, rules, now.date(), packed)
    told(_STEPS, 2, 3)
    accept = order.judge(rules, change) if order.judge is not None else None
    sources, issues = _kept(order, made), (*made.examined.issues, *rules.issues)
    if packed is not None:
        # From here on the rows are enough: a million entries need not lie beside what is written.
        rules = msgspec.structs.replace(rules, names={})
    del made
    number = (store.current() or 0) + 1
    scratch = store.scratch()
    content = write(scratch, number, rules, now, _began(policy), packed)
    told(_STEPS, 3, 3)
    before = store.record_path(number - 1)
    previous = before.read_bytes() if before.exists() else b""
    for source in order.sources:
        kept.keep(store, source)
    serials.keep(store, order.sources)
    file_sha256 = digest(scratch)
    store.publish(
        Record(
            number=number,
            committed=now,
            reason=order.reason,
            inputs=order.inputs,
            content=content,
            file_sha256=file_sha256,
            sources=tuple(source.record for source in sources),
            rules=len(rules.rules),
            names=rules.listed,
            prefixes=len(rules.prefixes),
            shadow=rules.shadowed,
            added=len(change.added),
            removed=len(change.removed),
            changed=len(change.changed),
            shortest_v4=order.limits.shortest_v4,
            shortest_v6=order.limits.shortest_v6,
            never=kept.keep_never(store, order.never),
            changes_on=rules.changes_on,
            expiries=rules.expiries[:MOST_EXPIRIES],
            rolled_back_to=order.rolled_back_to,
            held_inputs=order.held_inputs,
            accepted=accept,
            previous=records.chained(previous) if previous else "",
        ),
        scratch,
    )
    whole = remembering.obstacle(sources, rules)
    what = None
    if not whole:
        what = remembering.remember(file_sha256, now.date(), order.settings, sources, rules)
    remembering.keep(store, what)
    store.prune()
    return Outcome(
        number=number,
        difference=change,
        issues=issues[:MOST_ISSUES],
        more_issues=max(0, len(issues) - MOST_ISSUES),
        committed=True,
        whole=whole,
    )


def _made(order: Order, today: date, told: Told) -> _Made:
    """Examine and compile: what has changed where that is enough, or else everything."""
    examined = order.look(order.unchanged)
    told(_STEPS, 0, 3)
    if order.unchanged is not None and examined.known:
        made = _revised(order.unchanged, examined, today)
        if made is not None:
            return made
        # What was read for nothing must not lie beside everything.
        del examined
        examined = order.look(None)
        told(_STEPS, 0, 3)
    counts = [counted(parsed) for parsed in examined.parsed]
    return _Made(None, examined, counts, compile_rules(examined.parsed, today, counts))


def _revised(unchanged: Unchanged, examined: Examined, today: date) -> _Made | None:
    """Compile what has changed; None: that is not enough."""
    new = [p for place, p in enumerate(examined.parsed) if place not in examined.known]
    counts = [counted(parsed) for parsed in new]
    rules = revise(unchanged.last(), new, counts, today)
    return None if rules is None else _Made(unchanged, examined, counts, rules)


def _kept(order: Order, made: _Made) -> list[KeptSource]:
    """Return what to remember of each source."""
    counts = iter(made.counts)
    found = []
    for place, source in enumerate(order.sources):
        if made.unchanged is not None and place in made.examined.known:
            found.append(made.unchanged.kept(place, source))
            continue
        parsed = made.examined.parsed[place]
        found.append(
            KeptSource(
                content=unchanging.key_of(source),
                parsed=msgspec.structs.replace(parsed, names=[], prefixes=[]),
                record=_record(source, parsed),
                rules=tuple(next(counts)),
                excepted=remembering.excepted(made.examined.excepted[place]),
            )
        )
    return found


def _record(source: Source, parsed: Parsed) -> SourceRecord:
    return SourceRecord(
        path=source.path,
        sha256=source.sha256(),
        names=len(parsed.names),
        prefixes=len(parsed.prefixes),
        dropped=parsed.bad,
        terms=source.terms,
        signed=source.signed,
    )


def _began(policy: Policy | None) -> dict[tuple[str, str], Since]:
    """Return since when the platforms of now are in force; nothing where that cannot be read."""
    if policy is None:
        return {}
    return {
        (rule.source, rule.id): Since(number, int(moment.timestamp()))
        for rule, number, moment in policy.began()
    }
