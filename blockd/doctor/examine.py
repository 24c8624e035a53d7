"""The checks in their order, each from what it reads to what it finds. One function a check.

Reading is `proc`'s, `system`'s and the kernel's rooms'; judging is `dns`, `tables`, `host` and
`daemons`.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from msgspec import Struct

from blockd.config import Config
from blockd.doctor import daemons, dns, host, proc, system, tables
from blockd.doctor.finding import Finding, UnseenError
from blockd.errors import BlockdError, UnreachableError
from blockd.policy.record import Record
from blockd.policy.store import Store
from blockd.prefixes import WIDTH
from blockd.routes.kernel import Kernel
from blockd.service import addresses, control


class Examined(Struct, frozen=True, kw_only=True):
    """What one check gave."""

    check: str
    findings: list[Finding] = []
    unseen: str = ""
    """Why it could not look."""


class Patient:
    """The host and the blockd on it, as the checks ask for them."""

    def __init__(self, config: Config, store: Store, sockets: dict[str, Path]) -> None:
        """Take where things are; each is read when it is first asked for.

        Args:
            config: the whole configuration.
            store: the policy store.
            sockets: by daemon that is to run, its control socket.
        """
        self.config = config
        self.store = store
        self.sockets = sockets
        self.root = Path("/")

    @cached_property
    def answers(self) -> dict[str, dict[str, Any] | None]:
        """By daemon, its status; None: no answer."""
        return {name: _status(path) for name, path in self.sockets.items()}

    @cached_property
    def record(self) -> Record | None:
        """The generation in force; None: there is none."""
        number = self.store.current()
        return None if number is None else self.store.record(number)

    def kernel(self) -> Kernel:
        """Return a socket to the kernel's tables."""
        return Kernel(self.config.routes.table, self.config.routes.protocol)


def _status(path: Path) -> dict[str, Any] | None:
    try:
        return control.ask(path)
    except UnreachableError:
        return None


Check = Callable[[Patient], Iterable[Finding]]


def port(patient: Patient) -> list[Finding]:
    """Is the resolver's port another program's?"""
    served = (patient.answers.get("resolver") or {}).get("listen", ())
    return dns.ports(patient.config.resolver.listen, proc.listeners(), served)


def listen(patient: Patient) -> list[Finding]:
    """Does this host have the addresses to listen on?"""
    return [Finding(*lack) for lack in addresses.lacks(patient.config)]


def loop(patient: Patient) -> list[Finding]:
    """Does the resolver forward to itself?"""
    try:
        text = (patient.root / "etc/resolv.conf").read_text("utf-8", "replace")
    except OSError:
        text = ""
    with patient.kernel() as kernel:
        facts = kernel.host_facts()
    own = {
        str(each).partition("/")[0]
        for each, why in facts.items()
        if each.length == WIDTH[each.family] and why.startswith("address of this host")
    }
    return dns.loops(patient.config.resolver, system.nameservers(text), own)


def capability(patient: Patient) -> list[Finding]:
    """May the daemons do what they must?"""
    path = patient.sockets.get("routes")
    daemon = proc.behind(path) if path is not None else None
    return host.capabilities(
        proc.rights(daemon), patient.config.resolver.listen, routes=patient.config.routes.enabled
    )


def networkd(patient: Patient) -> list[Finding]:
    """Does systemd-networkd delete the routes?"""
    return tables.networkd(system.networkd(patient.root)) if _routes(patient) else []


def rules(patient: Patient) -> list[Finding]:
    """Do other rules come first?"""
    if not _routes(patient):
        return []
    with patient.kernel() as kernel:
        return tables.rules(kernel.rules(), patient.config.routes)


def flowtable(patient: Patient) -> list[Finding]:
    """Do packets pass by all route tables?"""
    return tables.flowtables(system.flowtables()) if _routes(patient) else []


def rp_filter(patient: Patient) -> list[Finding]:
    """Do packets come in from where none may go?"""
    if not _routes(patient):
        return []
    forwards = bool(proc.setting("net.ipv4.ip_forward"))
    return tables.filters(proc.rp_filter(), forwards=forwards)


def ipv6(patient: Patient) -> list[Finding]:
    """Is IPv6 there where it is needed?"""
    disabled = proc.setting("net.ipv6.conf.all.disable_ipv6")
    listed = 0
    if patient.record is not None and patient.record.prefixes and _routes(patient):
        policy = patient.store.open()
        try:
            listed = sum(
                entry.prefix.family == 6 and not entry.rule.allow for entry in policy.prefixes()
            )
        finally:
            policy.close()
    return host.ipv6(patient.config.resolver.listen, listed, off=disabled != 0)


def clock(patient: Patient) -> list[Finding]:
    """Is it the right time?"""
    committed = patient.record.committed if patient.record else None
    return host.clock(datetime.now(UTC), committed, synchronised=system.synchronised())


def disk(patient: Patient) -> list[Finding]:
    """Is there room for the next generation?"""
    number = patient.store.current()
    octets = 0
    if number is not None:
        try:
            octets = patient.store.generation_path(number).stat().st_size
        except OSError as error:
            raise UnseenError(f"{error.filename}: {error.strerror}") from None
    place = patient.store.state
    return host.disk(system.disk(place), octets, str(place))


def sockets(patient: Patient) -> list[Finding]:
    """Do the daemons run?"""
    there = {name: str(path) if path.exists() else "" for name, path in patient.sockets.items()}
    return daemons.silent(patient.answers, there)


def generation(patient: Patient) -> list[Finding]:
    """Do the daemons follow the list?"""
    return daemons.behind(patient.answers, patient.store.current())


def upstreams(patient: Patient) -> list[Finding]:
    """Do the upstreams answer?"""
    return daemons.deaf(patient.answers)


def reports(patient: Patient) -> list[Finding]:
    """What do the daemons say themselves?"""
    return daemons.reported(patient.answers)


def expiry(patient: Patient) -> list[Finding]:
    """Has the list run out?"""
    return daemons.expired(patient.record, datetime.now(UTC).date())


def _routes(patient: Patient) -> bool:
    return patient.config.routes.enabled


CHECKS: dict[str, Check] = {
    "port": port,
    "listen": listen,
    "resolv.conf loop": loop,
    "capabilities": capability,
    "networkd": networkd,
    "rules ahead": rules,
    "flowtables": flowtable,
    "rp_filter": rp_filter,
    "ipv6": ipv6,
    "clock": clock,
    "disk": disk,
    "daemons": sockets,
    "generation": generation,
    "upstreams silent": upstreams,
    "reported": reports,
    "expiry": expiry,
}


def examine(patient: Patient) -> list[Examined]:
    """Carry out every check; one that cannot look stops none of the others."""
    return [_examined(name, check, patient) for name, check in CHECKS.items()]


def _examined(name: str, check: Check, patient: Patient) -> Examined:
    try:
        return Examined(check=name, findings=list(check(patient)))
    except (BlockdError, OSError) as error:
        return Examined(check=name, unseen=str(error))
