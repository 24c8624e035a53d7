"""The question that is asked in place of a client's, where a rule sends it to another name."""

from blockd.policy.reader import Verdict
from blockd.resolver.wire import Query


class Detour(Query):
    """A question that we ask for a client's: for the name that a rule sends to instead."""

    __slots__ = ("epoch", "instead_of", "verdict")

    def __init__(self, query: Query, target: bytes, verdict: Verdict, epoch: int) -> None:
        """Ask for the target what the query asks for a name that is listed, or leads there.

        Args:
            query: the client's.
            target: a name in canonical wire form.
            verdict: what the policy says of the query, or of what its name leads to.
            epoch: that of the policy.
        """
        question = target + b"\0" + query.question[-4:]
        key = target + query.key[len(query.name) :]
        super().__init__(query.id, query.flags, question, target, query.edns, key)
        self.instead_of = query
        self.verdict = verdict
        self.epoch = epoch
