"""All sources that have a URL: which are due, what becomes of each, when to try again.

A copy in the spool is replaced by what is a list by all that can be told without parsing it, and
signed as the source demands. Whether its entries are acceptable is the compiler's business, which
verifies the signature once more.
"""

import contextlib
import random
import ssl
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import msgspec
from msgspec import Struct

from blockd.config import Config, SourceSection
from blockd.errors import BlockdError, FetchError, SignatureError, StoreError
from blockd.fetch import download
from blockd.fetch.download import Answer, Limits
from blockd.fetch.spool import Copy, Note, Spool, digest
from blockd.minisign.signature import LARGEST, SUFFIX, Signed
from blockd.publishers import Url
from blockd.watchlist.configured import verified
from blockd.watchlist.formats import content as contents
from blockd.watchlist.formats.pieces import Pieces
from blockd.watchlist.formats.recognise import FORMATS, HEAD, named, recognise

TRIES = 3
"""In one round, of what may be better soon."""
_SECOND_TRY = 1.0
_LONGEST_WAIT = 30.0
"""Seconds in one round; who asks for more patience is asked in a later one."""
_AGAIN, _RARELY = 15 * 60, 86_400
"""Seconds until a source that failed is due again: after the first time, and at most."""
_AT_ONCE = 4


class Outcome(StrEnum):
    """What became of a source."""

    NEW = "new"
    SAME = "unchanged"
    KEPT = "kept"
    """It failed, and the copy before stays in the spool."""
    MISSING = "missing"
    """It failed, and there is no copy."""
    WAITING = "waiting"
    """It failed before, and is not due yet."""


class Fetched(Struct, frozen=True, kw_only=True):
    """What became of one source."""

    url: str
    outcome: Outcome
    octets: int = 0
    signed: Signed | None = None
    problem: str = ""
    copy: datetime | None = None
    """When the copy in the spool came."""

    @property
    def is_well(self) -> bool:
        """Whether nothing has to be mended."""
        return not self.problem


class Fetcher:
    """Fetches what a configuration names. Takes the clock, the wait and the dice."""

    def __init__(
        self,
        config: Config,
        now: Callable[[], datetime],
        sleep: Callable[[float], None],
        dice: random.Random,
    ) -> None:
        """Read the authorities to trust; raises ConfigError."""
        self._sources = [(each.url, each) for each in config.list.source if each.url is not None]
        self._spool = Spool(config.fetch.spool)
        self._limits = Limits(config.fetch.largest.octets, config.fetch.timeout.seconds)
        self._trusted = download.trust(config.fetch.ca)
        self._now = now
        self._sleep = sleep
        self._dice = dice

    def run(self, *, due: bool = False) -> Sequence[Fetched]:
        """Fetch every source, some at a time; return what became of each, in their order.

        Args:
            due: leave out those that failed lately and had better be left alone for a while.

        Raises:
            StoreError: the spool cannot be written.
        """
        if not self._sources:
            return ()
        with self._spool.lock(), ThreadPoolExecutor(_AT_ONCE) as workers:
            return list(workers.map(lambda each: self._one(*each, due=due), self._sources))

    def _one(self, url: Url, source: SourceSection, *, due: bool) -> Fetched:
        copy = self._spool.copy(url)
        note, now = copy.note, self._now()
        held = note.changed if copy.content is not None else None
        if due and _rests(note, now):
            return Fetched(url=str(url), outcome=Outcome.WAITING, problem=note.problem, copy=held)
        try:
            answer, signature, signed = self._tried(source, url, copy)
            return self._taken(url, copy, answer, signature, signed, now)
        except (FetchError, SignatureError, StoreError) as error:
            with contextlib.suppress(StoreError):  # of the spool: the outcome says it
                self._spool.remember(url, self._failed(note, error))
            outcome = Outcome.KEPT if copy.content is not None else Outcome.MISSING
            return Fetched(url=str(url), outcome=outcome, problem=str(error), copy=held)

    def _taken(
        self,
        url: Url,
        copy: Copy,
        answer: Answer,
        signature: bytes,
        signed: Signed | None,
        now: datetime,
    ) -> Fetched:
        """Put what came into the spool, where it is new; raises StoreError."""
        content = answer.content if answer.content is not None else copy.content or b""
        is_new = (content, signature) != (copy.content, copy.signature)
        if is_new:
            self._spool.put(url, content, signature)
        changed = now if is_new else copy.note.changed or now
        self._spool.remember(
            url,
            Note(
                url=str(url), etag=answer.etag, modified=answer.modified,
                sha256=digest(content, signature), changed=changed, confirmed=now,
            ),
        )  # fmt: skip
        return Fetched(
            url=str(url), outcome=Outcome.NEW if is_new else Outcome.SAME, octets=len(content),
            signed=signed, copy=changed,
        )  # fmt: skip

    def _tried(
        self, source: SourceSection, url: Url, copy: Copy
    ) -> tuple[Answer, bytes, Signed | None]:
        """Ask until it works, or until asking again will not help for now."""
        for attempt in range(TRIES):
            try:
                return _asked(source, url, copy, self._limits, self._trusted)
            except (FetchError, SignatureError) as error:
                # A list and its signature may be replaced while they are fetched: ask again.
                is_transient = isinstance(error, SignatureError) or error.transient
                wait = max(_SECOND_TRY * 2**attempt * self._dice.uniform(0.5, 1.5), _wanted(error))
                if not is_transient or attempt + 1 == TRIES or wait > _LONGEST_WAIT:
                    raise
                self._sleep(wait)
        raise FetchError  # cannot be: the last attempt has raised

    def _failed(self, note: Note, error: BlockdError) -> Note:
        now = self._now()
        wait = pause(note.failures, _wanted(error), self._dice.random())
        return msgspec.structs.replace(
            note,
            problem=str(error),
            since=note.since or now,
            failures=note.failures + 1,
            not_before=now + timedelta(seconds=wait),
        )


def _rests(note: Note, now: datetime) -> bool:
    """Tell whether a source is left alone; not by the word of a clock that was wrong."""
    if note.not_before is None:
        return False
    return timedelta() < note.not_before - now <= timedelta(seconds=_RARELY)


def _wanted(error: BlockdError) -> int:
    """Return how many seconds later a server wants to be asked again."""
    return error.after if isinstance(error, FetchError) else 0


def pause(failures: int, after: int, roll: float) -> float:
    """Return the seconds until a source that has failed is due again.

    Twice as long each time, by chance up to half less, so that many gateways do not come at once.

    Args:
        failures: in a row, before this one.
        after: seconds that the server asked for (Retry-After); 0: it did not.
        roll: from 0 to 1, by chance.
    """
    longest = min(_AGAIN << min(failures, 16), _RARELY)
    return max(longest * (1 - roll / 2), min(after, _RARELY))


def _asked(
    source: SourceSection, url: Url, copy: Copy, limits: Limits, trusted: ssl.SSLContext
) -> tuple[Answer, bytes, Signed | None]:
    """Ask for a list, and for its signature; raises FetchError, SignatureError."""
    answer = download.get(url, limits, trusted, copy.note.etag, copy.note.modified)
    content = answer.content if answer.content is not None else copy.content or b""
    problem = objection(content, source, url)
    if problem:
        raise FetchError(problem)
    signature, signed = b"", None
    if source.key:
        small = msgspec.structs.replace(limits, largest=LARGEST)
        try:
            signature = download.get(beside(url), small, trusted).content or b""
        except FetchError as error:
            raise FetchError(
                f"its signature: {error}", transient=error.transient, after=error.after
            ) from None
        signed = _vouched(content, signature, source, copy)
    return answer, signature, signed


def _vouched(content: bytes, signature: bytes, source: SourceSection, copy: Copy) -> Signed:
    """Return who vouches for a content; raises SignatureError where it is not as it must be."""
    try:
        signed = verified(content, signature, source)
    except SignatureError as error:
        raise SignatureError(f"its signature is refused: {error}") from None
    try:
        held = verified(copy.content or b"", copy.signature, source)
    except SignatureError:
        return signed  # nothing is held that these keys vouch for
    if signed.serial < held.serial:
        raise SignatureError(
            f"its signature is refused: edition {signed.serial} is older than {held.serial}, which"
            " is held already"
        )
    return signed


def beside(url: Url) -> Url:
    """Return the URL of a list's signature: `.minisig` behind its path."""
    plain, mark, query = str(url).partition("?")
    return Url.parse(plain + SUFFIX + mark + query)


def objection(content: bytes, source: SourceSection, url: Url) -> str:
    """Return why a content cannot be a list, without parsing it; empty: it may be one."""
    octets, problems = contents.checked(content)
    if problems:
        line, sentence = problems[0]
        return f"line {line} {sentence}" if line else f"it {sentence}"
    if source.format or named(str(url)):
        return ""
    form, line = recognise(Pieces(octets).head(HEAD))
    return "" if form in FORMATS else f"line {line} {form}"


def utc() -> datetime:
    """Return the time, as notes hold it."""
    return datetime.now(UTC)
