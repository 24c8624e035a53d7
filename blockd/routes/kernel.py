"""The kernel's side: a netlink socket, complete dumps, batches of changes, lookups.

The only importer of pyroute2, which opens the sockets, in a named network namespace too. It
decides nothing: plans come from `plan`, bytes from `messages`, what is told unasked from `events`.
"""

import errno
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Self, TypeVar

from blockd import prefixes
from blockd.errors import KernelError
from blockd.prefixes import Prefix
from blockd.routes import facts, messages
from blockd.routes.plan import FibRule, Install, Plan, Route, RulePlan, changes

BATCH = 200
"""Changes in one datagram: without room for more, about 256 error answers fit the socket."""

_MAIN = 254  # RT_TABLE_MAIN
_SOL_NETLINK = 270
_EXTENDED_ACK_CAPPED, _STRICT_DUMPS = 10, 12  # NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK
_RECEIVE_FORCED = 33  # SO_RCVBUFFORCE
_PATIENCE = 10.0  # seconds; the kernel answers a batch within the call that sends it
_DUMP_ATTEMPTS = 5
# What a dump answers where there is no such table yet, or no such family on this host.
_NOTHING_THERE = frozenset({errno.ENOENT, errno.EAFNOSUPPORT, errno.EOPNOTSUPP})

T = TypeVar("T")


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


def open_socket(
    netns: str | None = None, room: int = 1 << 20, *, brief: bool = False
) -> socket.socket:
    """Return a netlink socket with room for that many octets of answers.

    Args:
        netns: a network namespace by name (which takes CAP_SYS_ADMIN); None: this one.
        room: octets; beyond what the host allows everyone only with CAP_NET_ADMIN.
        brief: for a question or two: a bare socket, since importing pyroute2 takes longer
            (0.14 s) than the whole of `blockd explain` may.

    Raises:
        KernelError: there is no such namespace, or it may not be entered.
    """
    try:
        if brief and netns is None:
            opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        else:
            from pyroute2 import netns as namespaces  # noqa: PLC0415 - see `brief`

            opened = namespaces.create_socket(
                netns, socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE, flags=0
            )
    except (OSError, TimeoutError) as error:
        place = f" in the network namespace {netns!r}" if netns else ""
        raise KernelError(f"no netlink socket{place}: {error}; look at `ip netns list`") from None
    try:
        opened.setsockopt(socket.SOL_SOCKET, _RECEIVE_FORCED, room)
    except PermissionError:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
    return opened


class Kernel:
    """One table and its rules. After a KernelError from a dead socket: close, make a new one."""

    def __init__(
        self, table: int, protocol: int, netns: str | None = None, *, brief: bool = False
    ) -> None:
        """Open a socket; nothing is asked or changed yet.

        Args:
            table: the number of our route table.
            protocol: the number that marks routes and rules as ours (rtm_protocol).
            netns: a network namespace by name; None: this one.
            brief: see `open_socket`.
        """
        self.table = table
        self.protocol = protocol
        self.netns = netns
        self._sequence = 0
        self._socket = open_socket(netns, brief=brief)
        self._socket.setsockopt(_SOL_NETLINK, _EXTENDED_ACK_CAPPED, 1)
        self._socket.setsockopt(_SOL_NETLINK, _STRICT_DUMPS, 1)
        self._socket.bind((0, 0))
        self._socket.settimeout(_PATIENCE)
        self.port: int = self._socket.getsockname()[0]
        """Which sender the kernel names in notices about our own changes."""

    def close(self) -> None:
        """Close the socket; routes and rules stay."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def routes(self) -> list[Route]:
        """Return every route of our table, in both families; complete or a KernelError."""
        found: list[Route] = []
        for family in (4, 6):
            dumped = self._dump(
                lambda sequence, family=family: messages.pack_dump(family, self.table, sequence),  # type: ignore[misc]
                messages.NEW_ROUTE,
                messages.parse_route,
            )
            found += [route for table, route in dumped if table == self.table]
        return found

    def rules(self) -> list[FibRule]:
        """Return every routing policy rule, in both families."""
        found: list[FibRule] = []
        for family in (4, 6):
            found += self._dump(
                lambda sequence, family=family: messages.pack_rule_dump(family, sequence),  # type: ignore[misc]
                messages.NEW_RULE,
                messages.parse_rule,
            )
        return found

    def facts(self) -> dict[Prefix, str]:
        """Return what the host itself needs: its addresses, connected networks, next hops."""
        found: dict[Prefix, str] = {}
        for each in self._dump(
            messages.pack_address_dump,
            messages.NEW_ADDRESS,
            lambda *at: list(facts.of_address(*at)),
        ):
            found = dict(each) | found
        for family in (4, 6):
            for each in self._dump(
                lambda sequence, family=family: messages.pack_dump(family, _MAIN, sequence),  # type: ignore[misc]
                messages.NEW_ROUTE,
                lambda *at: list(facts.of_main_route(*at)),
            ):
                for prefix, why in each:
                    found.setdefault(prefix, why)
        return found

    def apply(self, plan: Plan) -> list[Refusal]:
        """Carry out a plan in its order; return what the kernel did not do.

        A route that was already gone is no refusal. One that a stranger put there in the
        meantime is (EEXIST); it stays untouched.

        Raises:
            KernelError: not permitted, or the socket is dead.
        """
        todo = list(changes(plan))
        refused: list[Refusal] = []
        for start in range(0, len(todo), BATCH):
            refused += self._apply_batch(todo[start : start + BATCH])
        return refused

    def _apply_batch(self, batch: Sequence[Install | Route]) -> list[Refusal]:
        first = self._sequence + 1
        self._sequence += len(batch)
        last = self._sequence
        # Errors are answered in any case; one acknowledgement at the end proves the rest.
        datagram = b"".join(
            messages.pack_change(
                change, self.table, self.protocol, sequence, messages.ACK if sequence == last else 0
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

    def apply_rules(self, plan: RulePlan, preference: int) -> list[Refusal]:
        """Add and remove rules; return what the kernel did not do."""
        wanted = [
            (FibRule(family, preference, self.table, self.protocol, plain=True), True)
            for family in plan.add
        ]
        refused = []
        for rule, add in [*wanted, *((rule, False) for rule in plan.remove)]:
            sequence = self._next()
            message = messages.pack_rule(rule, sequence, add=add)
            for _, code in self._errors(message, sequence, sequence):
                if code == errno.EPERM:
                    raise _not_permitted()
                if code not in {errno.EEXIST, errno.ENOENT}:
                    refused.append(Refusal(rule, code))
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

    def lookup(self, address: Prefix) -> Lookup:
        """Return what a packet from this host to an address meets (RTM_GETROUTE).

        Where the kernel answers with an error alone, as IPv4 does for null routes, our table
        is searched for the route behind it.

        Args:
            address: a prefix of full length.
        """
        sequence = self._next()
        self._send(messages.pack_lookup(address, sequence))
        for data, message, start, end in self._answers(sequence):
            if message == messages.NEW_ROUTE:
                kind, table, prefix = messages.parse_lookup(data, start, end)
                return Lookup(kind, table, prefix, _ERRNO.get(kind, 0))
            code = messages.error_of(data, start)
            held = {r.prefix: r for r in self.routes() if r.kind}
            match = prefixes.longest_match(address, held)
            if match and match[1].kind and _ERRNO.get(match[1].kind) == code:
                return Lookup(str(match[1].kind), self.table, match[0], code)
            return Lookup("none", None, None, code)
        raise KernelError("the kernel gave no answer to a route lookup; try again")

    def _next(self) -> int:
        self._sequence += 1
        return self._sequence

    def _dump(
        self,
        request: Callable[[int], bytes],
        message: int,
        parse: Callable[[bytes, int, int], T | None],
    ) -> list[T]:
        for _ in range(_DUMP_ATTEMPTS):
            sequence = self._next()
            self._send(request(sequence))
            found: list[T] = []
            interrupted = False
            for data, kind, start, end in self._answers(sequence):
                if kind == message:
                    # Header flags: two octets, ten before the payload.
                    interrupted |= bool(data[start - 10] & messages.DUMP_INTERRUPTED)
                    item = parse(data, start, end)
                    if item is not None:
                        found.append(item)
                    continue
                interrupted |= bool(data[start - 10] & messages.DUMP_INTERRUPTED)
                code = messages.error_of(data, start)
                if code and code not in _NOTHING_THERE:
                    raise KernelError(f"the kernel gave no dump: {os.strerror(code)}; try again")
                if kind == messages.DONE or code:
                    break
            if not interrupted:
                return found
        raise KernelError(
            "the kernel's tables changed during each of five dumps; nothing is planned from"
            " an incomplete one, the next scan tries again"
        )

    def _errors(self, datagram: bytes, first: int, last: int) -> Iterator[tuple[int, int]]:
        self._send(datagram)
        for data in self._datagrams():
            for message, _, sequence, start, _ in messages.split(data):
                if message != messages.ERROR or not first <= sequence <= last:
                    continue  # late answers to an earlier request that ran out of time
                code = messages.error_of(data, start)
                if code:
                    yield sequence, code
                if sequence == last:
                    return

    def _answers(self, wanted: int) -> Iterator[tuple[bytes, int, int, int]]:
        for data in self._datagrams():
            for message, _, sequence, start, end in messages.split(data):
                if sequence == wanted:
                    yield data, message, start, end

    def _send(self, datagram: bytes) -> None:
        try:
            self._socket.send(datagram)
        except OSError as error:
            raise _dead(error) from None

    def _datagrams(self) -> Iterator[bytes]:
        while True:
            try:
                yield self._socket.recv(1 << 16)
            except OSError as error:
                raise _dead(error) from None


_ERRNO = {
    "blackhole": errno.EINVAL,
    "unreachable": errno.EHOSTUNREACH,
    "prohibit": errno.EACCES,
}


def _not_permitted() -> KernelError:
    return KernelError(
        "the kernel does not permit this process to change routes: run it as root, or by"
        " blockd-routes.service, which has CAP_NET_ADMIN"
    )


def _dead(error: OSError) -> KernelError:
    return KernelError(f"the netlink socket failed: {error.strerror or error}; it is opened anew")
