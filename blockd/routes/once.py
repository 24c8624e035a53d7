"""What the command line does with routes on its own: show a plan, withdraw everything.

Runs to its end without a daemon; `daemon` uses the facts of the host from here.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from blockd.config import Config
from blockd.errors import KernelError
from blockd.policy.reader import Policy
from blockd.prefixes import Prefix
from blockd.routes import facts, show
from blockd.routes.kernel import Kernel
from blockd.routes.plan import Cut, RulePlan, desired, diff, diff_rules, with_holes
from blockd.watchlist.model import PrefixEntry

_RESOLV_CONF = Path("/etc/resolv.conf")


class PlanText(NamedTuple):
    """A plan for people, in its three forms."""

    rows: list[show.Row]
    batch_v4: str
    """For `ip -4 -batch -`."""
    batch_v6: str
    """For `ip -6 -batch -`."""


def host_facts(kernel: Kernel, config: Config) -> dict[Prefix, str]:
    """Return everything that must stay reachable on this host, with the reasons."""
    configured = facts.configured(config, _resolv_conf())
    return facts.merged((facts.special(), configured, kernel.facts()))


def _resolv_conf() -> str:
    try:
        return _RESOLV_CONF.read_text(errors="replace")
    except OSError:
        return ""


def configured_cuts(config: Config, entries: Iterable[PrefixEntry]) -> tuple[Cut, ...]:
    """Return the cuts that follow from the configuration and from what no packet goes to.

    What the host's own addresses and next hops add is seen by `plan_now`.

    Raises:
        GuardError: the entries cover the whole of IPv4 or IPv6.
    """
    protected = facts.merged((facts.special(), facts.configured(config, _resolv_conf())))
    wanted = desired(((entry.prefix, entry.rule) for entry in entries), config.routes.type)
    return with_holes(wanted, protected)[1]


def plan_now(config: Config, policy: Policy, netns: str | None = None) -> PlanText:
    """Return what the daemon would do at this moment; changes nothing, needs no privilege."""
    routes = config.routes
    with Kernel(routes.table, routes.protocol, netns) as kernel:
        entries = ((entry.prefix, entry.rule) for entry in policy.prefixes())
        wanted, cuts = with_holes(desired(entries, routes.type), host_facts(kernel, config))
        plan = diff(wanted, kernel.routes(), routes.protocol)
        rules = diff_rules(kernel.rules(), routes.table, routes.preference, routes.protocol)
    batches = [
        show.batch(
            plan,
            rules,
            family=family,
            table=routes.table,
            preference=routes.preference,
            protocol=routes.protocol,
        )
        for family in (4, 6)
    ]
    return PlanText(show.rows(plan, rules, cuts), *batches)


def withdraw(config: Config, netns: str | None = None) -> int:
    """Remove every rule and route that is ours, in both tables; return how many routes.

    Raises:
        KernelError: not permitted, or some would not go.
    """
    routes = config.routes
    gone = 0
    left: list[object] = []
    for table in (routes.table, routes.table + 1):
        with Kernel(table, routes.protocol, netns) as kernel:
            # The rule goes first: one change lifts every block at once.
            ours = [r for r in kernel.rules() if r.table == table and r.protocol == routes.protocol]
            left += kernel.apply_rules(RulePlan((), tuple(ours), ()), routes.preference)
            plan = diff({}, kernel.routes(), routes.protocol)
            left += kernel.apply(plan)
            gone += len(plan.withdrawals)
    if left:
        raise KernelError(f"the kernel would not remove {len(left)} of our routes: {left[0]}")
    return gone
