"""`blockd verify`: asks the running gateway as a client does, for everything on the list."""

from typing import TYPE_CHECKING, Any

import click

from blockd.cli import output
from blockd.cli.output import json_option
from blockd.cli.progress import Progress
from blockd.cli.setting import Setting
from blockd.counting import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from blockd.config import Endpoint
    from blockd.verify.report import Report

_ATTEMPTS = 3  # a list that changes during each of these is not waited for
_NOBODY = "blockd-verify.invalid"  # which no resolver sends on: RFC 6761 6.4
_MOST = 20  # failures shown to a person


@click.command()
@click.option(
    "--server",
    metavar="ADDRESS[:PORT]",
    help="The resolver to ask. Default: the running one, else the configured one.",
)
@click.option(
    "--sample",
    type=click.IntRange(0, 100),
    default=1,
    show_default=True,
    help="How many names are made up and asked below each listed one.",
)
@click.option(
    "--record",
    is_flag=True,
    help="Leave the result beside the control sockets, for `blockd status`.",
)
@json_option
@click.pass_obj
def verify(given: Setting, *, server: str | None, sample: int, record: bool, json: bool) -> None:
    """Ask the gateway for every entry on both planes, as a client would.

    On the gateway, routes are asked of the kernel and datagrams are its own; with --server and
    the gateway's address it works from a client too, which needs a copy of the state and root
    for packets. Exit status 0 where all that could be checked is right, 1 where something is not
    or no name could be asked at all, 4 where the resolver does not answer.
    """
    from blockd import names  # noqa: PLC0415
    from blockd.errors import KernelError, UnreachableError  # noqa: PLC0415
    from blockd.resolver import asking  # noqa: PLC0415
    from blockd.verify import report as reports  # noqa: PLC0415

    at = _server(given, server)
    try:
        found = _checked(given, at, sample)
        if reports.NAMES in found.not_checked:
            asking.ask(at, names.to_wire(_NOBODY))  # whether somebody is there needs no dnspython
    except KernelError:
        raise
    except UnreachableError as error:
        hint = "" if server else f"; if nothing runs there, {given.to_start}"
        raise UnreachableError(f"{error}{hint}") from None
    if record:
        _leave(given, found)
    if json:
        output.json(found)
    else:
        _show(found)
    if found.wrong or reports.NAMES in found.not_checked:
        raise click.exceptions.Exit(1)


def _server(given: Setting, text: str | None) -> "Endpoint":
    from blockd.config import Endpoint  # noqa: PLC0415
    from blockd.errors import UnreachableError, UsageError  # noqa: PLC0415
    from blockd.service import control  # noqa: PLC0415

    if text is not None:
        try:
            return Endpoint.parse(text)
        except ValueError as error:
            raise UsageError(f"--server: {error}") from None
    try:
        return Endpoint.parse(control.ask(given.control("resolver"))["listen"][0])
    except (UnreachableError, LookupError):
        return given.config.resolver.listen[0]


def _checked(given: Setting, server: "Endpoint", sample: int) -> "Report":
    """Verify; once more where the list has changed meanwhile and something was not right."""
    from blockd.verify.run import run  # noqa: PLC0415

    for attempt in range(1, _ATTEMPTS + 1):
        policy = given.store.open()
        number = policy.number
        try:
            with Progress() as step:
                found = run(given.config, policy, server, sample, step, _routes(given))
        finally:
            policy.close()
        if not found.wrong or given.store.current() == number or attempt == _ATTEMPTS:
            break
        output.note(f"generation {number} was replaced meanwhile; verifying again")
    return found


def _routes(given: Setting) -> dict[str, Any]:
    from blockd.errors import UnreachableError  # noqa: PLC0415
    from blockd.service import control  # noqa: PLC0415

    try:
        return control.ask(given.control("routes"))
    except UnreachableError:
        return {}


def _leave(given: Setting, found: "Report") -> None:
    from blockd.errors import StoreError  # noqa: PLC0415
    from blockd.verify import report as reports  # noqa: PLC0415

    path = given.verified
    try:
        path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        reports.write(found, path)
    except OSError as error:
        raise StoreError(f"{path}: the result cannot be left there: {error.strerror}") from None


def _show(found: "Report") -> None:
    output.table(
        ("checked", "right", "wrong", "unclear"),
        [
            (kind, f"{count.right:,}", f"{count.wrong:,}", f"{count.unclear:,}")
            for kind, count in found.checked.items()
        ],
    )
    for line in _lines(found):
        output.line(line)


def _lines(found: "Report") -> "Iterator[str]":
    from blockd.verify import report as reports  # noqa: PLC0415

    for each in found.failures[:_MOST]:
        yield f"wrong: {each.what} ({each.kind}): {each.why}"
    for each in found.unclear[: _MOST // 4]:
        yield f"unclear: {each.what} ({each.kind}): {each.why}"
    more = found.wrong - len(found.failures[:_MOST])
    if more > 0:
        yield f"{counted(more, 'more is', 'more are')} wrong; --json shows the first 100"
    for what, why in found.not_checked.items():
        yield f"not checked: {what}: {why}"
    verdict = f"{found.wrong:,} wrong" if found.wrong else "nothing wrong"
    if reports.NAMES in found.not_checked:
        verdict = f"no name was asked; {verdict}"
    yield (
        f"{verdict} of {found.right + found.wrong:,}, generation {found.generation} at"
        f" {found.server} as seen from the {found.place}, in {found.seconds:.1f} s"
    )
