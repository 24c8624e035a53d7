"""Troubles that let packets past the null routes, or take these away. Pure."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from blockd.config import RoutesSection
from blockd.doctor.finding import Finding
from blockd.routes import bypass, opening
from blockd.routes.model import FibRule

FOREIGN = ("ManageForeignRoutes", "ManageForeignRoutingPolicyRules")
"""Of networkd.conf(5); both are yes by default."""
_NO = frozenset({"no", "false", "off", "0", "n", "f"})  # systemd.syntax(7)
_VRF = "l3mdev"


def rules(known: Iterable[FibRule], routes: RoutesSection) -> list[Finding]:
    """Find rules that are looked up before blockd's.

    Args:
        known: a complete dump.
        routes: the configuration.
    """
    complete = list(known)
    active = {
        family: table
        for family in (4, 6)
        if (table := opening.table_in_force(complete, routes, family)) is not None
    }
    found = []
    for each in bypass.ahead(complete, active, routes.preference):
        lower = each.rule.preference - 1
        remedy = f"set [routes] preference to {lower} or less, and restart blockd-routes"
        if lower < 1:
            remedy = f"`ip -{each.rule.family} rule del pref {each.rule.preference}`, or move it"
        why = " (the kernel's own, of VRFs)" if each.rule.action == _VRF else ""
        found.append(Finding(f"{each}{why}, ahead of blockd's {routes.preference}", remedy))
    return found


def networkd(settings: Mapping[str, str] | None) -> list[Finding]:
    """Find a systemd-networkd that deletes what blockd installs.

    Args:
        settings: those of [Network] in networkd.conf and its drop-ins; None: it does not run.
    """
    if settings is None:
        return []
    missing = [key for key in FOREIGN if settings.get(key, "yes").lower() not in _NO]
    if not missing:
        return []
    return [
        Finding(
            "systemd-networkd deletes the null routes and their rules whenever it configures a"
            f" link: {' and '.join(missing)} are in force",
            "put systemd/networkd.conf.d/blockd.conf into /etc/systemd/networkd.conf.d, and"
            " `systemctl restart systemd-networkd`",
        )
    ]


def flowtables(listed: str) -> list[Finding]:
    """Find flowtables, whose packets ask no route table.

    Args:
        listed: what `nft --json list flowtables` prints.
    """
    found = []
    for item in _objects(listed):
        table = item.get("flowtable")
        if not isinstance(table, dict):
            continue
        devices = table.get("dev") or []
        shown = ", ".join([devices] if isinstance(devices, str) else devices) or "no device"
        name = f"{table.get('family')} {table.get('table')} {table.get('name')}"
        found.append(
            Finding(
                f"flowtable {name} ({shown}): connections that it has taken over pass by the null"
                " routes, until they end",
                "remove it (`nft delete flowtable"
                f" {name}` and the rules with `flow add @{table.get('name')}`), or have its rules"
                " leave out what `blockd export nftables` lists",
            )
        )
    return found


def _objects(listed: str) -> Sequence[Mapping[str, Any]]:
    found = json.loads(listed or "{}").get("nftables", [])
    return [item for item in found if isinstance(item, dict)]


def filters(settings: Mapping[str, int], *, forwards: bool) -> list[Finding]:
    """Find interfaces that let packets in from sources that no route leads back to.

    Args:
        settings: rp_filter of each interface, and of `all`; the greater one of these holds
            (ip-sysctl.rst).
        forwards: whether this host forwards IPv4.
    """
    everywhere = settings.get("all", 0)
    open_to = sorted(
        name
        for name, value in settings.items()
        if name not in {"all", "default", "lo"} and max(value, everywhere) == 0
    )
    if not forwards or not open_to:
        return []
    return [
        Finding(
            f"rp_filter is 0 on {', '.join(open_to)}: packets from listed prefixes come in and"
            " reach clients, although no answer gets back",
            "`sysctl -w net.ipv4.conf.all.rp_filter=2`, and the same line in /etc/sysctl.d; IPv6"
            " has no such setting, there the firewall's `fib saddr . iif oif missing drop` does it",
        )
    ]
