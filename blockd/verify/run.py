"""One verification from begin to end: asks for names, routes and packets, and fills a report.

What is right is judged by `expected`; how it is shown is the command line's business.
"""

import errno
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from blockd import names, prefixes
from blockd.config import Config, Endpoint
from blockd.errors import UnreachableError
from blockd.policy.reader import Policy
from blockd.prefixes import Prefix
from blockd.resolver import wire
from blockd.routes import once
from blockd.routes.kernel import Lookup
from blockd.routes.survey import Survey, is_own
from blockd.verify import expected, packets, questions
from blockd.verify.asking import Asked, Asker
from blockd.verify.expected import OPEN, RIGHT, Found, Heard, Outcome, Said
from blockd.verify.questions import Address
from blockd.verify.reading import reader
from blockd.verify.report import NAMES, Report

_NOBODY = names.to_wire("blockd-verify.invalid")
"""Asked to see whether somebody answers: RFC 6761 6.4 lets no resolver send it on."""

_FORWARDS_NOTHING = Lookup("none", None, None, errno.EHOSTUNREACH)
"""What the kernel says of packets that come in by a link that does not forward. Such links are
left out where /proc/sys is to be seen, which the unit's hardening hides."""

_AGAIN, _REST = 2, 1.2  # times, and seconds before each

Step = Callable[[str, int, int], None]
"""Told what is being checked, how much of it is done, and of how much."""


def run(
    config: Config,
    policy: Policy,
    server: Endpoint,
    sample: int,
    step: Step,
    status: dict[str, Any],
) -> Report:
    """Check everything that can be checked from here.

    Args:
        config: the whole configuration.
        policy: the generation in force.
        server: the resolver to ask; where it is an address of this host, this is the gateway.
        sample: names made up below each listed one.
        step: for showing how far it is.
        status: what the route daemon says of itself; empty: it cannot be asked from here.

    Raises:
        UnreachableError: the resolver does not answer, or the kernel does not.
    """
    started = time.monotonic()
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(server.address, server.address)  # noqa: S104
    here = is_own(prefixes.parse(host))
    report = Report(
        generation=policy.number,
        server=str(server),
        place="gateway" if here else "client",
        started=datetime.now(UTC),
    )
    _names(report, config, policy, server, sample, step)
    if not config.routes.enabled:
        report.not_checked["prefixes"] = "[routes] enabled = false"
    elif here:
        _routes(report, config, policy, step)
    else:
        report.not_checked["routes"] = (
            "this is not the gateway; its kernel can be asked there alone"
        )
        _probes(report, config, policy, step, status)
    report.seconds = round(time.monotonic() - started, 3)
    return report


def _names(
    report: Report, config: Config, policy: Policy, server: Endpoint, sample: int, step: Step
) -> None:
    try:
        read = reader()
    except UnreachableError as error:
        report.not_checked[NAMES] = str(error)
        return
    total, done = questions.total(policy, config, sample), 0

    def judged(asked: Asked, said: Said | None) -> None:
        nonlocal done
        done += 1
        step("names", done, total)
        outcome = expected.judge(asked.expected, said)
        report.add(asked.what, names.to_text(asked.name), outcome)

    asker = Asker(server, read)
    try:
        asker.greet(Asked(_NOBODY, wire.A, OPEN, ""))
        asker.ask(questions.names(policy, config, sample), judged)
    finally:
        asker.close()
    step("names", total, total)


def _routes(report: Report, config: Config, policy: Policy, step: Step) -> None:
    """Ask the kernel of the gateway, and send datagrams of its own."""
    routes = config.routes
    with Survey(routes.table, routes.protocol) as kernel:
        cuts = once.cuts_now(config, policy, kernel)
        asked = list(questions.addresses(policy, config, [cut.protected for cut in cuts]))
        for number, each in enumerate(asked, 1):
            step("routes", number, len(asked))
            report.add(f"{each.what} by route", _bare(each.address), _looked_up(kernel, each))
            code = packets.sent_by_host(each.address)
            own = expected.judge_own(each.kind, code)
            report.add(f"{each.what} by packet", _bare(each.address), own)


def _looked_up(kernel: Survey, asked: Address) -> Outcome:
    """Tell whether the gateway's own packets and forwarded ones meet the right route."""
    for met in kernel.met(asked.address):
        if met.come_in and met.lookup == _FORWARDS_NOTHING:
            continue
        blocked = met.blocked(kernel.tables)
        # What is excepted is blocked by a null route or rule of anybody's.
        refused = met.lookup.errno in expected.OWN_ERRNO.values()
        if refused if asked.kind is None else not blocked:
            return Outcome(Found.WRONG, f"{met} ({met.origin})")
        if asked.kind is not None and met.lookup.outcome != asked.kind:
            return Outcome(Found.WRONG, f"{met} instead of {asked.kind} ({met.origin})")
    return RIGHT


def _probes(
    report: Report, config: Config, policy: Policy, step: Step, status: dict[str, Any]
) -> None:
    """Send a client's packets."""
    try:
        packets.require()
    except UnreachableError as error:
        report.not_checked["packets"] = str(error)
        return
    needed = [prefixes.parse(cut["protected"]) for cut in status.get("cuts", ())]
    asked = list(questions.addresses(policy, config, needed))
    try:
        heard = _heard(asked, step)
    except UnreachableError as error:
        report.not_checked["packets"] = str(error)
        return
    answers = any(heard[each.address] for each in asked if each.kind is None)
    for each in asked:
        came = heard[each.address]
        outcome = expected.judge_probe(each.address.family, each.kind, came, answers=answers)
        report.add(f"{each.what} by packet", _bare(each.address), outcome)
    if asked and not answers:
        report.not_checked["silence"] = (
            "no packet to an excepted prefix was answered, so that silence of the listed ones"
            " proves little: name an address in [guard] must_resolve that packets get to"
        )


def _heard(asked: list[Address], step: Step) -> dict[Prefix, Heard | None]:
    """Send the probes; those that should pass and were silent are sent again.

    A gateway sends five errors at once to one client, and then one a second (ip-sysctl.rst,
    route/error_burst), so that one that is silent may have come too late.
    """
    heard: dict[Prefix, Heard | None] = {}
    for number, (address, came) in enumerate(packets.probes([at.address for at in asked]), 1):
        step("packets", number, len(asked))
        heard[address] = came
    for _ in range(_AGAIN):
        silent = [at.address for at in asked if at.kind is None and heard[at.address] is None]
        if silent:
            time.sleep(_REST)
            heard.update(packets.probes(silent))
    return heard


def _bare(prefix: Prefix) -> str:
    return str(prefix).removesuffix("/32" if prefix.family == 4 else "/128")
