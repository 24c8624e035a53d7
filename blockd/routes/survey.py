"""What packets to many addresses meet: as `packet` asks, with rules and tables read once.

For a look at every listed prefix; a table that changes meanwhile may be seen as it was before.
"""

from collections.abc import Iterator
from functools import cached_property

from blockd import prefixes
from blockd.errors import KernelError
from blockd.prefixes import Prefix
from blockd.routes.kernel import ERRNO, Lookup
from blockd.routes.model import FibRule, Kind
from blockd.routes.packet import Link, Packets


class Survey(Packets):
    """A socket to ask by, again and again."""

    @cached_property
    def _ruled(self) -> list[FibRule]:
        return self.rules()

    @cached_property
    def _held(self) -> dict[tuple[int, int], dict[Prefix, Kind]]:
        return {
            (table, family): {
                route.prefix: route.kind for route in self.routes(table, family) if route.kind
            }
            for table in self.tables
            for family in (4, 6)
        }

    @cached_property
    def _networks(self) -> dict[int, list[tuple[Link, Prefix]]]:
        unspecified = {4: Prefix(4, 0, 32), 6: Prefix(6, 0, 128)}
        return {
            family: list(super(Survey, self)._sources(at)) for family, at in unspecified.items()
        }

    def _sources(self, address: Prefix) -> Iterator[tuple[Link, Prefix]]:
        return iter(self._networks[address.family])

    def _behind(self, address: Prefix, code: int) -> Lookup | None:
        ruled = [r.table for r in self._ruled if r.plain and r.family == address.family]
        for table in dict.fromkeys((*(t for t in ruled if t in self.tables), *self.tables)):
            match = prefixes.longest_match(address, self._held[table, address.family])
            if match and match[1] is not Kind.THROW and ERRNO.get(match[1]) == code:
                return Lookup(str(match[1]), table, match[0], code)
        return None


def is_own(address: Prefix) -> bool:
    """Tell whether an address is one of this host; loopback is."""
    try:
        with Packets(1, 255) as kernel:
            return kernel.lookup(address).outcome == "local"
    except KernelError:
        return False
