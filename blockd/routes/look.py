"""How an address stands in the kernel: what packets to it meet, and why they pass if they do.

Puts together what `packet` asks and `opening` concludes, for the command line to show.
"""

from typing import NamedTuple

from blockd.config import Config
from blockd.policy.reader import Policy
from blockd.prefixes import WIDTH, Prefix
from blockd.routes import once, opening
from blockd.routes.model import Kind
from blockd.routes.packet import Met, Packets


class Look(NamedTuple):
    """How an address stands, or a prefix by its first one."""

    address: Prefix
    met: tuple[Met, ...]
    """This host's own packets first."""
    open_to: tuple[Met, ...]
    """Those of them that no null route of ours stops."""
    why_open: str
    """Why it is open to these although it is listed; empty: it is not open, or not listed."""
    holes: tuple[Prefix, ...]
    """Within a listed prefix, where its packets pass."""

    @property
    def blocked(self) -> bool:
        """Tell whether all packets meet a null route of ours."""
        return not self.open_to

    @property
    def in_part(self) -> bool:
        """Tell whether some packets do, and some do not."""
        return 0 < len(self.open_to) < len(self.met)

    @property
    def passes(self) -> bool:
        """Tell whether packets get through; they may also find no route at all."""
        return any(not each.lookup.errno for each in self.open_to)


def look(config: Config, policy: Policy, prefix: Prefix, *, listed: bool) -> Look:
    """Ask the kernel of this network namespace; changes nothing, needs no privilege.

    Args:
        config: the whole configuration.
        policy: the generation in force.
        prefix: an address, or a prefix.
        listed: whether the policy blocks it, so that it matters why it is open.

    Raises:
        KernelError: the kernel does not answer.
    """
    routes = config.routes
    address = prefix._replace(length=WIDTH[prefix.family])
    with Packets(routes.table, routes.protocol) as kernel:
        met = tuple(kernel.met(address))
        open_to = tuple(each for each in met if not each.blocked(kernel.tables))
        if not listed or (not open_to and prefix == address):
            return Look(address, met, open_to, "", ())
        rules = kernel.rules()
        table = opening.table_in_force(rules, routes, prefix.family)
        held = {} if table is None else _held(kernel, table, prefix.family)
        why = ""
        if open_to:
            cuts = once.cuts_now(config, policy, kernel)
            tables = [each.lookup.table for each in open_to]
            why = opening.why(address, tables, rules, held, cuts, routes)
    holes = (hole for hole, kind in held.items() if kind is Kind.THROW and prefix.covers(hole))
    return Look(address, met, open_to, why, tuple(hole for hole in holes if prefix != address))


def _held(kernel: Packets, table: int, family: int) -> dict[Prefix, Kind]:
    return {route.prefix: route.kind for route in kernel.routes(table, family) if route.kind}
