"""Which upstreams a question goes to: those of its zone, or the default ones.

Composes sets of upstreams; how one set is asked is `upstreams`' business.
"""

from collections.abc import Callable, Mapping, Sequence

from blockd import names
from blockd.config import ResolverSection, Upstream
from blockd.resolver.counters import Histogram
from blockd.resolver.exchange import Waiter
from blockd.resolver.reply import Answer
from blockd.resolver.upstreams import Upstreams
from blockd.resolver.wire import Query


class Forwarder:
    """All upstreams of one configuration."""

    def __init__(
        self,
        default: Sequence[Upstream],
        zones: Mapping[bytes, Sequence[Upstream]],
        settings: ResolverSection,
        keep: Callable[[Query, Answer | None, float], None],
        latency: Histogram,
    ) -> None:
        """Open the sockets; needs a running event loop.

        Args:
            default: the upstreams of whatever no zone covers.
            zones: other upstreams, by the wire name of the zone.
            settings: strategy, and what is passed on.
            keep: takes each answer for the cache, with the time at which it came; None: we had
                no room for the question.
            latency: counts how long each question took.
        """
        self.default = Upstreams(default, settings, keep, latency)
        self.zones = {
            zone: Upstreams(upstreams, settings, keep, latency) for zone, upstreams in zones.items()
        }

    def inherit(self, earlier: "Forwarder") -> None:
        """Go on with what was learnt of the upstreams that were asked before, too."""
        self.default.inherit(earlier.default)
        for zone, upstreams in self.zones.items():
            if zone in earlier.zones:
                upstreams.inherit(earlier.zones[zone])

    def forward(self, waiter: Waiter) -> None:
        """Ask the upstreams of the nearest zone above the name, or the default ones."""
        chosen = self.default
        if self.zones:
            for suffix in names.suffixes(waiter.query.name):
                if suffix in self.zones:
                    chosen = self.zones[suffix]
                    break
        chosen.forward(waiter)

    def probe(self, suffix: bytes) -> None:
        """Ask each upstream for a name of our own: who gets that question from it is in a loop.

        Args:
            suffix: an unpredictable name in wire form; see `looped`.
        """
        for group, upstreams in enumerate(self._all()):
            for number in range(len(upstreams.upstreams)):
                label = f"{group}-{number}".encode()
                upstreams.probe(number, bytes((len(label),)) + label + suffix)

    def looped(self, name: bytes) -> str:
        """Return the upstream that a probe's name was for, which has come back to us."""
        group, _, number = name[1 : 1 + name[0]].partition(b"-")
        try:
            return str(self._all()[int(group)].upstreams[int(number)])
        except (ValueError, IndexError):
            return "an earlier upstream"

    def __len__(self) -> int:
        """Return the number of questions in flight."""
        return sum(len(each.exchanges) for each in self._all())

    @property
    def mismatched(self) -> int:
        """Replies that answered nothing that was asked."""
        return sum(each.exchanges.mismatched for each in self._all())

    @property
    def crowded_out(self) -> int:
        """Questions that were refused, or given up for others, for want of room."""
        return sum(each.exchanges.crowded_out for each in self._all())

    def status(self) -> list[dict[str, object]]:
        """Return what is known of each upstream, for a status."""
        found = self.default.status()
        for zone, upstreams in self.zones.items():
            found += [{"zone": names.to_text(zone), **each} for each in upstreams.status()]
        return found

    @property
    def servers(self) -> dict[bytes, tuple[Upstream, ...]]:
        """Who is asked, by the wire name of the zone; the root stands for all others."""
        return {
            b"": self.default.upstreams,
            **{zone: upstreams.upstreams for zone, upstreams in self.zones.items()},
        }

    def retire(self) -> None:
        """Answer who waits, and have nothing of it kept."""
        for each in self._all():
            each.retire()

    def close(self) -> None:
        """Close all sockets; who still waits gets no answer."""
        for each in self._all():
            each.close()

    def _all(self) -> list[Upstreams]:
        return [self.default, *self.zones.values()]
