"""Troubles of blockd itself: daemons that are down or behind, lists that have run out. Pure."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from blockd.doctor.finding import Finding
from blockd.policy.record import Record

UNITS = {
    "compiler": "blockd.service",
    "resolver": "blockd-resolver.service",
    "routes": "blockd-routes.service",
}

_CALLED = {"compiler": "compiler", "resolver": "resolver", "routes": "route daemon"}


def silent(
    answers: Mapping[str, Mapping[str, Any] | None], sockets: Mapping[str, str]
) -> list[Finding]:
    """Find daemons that cannot be asked.

    Args:
        answers: by daemon, its status; None: no answer.
        sockets: by daemon, its control socket; one that is not there is empty.
    """
    found = []
    for name, answer in answers.items():
        if answer is not None:
            continue
        what = f"the {_CALLED[name]} does not run: it has no control socket"
        if sockets[name]:
            what = f"the {_CALLED[name]} does not answer on {sockets[name]}"
        found.append(
            Finding(
                what,
                f"`systemctl status {UNITS[name]}` and `journalctl -u {UNITS[name]}` say why;"
                f" `systemctl restart {UNITS[name]}`. If it runs, ask as root or as a member of the"
                " group blockd, and with the --state that it was started with",
            )
        )
    return found


def behind(answers: Mapping[str, Mapping[str, Any] | None], current: int | None) -> list[Finding]:
    """Find planes that enforce another generation than the one in force.

    Args:
        answers: by daemon, its status; None: no answer.
        current: the generation in force; None: there is none.
    """
    if current is None:
        return [
            Finding(
                "there is no generation yet: nothing is blocked",
                "`blockd check` shows what is wrong with the lists; then `blockd compile`",
            )
        ]
    found = []
    for name in ("resolver", "routes"):
        answer = answers.get(name)
        held = answer.get("generation") if answer else None
        if answer and held != current:
            found.append(
                Finding(
                    f"the {_CALLED[name]} is at generation {held or 'none'}, and {current} is in"
                    " force: it does not follow the list",
                    "it must be able to read the state directory (group blockd) and use the same"
                    f" --state; `systemctl restart {UNITS[name]}` has it begin anew",
                )
            )
    return found


def reported(answers: Mapping[str, Mapping[str, Any] | None]) -> list[Finding]:
    """Pass on what the daemons themselves say is wrong."""
    found = []
    for name, answer in answers.items():
        said = [*(answer or {}).get("problems", ()), (answer or {}).get("problem")]
        found += [
            Finding(
                f"the {_CALLED[name]} reports: {problem}",
                "`blockd check` shows the lists' mistakes at their lines; `blockd status` goes on"
                " to show this until it is mended",
            )
            for problem in said
            if problem
        ]
    return found


def deaf(answers: Mapping[str, Mapping[str, Any] | None]) -> list[Finding]:
    """Find upstreams that give the resolver no answer.

    Args:
        answers: by daemon, its status; None: no answer.
    """
    known = (answers.get("resolver") or {}).get("upstreams", ())
    for_all = [each for each in known if not each.get("zone")]
    nobody = bool(for_all) and all(each["silent"] for each in for_all)
    found = []
    for each in known:
        if not each["silent"]:
            continue
        address, zone = each["address"], each.get("zone")
        what = f"upstream {address}" + (f", for {zone}," if zone else "") + " gives no answer"
        if nobody and not zone:
            what += ", nor does any other: what is not in the cache fails with SERVFAIL"
        server = address.partition("://")[2].partition("#")[0] or address
        key = "zones" if zone else "upstreams"
        found.append(
            Finding(
                what,
                f"see that {server} can be reached from here and serves this host (a firewall, an"
                f" access list), or name another in [resolver] {key} and `systemctl restart"
                f" {UNITS['resolver']}`; when it is back, it is used again by itself",
            )
        )
    return found


def expired(record: Record | None, today: date) -> list[Finding]:
    """Find entries that should have left, and a list of which nothing is in force any more.

    Args:
        record: the generation in force; None: there is none.
        today: by UTC, as expiry is.
    """
    if record is None:
        return []
    if record.changes_on is not None and record.changes_on <= today:
        return [
            Finding(
                f"entries that expired before {record.changes_on} are still in force",
                "the compiler leaves them out at midnight UTC: start blockd.service, or run"
                " `blockd compile`; if it refuses, `blockd check` says why",
            )
        ]
    if not record.names and not record.prefixes:
        return [
            Finding(
                "the list is empty: no name and no prefix is in force",
                "look at `expires` of its entries, and at [list] paths; `blockd history` shows when"
                " they left",
            )
        ]
    return []
