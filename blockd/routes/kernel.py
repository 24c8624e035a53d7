"""The kernel's tables of ours: complete dumps, batches of changes, lookups, the host's facts.

It decides nothing: plans come from `plan` and `swap`, bytes from `messages`, what is told
unasked from `events`; the socket is `netlink`'s.
"""

import errno
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from blockd import prefixes
from blockd.errors import KernelError
from blockd.prefixes import Prefix
from blockd.routes import bypass, host, messages
from blockd.routes.model import FibRule, Install, Kind, Plan, Route, RulePlan
from blockd.routes.netlink import Netlink
from blockd.routes.plan import changes

BATCH = 200
"""Changes in one datagram: without room for more, about 256 error answers fit the socket."""


class Refusal(NamedTuple):
    """A change that the kernel did not make."""

    change: Install | Route | FibRule
    errno: int

    def __str__(self) -> str:
        """Return the change and the kernel's word on it."""
        what = self.change.prefix if not isinstance(self.change, FibRule) else "the rule"
        return f"{what}: {os.strerror(self.errno)}"


class Lookup(NamedTuple):
    """What a packet of the gateway to an address meets, as the kernel says."""

    outcome: str
    """A route type such as `blackhole` or `unicast`; `none` where no route leads there."""
    table: int | None
    """None where the kernel's answer does not say."""
    prefix: Prefix | None
    errno: int
    """What a program on the gateway gets from connect(2); 0 where it gets through."""


class Kernel(Netlink):
    """Two tables and their rules. After a KernelError from a dead socket: make a new one."""

    def __init__(self, table: int, protocol: int, netns: str | None = None) -> None:
        """Open a socket; nothing is asked or changed yet.

        Args:
            table: the number of our route table; the next number is ours as well.
            protocol: the number that marks routes and rules as ours (rtm_protocol).
            netns: a network namespace by name; None: this one.
        """
        super().__init__(netns)
        self.table = table
        self.tables = (table, table + 1)
        self.protocol = protocol

    def routes(self, table: int | None = None, family: int | None = None) -> list[Route]:
        """Return every route of a table of ours; complete or a KernelError.

        Args:
            table: the first of ours without.
            family: 4 or 6; both without.
        """
        wanted = self.table if table is None else table
        found: list[Route] = []
        for each in (4, 6) if family is None else (family,):

            def request(sequence: int, each: int = each) -> bytes:
                return messages.pack_dump(each, wanted, sequence)

            dumped = self._dump(request, messages.NEW_ROUTE, messages.parse_route)
            found += [route for table, route in dumped if table == wanted]
        return found

    def rules(self) -> list[FibRule]:
        """Return every routing policy rule, in both families, in the order of their lookup."""
        found: list[FibRule] = []
        for family in (4, 6):

            def request(sequence: int, family: int = family) -> bytes:
                return messages.pack_rule_dump(family, sequence)

            found += self._dump(request, messages.NEW_RULE, messages.parse_rule)
        return found

    def facts(self) -> dict[Prefix, str]:
        """Return what the host itself needs: the facts of `host_facts` and `elsewhere`."""
        return self.elsewhere(self.tables_elsewhere(self.rules())) | self.host_facts()

    def host_facts(self) -> dict[Prefix, str]:
        """Return addresses, connected networks, ends of tunnels, gateways of nexthop objects."""
        found: dict[Prefix, str] = {}
        for request, message, parse in (
            (messages.pack_nexthop_dump, messages.NEW_NEXTHOP, host.of_nexthop),
            (messages.pack_link_dump, messages.NEW_LINK, host.of_link),
            (messages.pack_address_dump, messages.NEW_ADDRESS, host.of_address),
        ):
            for each in self._dump(request, message, lambda *at, parse=parse: list(parse(*at))):
                found.update(each)
        return found

    def tables_elsewhere(self, rules: Iterable[FibRule]) -> dict[int, set[int]]:
        """Return by family which tables of others the host goes by: rules' and VRFs'."""
        known = list(rules)
        tables = bypass.looked_up(known, self.tables)
        if any(rule.action == "l3mdev" for rule in known):
            vrfs = self._dump(messages.pack_link_dump, messages.NEW_LINK, host.vrf_table)
            for family in (4, 6):
                tables[family].update(vrfs)
        return tables

    def elsewhere(self, tables: Mapping[int, Iterable[int]]) -> dict[Prefix, str]:
        """Return next hops and connected networks of the routes in others' tables.

        Args:
            tables: by family, see `tables_elsewhere`.
        """
        found: dict[Prefix, str] = {}
        for family, numbers in tables.items():
            for number in numbers:
                # Null routes and the like have neither; the kernel keeps them to itself.
                def request(sequence: int, family: int = family, number: int = number) -> bytes:
                    return messages.pack_dump(family, number, sequence, messages.UNICAST)

                parse = host.Passing().of_route
                for each in self._dump(request, messages.NEW_ROUTE, parse):
                    for prefix, why in each:
                        found.setdefault(prefix, why)
        return found

    def apply(self, plan: Plan, table: int | None = None) -> list[Refusal]:
        """Carry out a plan in its order; return what the kernel did not do.

        A route that was already gone is no refusal. One that a stranger put there in the
        meantime is (EEXIST); it stays untouched.

        Args:
            plan: the changes.
            table: which of our tables they are for; the first without.

        Raises:
            KernelError: not permitted, or the socket is dead.
        """
        todo = list(changes(plan))
        refused: list[Refusal] = []
        for start in range(0, len(todo), BATCH):
            refused += self._apply_batch(
                todo[start : start + BATCH], self.table if table is None else table
            )
        return refused

    def _apply_batch(self, batch: Sequence[Install | Route], table: int) -> list[Refusal]:
        first = self._sequence + 1
        self._sequence += len(batch)
        last = self._sequence
        # Errors are answered in any case; one acknowledgement at the end proves the rest.
        datagram = b"".join(
            messages.pack_change(
                change, table, self.protocol, sequence, messages.ACK if sequence == last else 0
            )
            for sequence, change in enumerate(batch, first)
        )
        refused = []
        for sequence, code in self._errors(datagram, first, last):
            change = batch[sequence - first]
            if code == errno.EPERM:
                raise _not_permitted()
            if not (code == errno.ESRCH and isinstance(change, Route)):
                refused.append(Refusal(change, code))
        return refused

    def apply_rules(
        self, plan: RulePlan, preference: int, table: int | None = None
    ) -> list[Refusal]:
        """Add rules that look a table up, then remove rules; return what the kernel did not do.

        Where a rule cannot be added, none of its family is removed.
        """
        target = self.table if table is None else table
        wanted = [
            (FibRule(family, preference, target, self.protocol, plain=True), True)
            for family in plan.add
        ]
        refused: list[Refusal] = []
        failed: set[int] = set()
        for rule, add in [*wanted, *((rule, False) for rule in plan.remove)]:
            if rule.family in failed:
                continue
            sequence = self._next()
            message = messages.pack_rule(rule, sequence, add=add)
            for _, code in self._errors(message, sequence, sequence):
                if code == errno.EPERM:
                    raise _not_permitted()
                if code not in {errno.EEXIST, errno.ENOENT}:
                    refused.append(Refusal(rule, code))
                    failed.add(rule.family)
        return refused

    def permitted(self) -> bool:
        """Tell whether this process may change routes here, by asking the kernel."""
        sequence = self._next()
        answers = list(self._errors(messages.pack_probe(sequence), sequence, sequence))
        return all(code != errno.EPERM for _, code in answers)

    def require_permission(self) -> None:
        """Raise KernelError, with the remedy, where routes may not be changed."""
        if not self.permitted():
            raise _not_permitted()

    def lookup(self, address: Prefix, source: Prefix | None = None, link: int = 0) -> Lookup:
        """Return what a packet to an address meets (RTM_GETROUTE).

        Where the kernel answers with an error alone, as IPv4 does for null routes, our tables
        are searched for the route behind it.

        Args:
            address: a prefix of full length.
            source: where the packet comes from, as a prefix of full length; None: this host.
            link: the index of the interface that it comes in by, where it has a source.
        """
        sequence = self._next()
        self._send(messages.pack_lookup(address, sequence, source, link))
        for data, message, start, end in self._answers(sequence):
            if message == messages.NEW_ROUTE:
                kind, table, prefix = messages.parse_lookup(data, start, end)
                return Lookup(kind, table, prefix, ERRNO.get(kind, 0))
            code = messages.error_of(data, start)
            return self._behind(address, code) or Lookup("none", None, None, code)
        raise KernelError("the kernel gave no answer to a route lookup; try again")

    def _behind(self, address: Prefix, code: int) -> Lookup | None:
        if code not in ERRNO.values():
            return None
        ruled = [r.table for r in self.rules() if r.plain and r.family == address.family]
        # First those that rules look up, in their order.
        for table in dict.fromkeys((*(t for t in ruled if t in self.tables), *self.tables)):
            held = {r.prefix: r.kind for r in self.routes(table, address.family) if r.kind}
            match = prefixes.longest_match(address, held)
            if match and match[1] is not Kind.THROW and ERRNO.get(match[1]) == code:
                return Lookup(str(match[1]), table, match[0], code)
        return None


ERRNO = {
    "blackhole": errno.EINVAL,
    "unreachable": errno.EHOSTUNREACH,
    "prohibit": errno.EACCES,
}
"""What connect(2) gives for each type of null route."""


def _not_permitted() -> KernelError:
    return KernelError(
        "the kernel does not permit this process to change routes: run it as root, or by"
        " blockd-routes.service, which has CAP_NET_ADMIN"
    )
