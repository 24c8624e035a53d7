"""`blockd explain`: is a name or address blocked, by what, on whose word, and is it so now.

Gathers the facts; what they come to in words is `explained`'s.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

import click

from blockd.cli import explained, output
from blockd.cli.output import json_option
from blockd.cli.setting import Setting

if TYPE_CHECKING:
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

    Shows what the resolver answers and what a packet meets in the kernel right now, and these
    decide, not the list. Exit status 0 where it is blocked, 1 where it is not, 4 where it is listed
    and who enforces it does not answer.
    """
    from blockd.cli import asked  # noqa: PLC0415

    meant = asked.read(what)
    policy = given.store.open()
    try:
        if isinstance(meant, bytes):
            found = _name(given, policy, meant)
        else:
            found = _address(given, policy, meant)
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
        for line in explained.lines(found):
            output.line(line)
    if not found["blocked"]:
        raise click.exceptions.Exit(4 if found["on_list"] and found["enforced"] is None else 1)


def _name(given: Setting, policy: "Policy", wire: bytes) -> dict[str, Any]:
    from blockd import names  # noqa: PLC0415
    from blockd.terms import Action  # noqa: PLC0415

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
    on_list = verdict is not None and not verdict.rule.allow
    if policy.shadow is not None:
        found["shadow"] = _shadow(policy.shadow.match(wire))
    asked = _ask(given, wire)
    if asked.silent and verdict is not None and on_list:
        action = verdict.rule.action or given.config.resolver.action
        if action is Action.DROP:  # and the resolver is there: it has said so
            said = f"{asked.said}; silence is what `drop` means"
            asked = asked._replace(enforced=True, said=said)
    if asked.enforced and not on_list:
        # No entry covers the name; the answer leads to a listed one, or holds a listed address.
        found["hidden"] = "; ".join(asked.blocking)
    if asked.enforced is None:
        found |= {"unreachable": asked.said, "asked": asked.silent}
    found |= {"on_list": on_list, "enforced": asked.enforced, "blocked": bool(asked.enforced)}
    found["resolver"] = asked.said
    found["kernel"] = [_look_up(given, prefix) for prefix in routes[:_MOST_ROUTES]]
    return found


def _address(given: Setting, policy: "Policy", prefix: "Prefix") -> dict[str, Any]:
    from blockd.errors import KernelError  # noqa: PLC0415
    from blockd.routes.look import look  # noqa: PLC0415

    entry = policy.match_prefix(prefix)
    found: dict[str, Any] = {"what": explained.bare(prefix)}
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
        known = {"on_list": listed, "enforced": None, "blocked": False}
        return found | known | {"unreachable": str(error), "asked": True, "kernel": [str(error)]}
    found |= {"on_list": listed, "enforced": seen.blocked, "blocked": seen.blocked}
    if seen.why_open:
        found["open"] = seen.why_open
        found["passes"] = seen.passes
        found["open_to"] = [each.origin for each in seen.open_to] if seen.in_part else []
    if seen.holes:
        found["holes"] = [str(hole) for hole in seen.holes]
    origins: dict[str, list[str]] = {}
    for each in seen.met:
        origins.setdefault(f"{explained.bare(seen.address)}: {each}", []).append(each.origin)
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


class _Asked(NamedTuple):
    """What the running resolver answers to a client, or why it cannot be asked."""

    said: str
    enforced: bool | None = None
    """Whether the answer says that it is blocked; None: there is no answer."""
    blocking: tuple[str, ...] = ()
    """The extended errors that say so."""
    silent: bool = False
    """It was asked, and nothing came."""


def _ask(given: Setting, wire: bytes) -> _Asked:
    from blockd.config import Endpoint  # noqa: PLC0415
    from blockd.errors import UnreachableError  # noqa: PLC0415
    from blockd.resolver import asking  # noqa: PLC0415
    from blockd.service import control  # noqa: PLC0415

    try:
        status = control.ask(given.control("resolver"))
    except UnreachableError:
        return _Asked("not running: no answer from its control socket")
    if not status.get("ready"):
        return _Asked("not ready yet")
    server = Endpoint.parse(status["listen"][0])
    try:
        answered = asking.ask(server, wire)
    except asking.SilentError as error:
        return _Asked(str(error), silent=True)
    except UnreachableError as error:
        return _Asked(str(error))
    blocking = tuple(answered.blocking)
    return _Asked(f"{answered} (asked for A at {server})", bool(blocking), blocking)


def _look_up(given: Setting, prefix: "Prefix") -> str:
    """Return what a packet of this host to the prefix's first address meets."""
    from blockd.errors import KernelError  # noqa: PLC0415
    from blockd.prefixes import WIDTH  # noqa: PLC0415
    from blockd.routes.packet import Met, Packets  # noqa: PLC0415

    routes = given.config.routes
    first = prefix._replace(length=WIDTH[prefix.family])
    try:
        with Packets(routes.table, routes.protocol) as kernel:
            return f"{explained.bare(first)}: {Met((), kernel.lookup(first))}"
    except KernelError as error:
        return str(error)
