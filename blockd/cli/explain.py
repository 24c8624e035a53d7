"""`blockd explain`: is a name or address blocked, by what, on whose word, and is it so now."""

from typing import TYPE_CHECKING, Any

import click

from blockd.cli import output
from blockd.cli.output import json_option
from blockd.cli.setting import Setting

if TYPE_CHECKING:
    from blockd.minisign.signature import Signed
    from blockd.policy.reader import Policy, Verdict
    from blockd.prefixes import Prefix
    from blockd.watchlist.model import PrefixEntry, Rule

_MOST_ROUTES = 8  # prefixes of a platform that are looked up in the kernel for a name


@click.command()
@click.argument("what", metavar="NAME|ADDRESS")
@json_option
@click.pass_obj
def explain(given: Setting, what: str, *, json: bool) -> None:
    """Say whether a name or address is blocked, by which entry, on whose word, until when.

    Shows what the resolver answers and what a packet meets in the kernel right now. Exit status
    0 where it is blocked, 1 where it is not: for an address, as the kernel says.
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
    source = found.pop("source", "")
    found["signed"] = next((each.signed for each in record.sources if each.path == source), None)
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
        found |= _rule(verdict.rule, verdict.line) | _since(policy, verdict.rule)
        if not verdict.rule.allow:
            routes = policy.prefixes_of(verdict.rule)
    found["blocked"] = verdict is not None and not verdict.rule.allow
    if policy.shadow is not None:
        found["shadow"] = _shadow(policy.shadow.match(wire))
    found["resolver"], errors = _ask(given, wire)
    if verdict is None and errors:
        # No entry covers the name; the answer leads to a listed one, or holds a listed address.
        found["blocked"], found["hidden"] = True, "; ".join(errors)
    found["kernel"] = [_look_up(given, prefix) for prefix in routes[:_MOST_ROUTES]]
    return found


def _address(given: Setting, policy: "Policy", prefix: "Prefix") -> dict[str, Any]:
    from blockd.errors import KernelError  # noqa: PLC0415
    from blockd.routes.look import look  # noqa: PLC0415

    entry = policy.match_prefix(prefix)
    found: dict[str, Any] = {"what": _bare(prefix)}
    if entry is not None:
        found["entry"] = str(entry.prefix)
        found |= _rule(entry.rule, entry.line) | _since(policy, entry.rule)
    if policy.shadow is not None:
        found["shadow"] = _shadow(policy.shadow.match_prefix(prefix))
    listed = entry is not None and not entry.rule.allow
    try:
        seen = look(given.config, policy, prefix, listed=listed)
    except KernelError as error:
        # Nothing is known but the list.
        return found | {"blocked": listed, "kernel": [str(error)]}
    found["blocked"] = seen.blocked
    if seen.why_open:
        found["open"] = seen.why_open
        found["passes"] = seen.passes
        found["open_to"] = [each.origin for each in seen.open_to] if seen.in_part else []
    if seen.holes:
        found["holes"] = [str(hole) for hole in seen.holes]
    origins: dict[str, list[str]] = {}
    for each in seen.met:
        origins.setdefault(f"{_bare(seen.address)}: {each}", []).append(each.origin)
    found["kernel"] = [f"{said} ({', '.join(those)})" for said, those in origins.items()]
    return found


def _rule(rule: "Rule", line: int) -> dict[str, Any]:
    from blockd.watchlist.model import Origin  # noqa: PLC0415

    return {
        "origin": str(Origin(rule.source, line)),
        "source": rule.source,
        "platform": rule.id,
        "name": rule.name,
        "list": rule.list_name,
        "exception": rule.allow,
        "reason": rule.reason,
        "owner": rule.owner,
        "authority": rule.authority,
        "basis": rule.basis,
        "reference": rule.reference,
        "contact": rule.contact,
        "listed": rule.listed,
        "expires": rule.expires,
    }


def _since(policy: "Policy", rule: "Rule") -> dict[str, Any]:
    """Return since when the rule's platform is in force without a break."""
    began = policy.began_of(rule)
    return {} if began is None else {"since": {"generation": began[0], "committed": began[1]}}


def _shadow(would: "Verdict | PrefixEntry | None") -> dict[str, Any] | None:
    """Return which entry would decide if it were enforced."""
    from blockd import names  # noqa: PLC0415
    from blockd.policy.reader import Verdict  # noqa: PLC0415

    if would is None:
        return None
    entry = names.to_text(would.matched) if isinstance(would, Verdict) else str(would.prefix)
    return {"entry": entry} | _rule(would.rule, would.line)


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
    """Return what a packet of this host to the prefix's first address meets."""
    from blockd.errors import KernelError  # noqa: PLC0415
    from blockd.prefixes import WIDTH  # noqa: PLC0415
    from blockd.routes.packet import Met, Packets  # noqa: PLC0415

    routes = given.config.routes
    first = prefix._replace(length=WIDTH[prefix.family])
    try:
        with Packets(routes.table, routes.protocol) as kernel:
            return f"{_bare(first)}: {Met((), kernel.lookup(first))}"
    except KernelError as error:
        return str(error)


def _bare(prefix: "Prefix") -> str:
    """Return a prefix as a person writes it: an address without its length."""
    return str(prefix).removesuffix("/32" if prefix.family == 4 else "/128")


def _said(found: dict[str, Any]) -> str:
    """Return the verdict in words."""
    if "hidden" in found:
        return f"is blocked for what it leads to or contains ({found['hidden']})"
    if found.get("exception"):
        said = "is not blocked: it is excepted"
        return f"{said}, yet the kernel blocks it" if found["blocked"] else said
    if "entry" not in found:
        said = "is not blocked: no entry covers it"
        return "is not listed, yet the kernel blocks it" if found["blocked"] else said
    if found.get("open"):
        what = "packets to it pass" if found["passes"] else "it is not null-routed"
        if found["open_to"]:
            what = f"not for packets {' or '.join(found['open_to'])}"
        return f"is {'blocked, but' if found['open_to'] else 'listed, but'} {what}: {found['open']}"
    return "is blocked"


def _said_of_since(since: dict[str, Any] | None) -> str:
    if since is None:
        return ""
    return f"generation {since['generation']}, {since['committed']:%Y-%m-%d %H:%M:%S} UTC"


def _said_of_shadow(would: dict[str, Any] | None) -> str:
    if would is None:
        return ""
    return f"{would['entry']} of {would['platform']} at {would['origin']} is counted only"


def _show(found: dict[str, Any]) -> None:
    said = _said(found)
    also = f" ({found['unicode']})" if "unicode" in found else ""
    output.line(f"{found['what']}{also} {said}")
    signed: Signed | None = found["signed"]
    platform = ", ".join(part for part in (found.get("platform"), found.get("name")) if part)
    output.pairs(
        [
            ("entry", found.get("entry")),
            ("stands in", found.get("origin")),
            ("signed", f"edition {signed.serial}, with key {signed.key}" if signed else None),
            ("exception" if found.get("exception") else "platform", platform),
            ("reason", found.get("reason")),
            ("answered for by", found.get("owner")),
            ("list", found.get("list")),
            ("on the word of", found.get("authority")),
            ("basis", found.get("basis")),
            ("reference", found.get("reference")),
            ("contact", found.get("contact")),
            ("listed", found.get("listed")),
            ("in force since", _said_of_since(found.get("since"))),
            ("expires", f"{found['expires']}, at the end of that day, UTC"
             if found.get("expires") else None),
            ("generation", f"{found['generation']}, of {found['committed']:%Y-%m-%d %H:%M:%S} UTC"),
            ("resolver", found.get("resolver")),
            ("in shadow", _said_of_shadow(found.get("shadow"))),
            ("holes", ", ".join(found.get("holes", ()))),
            *(("kernel", line) for line in found["kernel"]),
        ]
    )  # fmt: skip
