"""What is known of one upstream: how fast it answers, whether it is silent, or being imitated.

Learnt from ordinary questions alone. No sockets, no clock: times are passed in.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from blockd.terms import Strategy

SILENT: Final = 3
"""Tries in a row without a reply after which an upstream counts as silent."""

LOST = 4.0
"""Seconds without any reply, though it is asked, after which nobody is kept waiting for it: nearly
as long as one question may take, so that a slow upstream is not taken for a dead one."""
REFUSING = 2.0
"""The same where the network refuses: about until a question's last try, so that an upstream that
starts again meanwhile costs nobody an answer."""

QUESTIONS: Final = 3
"""Failures count as the upstream's own from so many questions on: a name or two that nobody can
resolve say nothing of it."""

BACK_OFF = 1.0
LONGEST_BACK_OFF: Final = 30.0
"""Seconds until a silent upstream is probed; doubled each time it stays silent."""

ODD: Final = 50
"""Replies in a second that answer nothing asked: more than late ones would explain."""
SUSPICION: Final = 10.0
"""Seconds for which such an upstream is asked by TCP."""

LATE: Final = 5.0
"""Seconds, to twice as many, within which a reply may come that is not waited for any more."""

EXPLORE_BITS = 6
"""One in 2**6 flushes begins with another upstream than the fastest one."""


@dataclass(slots=True)
class Health:
    """One upstream's state."""

    rtt: float = 0.0
    """Seconds, smoothed (RFC 6298 2, with a gain of 1/8); 0: not known yet, so tried soon.
    What was waited in vain counts too, so that one that loses half is not the fastest."""
    failures: int = 0
    """Tries without a reply since the last one."""
    failing_since: float = 0.0
    """When the first of these was made."""
    failing: bytes = b""
    """The question of the last of these."""
    questions: int = 0
    """How often they passed from one question to another, the first included."""
    refusing: bool = False
    """The network refused the last of these (ICMP), rather than nothing came."""
    probe_at: float = 0.0
    back_off: float = BACK_OFF
    suspected_until: float = 0.0
    sent: int = 0
    answered: int = 0
    timeouts: int = 0
    odd_since: float = 0.0
    odd_count: int = 0
    answered_before: int = 0
    late: int = 0
    late_before: int = 0
    late_since: float = 0.0

    @property
    def silent(self) -> bool:
        """Whether it is asked only when there is no better one."""
        return self.failures >= SILENT

    def lost(self, now: float) -> bool:
        """Tell whether it is known not to answer, so that waiting for it is in vain."""
        least = REFUSING if self.refusing else LOST
        return self.silent and self.questions >= QUESTIONS and now - self.failing_since >= least

    def replied(self, seconds: float) -> None:
        """Take a reply that came that long after its question."""
        self.answered += 1
        if self.silent:
            self.rtt = 0.0  # what it took before its silence says nothing any more
        self.failures = 0
        self.back_off = BACK_OFF
        self._took(seconds)

    def timed_out(self, now: float, waited: float = 0.0, question: bytes = b"") -> None:
        """Take that a question was not answered, and how many seconds that was waited for."""
        self.timeouts += 1
        if not self.failures:
            self.failing_since = now - waited
            self.questions = 0
        if not self.questions or question != self.failing:
            self.failing = question
            self.questions += 1
        self.failures += 1
        self.refusing = False
        if waited:
            self._took(waited)
        if self.failures == SILENT:
            self.probe_at = now + self.back_off

    def refused(self, now: float, question: bytes = b"") -> None:
        """Take that the network did not take a question there."""
        self.timed_out(now, 0.0, question)
        self.refusing = True

    def given_up(self, now: float) -> None:
        """Take that a reply is not waited for any more, which may still come."""
        self._age(now)
        self.late += 1

    def wants_probe(self, now: float) -> bool:
        """Tell once whether it is time to see if a silent upstream is back."""
        if not self.silent or now < self.probe_at:
            return False
        self.back_off = min(2 * self.back_off, LONGEST_BACK_OFF)
        self.probe_at = now + self.back_off
        return True

    def odd(self, now: float) -> bool:
        """Take a reply that nobody asked for; tell whether that begins a suspicion."""
        self._age(now)
        if self.late_before:
            self.late_before -= 1  # the other reply to what was asked twice
            return False
        if self.late:
            self.late -= 1
            return False
        if now - self.odd_since > 1.0:
            self.odd_since, self.odd_count, self.answered_before = now, 0, self.answered
        self.odd_count += 1
        begins = (
            self.odd_count >= ODD
            and self.odd_count * 4 > self.answered - self.answered_before
            and now >= self.suspected_until
        )
        if begins:
            self.suspected_until = now + SUSPICION
        return begins

    def _took(self, seconds: float) -> None:
        self.rtt += (seconds - self.rtt) / 8 if self.rtt else seconds

    def _age(self, now: float) -> None:
        passed = now - self.late_since
        if passed > LATE:
            self.late_before = self.late if passed <= 2 * LATE else 0
            self.late, self.late_since = 0, now


def ranked(
    health: Sequence[Health], strategy: Strategy, random_bits: Callable[[int], int]
) -> list[int]:
    """Return the upstreams' numbers, the first to be asked first; silent ones last."""
    places = range(len(health))
    if strategy is Strategy.ORDERED:
        return sorted(places, key=lambda u: (health[u].silent, u))
    order = sorted(places, key=lambda u: (health[u].silent, health[u].rtt, u))
    if random_bits(EXPLORE_BITS) == 0:
        # Now and then another one first: that is how a faster one is found out.
        able = [u for u in order if not health[u].silent]
        if len(able) > 1:
            chosen = able[1 + random_bits(8) % (len(able) - 1)]
            order.remove(chosen)
            order.insert(0, chosen)
    return order
