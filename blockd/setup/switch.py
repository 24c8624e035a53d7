"""How systemd-resolved hands port 53 over, and the host's own questions with it. Pure.

At every moment in between the host can resolve names: resolv.conf first leads to the servers
that resolved asks, then its stub goes, then blockd starts, and then resolv.conf names blockd.
"""

from typing import NamedTuple

from blockd import prefixes
from blockd.setup import layout, nameservice
from blockd.setup.facts import RESOLVED, Facts
from blockd.setup.nameservice import DROP_IN, KEPT, RESOLV_CONF, SERVERS
from blockd.setup.steps import Keep, Kind, Link, Remove, Run, Step, Write, pending
from blockd.values import toml

PATHS = (DROP_IN, RESOLV_CONF)
"""What it writes besides links."""

RESTART = Run(("systemctl", "restart", "systemd-resolved.service"))


class Switch(NamedTuple):
    """What is done before the services start, and after."""

    before: tuple[Step, ...] = ()
    after: tuple[Step, ...] = ()
    upstreams: tuple[str, ...] = ()
    """To be written into the configuration."""
    notes: tuple[str, ...] = ()
    troubles: tuple[str, ...] = ()
    question: str = ""


def decide(facts: Facts, *, consent: bool, ready: bool, force: bool = False) -> Switch:
    """Return what becomes of systemd-resolved.

    Args:
        facts: the host.
        consent: whether the operator agrees.
        ready: whether, but for resolved, services can be started.
        force: whether a resolv.conf that somebody else wrote since is set aside, as with consent.
    """
    stub = [each for each in facts.holders() if each.program == RESOLVED]
    agreed = facts.record.resolved or (consent and bool(stub))
    if not ready or not (stub or agreed):
        return Switch(notes=_unswitched(facts) if ready and not agreed else ())
    address = nameservice.own_address(facts.config.resolver)
    found = tuple(nameservice.upstreams(facts.resolved_servers))
    configured = facts.config.resolver.upstreams
    if trouble := _obstacle(facts, address, found):
        return Switch(troubles=(trouble,))
    if not agreed:
        return _asked(stub[0].place, address, () if configured else found)
    decided = _agreed(facts, address, () if configured else found, held=bool(stub))
    return _respectful(facts, address, decided, insists=consent or force)


def _obstacle(facts: Facts, address: str, found: tuple[str, ...]) -> str:
    """Return why the host cannot be pointed at blockd; empty: it can."""
    if not address:
        return (
            f"this host's own questions are to go to blockd, and {RESOLV_CONF} can name port 53"
            " alone: give [resolver] listen an address with it, such as 127.0.0.1:53"
        )
    own = prefixes.parse(address)
    if not any(each.prefix.covers(own) for each in facts.config.resolver.allow):
        return (
            f"this host could not ask the resolver: add {address} to [resolver] allow in"
            f" {layout.CONFIG}"
        )
    if not facts.config.resolver.upstreams and not found:
        return (
            f"{SERVERS} names no server that blockd could forward to: set [resolver] upstreams in"
            f" {layout.CONFIG}"
        )
    there = facts.tree.get(layout.CONFIG)
    if not facts.config.resolver.upstreams and there and there.kind is not Kind.FILE:
        return (
            f"{layout.CONFIG} is no plain file, which setup leaves alone: write"
            f" `upstreams = {toml(found)}` into [resolver] yourself, before"
            f" {RESOLV_CONF} names blockd"
        )
    return ""


def _asked(place: object, address: str, upstreams: tuple[str, ...]) -> Switch:
    named = f" writes upstreams = {', '.join(upstreams)} into {layout.CONFIG}," if upstreams else ""
    trouble = (
        f"{place} is taken by systemd-resolved: `blockd setup --resolved`{named} sets"
        f" DNSStubListener=no in {DROP_IN}, and has {RESOLV_CONF} name {address}; or give"
        " [resolver] listen the addresses of your networks alone, and resolved keeps its own"
    )
    question = (
        f"systemd-resolved holds port 53. Shall it give the port up ({DROP_IN}), and"
        f" {RESOLV_CONF} name {address}, which is blockd? `--remove` puts both back"
    )
    return Switch(troubles=(trouble,), question=question)


def _agreed(facts: Facts, address: str, upstreams: tuple[str, ...], *, held: bool) -> Switch:
    settings = Write(DROP_IN, nameservice.drop_in(address).encode())
    ours = facts.is_written(RESOLV_CONF)
    before = facts.resolv_conf if ours else facts.resolv_conf_before
    text = nameservice.resolv_conf(address, before)
    named = Write(RESOLV_CONF, text.encode())
    left = pending([settings], facts.tree)
    first: list[Step] = []
    after = pending([named], facts.tree)
    if (left or held) and facts.resolved_servers:
        first = [*left, RESTART]
        # Not the stub, which goes, and not blockd, which is yet to come.
        first[:0] = [Link(RESOLV_CONF, SERVERS)]
        after = [named]
    elif left:
        first = list(left)
    if (first or after) and RESOLV_CONF in facts.tree:
        first[:0] = pending([Keep(RESOLV_CONF, KEPT)], facts.tree)
    notes = _writers(facts) if first or after else ()
    return Switch(tuple(first), tuple(after), upstreams, notes)


def _respectful(facts: Facts, address: str, decided: Switch, *, insists: bool) -> Switch:
    """Return the switch with no harm to a resolv.conf that somebody else wrote since."""
    there = facts.tree.get(RESOLV_CONF)
    own = facts.is_written(RESOLV_CONF) or Link(RESOLV_CONF, SERVERS).is_done(facts.tree)
    # As it was kept: an earlier run did not come as far as writing it.
    if there is None or own or facts.tree.get(KEPT, there) == there:
        return decided
    if not any(getattr(step, "path", "") == RESOLV_CONF for step in _steps(decided)):
        return decided
    aside = RESOLV_CONF + layout.OLD
    if insists:
        first = [Remove(aside)] if aside in facts.tree else []
        return decided._replace(before=(*first, Keep(RESOLV_CONF, aside), *decided.before))
    before, after = (
        tuple(step for step in steps if getattr(step, "path", "") != RESOLV_CONF)
        for steps in (decided.before, decided.after)
    )
    if set(_servers(facts)) == {address}:
        return decided._replace(before=before, after=after, notes=())
    name = _writer(facts)
    away = f" ({nameservice.hands_off(name)})" if nameservice.hands_off(name) else ""
    note = (
        f"{RESOLV_CONF} was written by {name or 'somebody else'} since, and stays: the host's own"
        f" questions go past blockd. `blockd setup --resolved` keeps it as {aside}, and has"
        f" {RESOLV_CONF} name {address} again{away}"
    )
    return decided._replace(before=before, after=after, notes=(note,))


def _steps(decided: Switch) -> tuple[Step, ...]:
    return (*decided.before, *decided.after)


def _servers(facts: Facts) -> list[str]:
    words = [line.split() for line in facts.resolv_conf.splitlines()]
    return [each[1] for each in words if each[:1] == ["nameserver"] and len(each) > 1]


def _writers(facts: Facts) -> tuple[str, ...]:
    """Return who will write resolv.conf again."""
    found = [_writer(facts)]
    if facts.unit("NetworkManager.service").active:
        found.append("NetworkManager")
    return tuple(
        f"{name} writes {RESOLV_CONF} too: {hands_off}, or the host's own questions go past blockd"
        for name in dict.fromkeys(found)
        if (hands_off := nameservice.hands_off(name))
    )


def _writer(facts: Facts) -> str:
    there = facts.tree.get(RESOLV_CONF)
    target = there.content.decode("utf-8", "replace") if there and there.kind is Kind.LINK else ""
    return nameservice.writer(target, facts.resolv_conf)


def _unswitched(facts: Facts) -> tuple[str, ...]:
    """Return what an operator should know of a host that asks somebody else."""
    address = nameservice.own_address(facts.config.resolver)
    servers = _servers(facts)
    if not address or not servers or address in servers or facts.unit(layout.RESOLVER).active:
        return ()
    name = _writer(facts)
    by = f", which {name} writes" if name else ""
    away = f" ({nameservice.hands_off(name)})" if nameservice.hands_off(name) else ""
    note = (
        f"this host itself asks {', '.join(servers)} by {RESOLV_CONF}{by}, and not blockd, which"
        " forwards there. To have it ask blockd, write the servers into [resolver] upstreams, then"
        f" `nameserver {address}` into {RESOLV_CONF}{away}"
    )
    return (note,)
