"""`blockd explain`: is a name or address blocked, by what, on whose word, and is it so now."""

from typing import TYPE_CHECKING, Any

import click

from blockd.cli import output
from blockd.cli.output import json_option
from blockd.cli.setting import Setting

if TYPE_CHECKING:
    from blockd.policy.reader import Policy
    from blockd.prefixes import Prefix
    from blockd.watchlist.model import Rule

_MOST_ROUTES = 8  # prefixes of a platform that are looked up in the kernel for a name


@click.command()
@click.argument("what", metavar="NAME|ADDRESS")
@json_option
@click.pass_obj
def explain(given: Setting, what: str, *, json: bool) -> None:
    """Say whether a name or address is blocked, by which entry, on whose word, until when.

    Shows what the resolver answers and what the kernel's table holds right now. Exit status 0
    where the list blocks it, 1 where it does not.
    """
    from blockd import prefixes  # noqa: PLC0415

    policy = given.store.open()
    try:
        if prefixes.is_meant(what):
            found = _address(given, policy, prefixes.parse(what))
        else:
            found = _name(given, policy, what)
        record = given.store.record(policy.number)
    finally:
        policy.close()
    found["generation"] = policy.number
    found["committed"] = record.committed
    if json:
        output.json(found)
    else:
        _show(found)
    if not found["blocked"]:
        raise click.exceptions.Exit(1)


def _name(given: Setting, policy: "Policy", text: str) -> dict[str, Any]:
    from blockd import names  # noqa: PLC0415

    wire = names.parse(text.removeprefix("=").removeprefix("*."))
    verdict = policy.match(wire)
    found: dict[str, Any] = {"what": names.to_text(wire)}
    if names.to_unicode(wire) != found["what"]:
        found["unicode"] = names.to_unicode(wire)
    routes: list[Prefix] = []
    if verdict is not None:
        found["entry"] = names.to_text(verdict.matched)
        found |= _rule(verdict.rule, verdict.line)
        if not verdict.rule.allow:
            routes = policy.prefixes_of(verdict.rule)
    found["blocked"] = verdict is not None and not verdict.rule.allow
    found["resolver"], errors = _ask(given, wire)
    if verdict is None and errors:
        # No entry covers the name; the answer leads to a listed one, or holds a listed address.
        found["blocked"], found["hidden"] = True, "; ".join(errors)
    found["kernel"] = [_look_up(given, prefix) for prefix in routes[:_MOST_ROUTES]]
    return found


def _address(given: Setting, policy: "Policy", prefix: "Prefix") -> dict[str, Any]:
    entry = policy.match_prefix(prefix)
    found: dict[str, Any] = {"what": _bare(prefix)}
    if entry is not None:
        found["entry"] = str(entry.prefix)
        found |= _rule(entry.rule, entry.line)
    found["blocked"] = entry is not None and not entry.rule.allow
    found["kernel"] = [_look_up(given, prefix)]
    return found


def _rule(rule: "Rule", line: int) -> dict[str, Any]:
    from blockd.watchlist.model import Origin  # noqa: PLC0415

    return {
        "origin": str(Origin(rule.source, line)),
        "platform": rule.id,
        "name": rule.name,
        "list": rule.list_name,
        "exception": rule.allow,
        "reason": rule.reason,
        "authority": rule.authority,
        "basis": rule.basis,
        "reference": rule.reference,
        "contact": rule.contact,
        "listed": rule.listed,
        "expires": rule.expires,
    }


def _ask(given: Setting, wire: bytes) -> tuple[str, list[str]]:
    """Return what the running resolver answers to a client, or why it cannot be asked.

    And the extended errors among it that say that the answer is blocked.
    """
    from blockd.config import Endpoint  # noqa: PLC0415
    from blockd.errors import UnreachableError  # noqa: PLC0415
    from blockd.resolver import asking  # noqa: PLC0415
    from blockd.service import control  # noqa: PLC0415

    try:
        status = control.ask(given.control("resolver"))
    except UnreachableError:
        return "not running: no answer from its control socket", []
    if not status.get("ready"):
        return "not ready yet", []
    server = Endpoint.parse(status["listen"][0])
    try:
        answered = asking.ask(server, wire)
    except UnreachableError as error:
        return str(error), []
    return f"{answered} (asked for A at {server})", answered.blocking


def _look_up(given: Setting, prefix: "Prefix") -> str:
    """Return what a packet to the prefix's first address meets on this host."""
    from blockd.errors import KernelError  # noqa: PLC0415
    from blockd.prefixes import WIDTH  # noqa: PLC0415
    from blockd.routes.kernel import Kernel  # noqa: PLC0415

    routes = given.config.routes
    first = prefix._replace(length=WIDTH[prefix.family])
    try:
        with Kernel(routes.table, routes.protocol, brief=True) as kernel:
            met = kernel.lookup(first)
    except KernelError as error:
        return str(error)
    if met.prefix is None:
        return f"{_bare(first)}: no route leads there"
    table = f"table {met.table}" if met.table is not None else "an unknown table"
    return f"{_bare(first)}: {met.outcome} {met.prefix} in {table}"


def _bare(prefix: "Prefix") -> str:
    """Return a prefix as a person writes it: an address without its length."""
    return str(prefix).removesuffix("/32" if prefix.family == 4 else "/128")


def _show(found: dict[str, Any]) -> None:
    said = "is blocked"
    if "hidden" in found:
        said = f"is blocked for what it leads to or contains ({found['hidden']})"
    if found.get("exception"):
        said = "is not blocked: it is excepted"
    elif not found["blocked"]:
        said = "is not blocked: no entry covers it"
    also = f" ({found['unicode']})" if "unicode" in found else ""
    output.line(f"{found['what']}{also} {said}")
    platform = ", ".join(part for part in (found.get("platform"), found.get("name")) if part)
    output.pairs(
        [
            ("entry", found.get("entry")),
            ("stands in", found.get("origin")),
            ("exception" if found.get("exception") else "platform", platform),
            ("reason", found.get("reason")),
            ("list", found.get("list")),
            ("on the word of", found.get("authority")),
            ("basis", found.get("basis")),
            ("reference", found.get("reference")),
            ("contact", found.get("contact")),
            ("listed", found.get("listed")),
            ("expires", f"{found['expires']}, at the end of that day, UTC"
             if found.get("expires") else None),
            ("generation", f"{found['generation']}, of {found['committed']:%Y-%m-%d %H:%M:%S} UTC"),
            ("resolver", found.get("resolver")),
            *(("kernel", line) for line in found["kernel"]),
        ]
    )  # fmt: skip
