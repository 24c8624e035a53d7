"""What the policy in force says of a name and of an answer, each answer judged once.

Made anew with each policy and each configuration, so that nothing that was found under another
one is left. What follows from a verdict is `engine`'s business. No sockets, no clock.
"""

from blockd.config import ResolverSection
from blockd.policy.reader import Policy, Verdict
from blockd.resolver.cache import Kept
from blockd.resolver.judge import judge, listed_beside
from blockd.resolver.reply import Answer
from blockd.resolver.wire import Query
from blockd.terms import Action


class Verdicts:
    """The verdicts of one policy under one configuration."""

    def __init__(self, policy: Policy | None, settings: ResolverSection, epoch: int) -> None:
        """Judge by a policy.

        Args:
            policy: in force; None: nothing is listed.
            settings: what counts where a rule does not say.
            epoch: which policy and configuration this is; what is kept remembers it.
        """
        self.epoch = epoch
        self._policy = policy
        self._settings = settings
        self._last: tuple[Answer | None, Verdict | None] = (None, None)

    def of(self, name: bytes) -> Verdict | None:
        """Return what decides about a name in canonical wire form."""
        return self._policy.match(name) if self._policy is not None else None

    def blocks(self, verdict: Verdict, *, tcp: bool) -> bool:
        """Tell whether a rule has a word against a query that came this way."""
        if tcp and self._action(verdict) is Action.TCP_ONLY:
            return False
        return not verdict.rule.allow

    def hidden(self, query: Query, answer: Answer) -> Verdict | None:
        """Return the rule that blocks an answer for what it leads to, or contains."""
        policy = self._policy
        if policy is None:
            return None
        last = self._last
        if last[0] is answer:
            return last[1]
        settings = self._settings
        found = judge(
            answer, query, policy,
            check_cname=settings.check_cname, check_addresses=settings.check_addresses,
            default=settings.action,
        )  # fmt: skip
        self._last = answer, found
        return found

    def hidden_in(self, query: Query, kept: Kept) -> Verdict | None:
        """Return the same of what is kept, which is judged once: some answers are long."""
        known = kept.blocked
        if known is not None and known[0] == self.epoch:
            return known[1]
        if kept.judged == self.epoch:
            return None
        found = self.hidden(query, kept.answer)
        if found is not None:
            kept.blocked = (self.epoch, found)
        return found

    def drops(self, query: Query, kept: Kept) -> bool:
        """Tell whether what is kept is to be dropped."""
        hidden = None if query.excepted else self.hidden_in(query, kept)
        return hidden is not None and self._action(hidden) is Action.DROP

    def withholds(
        self, target: bytes, verdict: Verdict, hidden: Verdict | None, *, tcp: bool
    ) -> bool:
        """Tell whether a rule blocks what another one sends to: no list is a way around another.

        Args:
            target: the name that is sent to.
            verdict: what sends there. A name may be its own garden, and its rule is no objection.
            hidden: what is said of the target's answer.
            tcp: how the query came.
        """
        found = self.of(target)
        if found is not None and found.rule.allow:
            return False  # which covers what the name leads to
        return any(
            each is not None and each.rule != verdict.rule and self.blocks(each, tcp=tcp)
            for each in (found, hidden)
        )

    def beside(self, query: Query, answer: Answer) -> int:
        """Return where records begin that nobody asked for and that give away what is listed.

        An offset in the answer's body; -1 where they may stay.
        """
        if self._policy is None or query.excepted:
            return -1
        return listed_beside(
            answer, query, self._policy, check_addresses=self._settings.check_addresses
        )

    def shadowed(self, query: Query, answer: Answer) -> Verdict | None:
        """Return what would have blocked this if it were enforced; mostly None."""
        shadow = self._policy.shadow if self._policy is not None else None
        if shadow is None or query.excepted:
            return None
        settings = self._settings
        return shadow.match(query.name) or judge(
            answer, query, shadow,
            check_cname=settings.check_cname, check_addresses=settings.check_addresses,
            default=settings.action, exceptions=self._policy,
        )  # fmt: skip

    def _action(self, verdict: Verdict) -> Action:
        return verdict.rule.action or self._settings.action
