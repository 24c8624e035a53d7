"""The plan that the daemon would carry out at this moment, for the command line to show.

Runs to its end without a daemon; `daemon` uses the facts of the host from here. Taking all back
is `withdraw`.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from blockd.config import Config
from blockd.policy.reader import Policy
from blockd.prefixes import Prefix
from blockd.routes import bypass, facts, show, swap
from blockd.routes.kernel import Kernel
from blockd.routes.model import Cut
from blockd.routes.plan import desired, with_holes
from blockd.watchlist.model import PrefixEntry

_RESOLV_CONFS = (Path("/etc/resolv.conf"), Path("/run/systemd/resolve/resolv.conf"))
"""systemd-resolved names itself in the first, and in the second the servers that it asks."""


class PlanText(NamedTuple):
    """A plan for people, in its three forms."""

    rows: list[show.Row]
    batch_v4: str
    """For `ip -4 -batch -`."""
    batch_v6: str
    """For `ip -6 -batch -`."""


def host_facts(kernel: Kernel, config: Config) -> dict[Prefix, str]:
    """Return everything that must stay reachable on this host, with the reasons."""
    return facts.merged((configured_facts(config), kernel.facts()))


def configured_facts(config: Config) -> dict[Prefix, str]:
    """Return what no packet goes to, what the configuration protects, and the upstreams."""
    return facts.merged(
        (facts.special(), facts.configured(config, "\n".join(map(_text, _RESOLV_CONFS))))
    )


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def configured_cuts(config: Config, entries: Iterable[PrefixEntry]) -> tuple[Cut, ...]:
    """Return the cuts that follow from the configuration and from what no packet goes to.

    What the host's own addresses and next hops add is seen by `plan_now`.

    Raises:
        GuardError: the entries cover more than half of IPv4 or IPv6.
    """
    wanted = desired(((entry.prefix, entry.rule) for entry in entries), config.routes.type)
    return with_holes(wanted, configured_facts(config))[1]


def cuts_now(config: Config, policy: Policy, kernel: Kernel) -> tuple[Cut, ...]:
    """Return what became of listed prefixes that touch what this host needs at this moment."""
    entries = ((entry.prefix, entry.rule) for entry in policy.prefixes())
    return with_holes(desired(entries, config.routes.type), host_facts(kernel, config))[1]


def plan_now(config: Config, policy: Policy, netns: str | None = None) -> PlanText:
    """Return what the daemon would do at this moment; changes nothing, needs no privilege."""
    routes = config.routes
    with Kernel(routes.table, routes.protocol, netns) as kernel:
        entries = ((entry.prefix, entry.rule) for entry in policy.prefixes())
        wanted, cuts = with_holes(desired(entries, routes.type), host_facts(kernel, config))
        rules = kernel.rules()
        four, six = (
            swap.decide(
                family,
                {prefix: kind for prefix, kind in wanted.items() if prefix.family == family},
                {table: kernel.routes(table, family) for table in kernel.tables},
                rules,
                table=routes.table,
                preference=routes.preference,
                protocol=routes.protocol,
            )
            for family in (4, 6)
        )
        bypasses = bypass.ahead(
            rules, {move.family: move.target for move in (four, six)}, routes.preference
        )
    rows = show.moves((four, six), cuts, routes.table, bypasses)
    batches = (show.batch_of(move, routes) for move in (four, six))
    return PlanText(rows, *batches)
