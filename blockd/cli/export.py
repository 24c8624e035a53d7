"""`blockd export`: the generation in force in the words of another program."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from blockd.cli import output
from blockd.cli.setting import Setting

FORMATS = ("rpz", "unbound", "dnsmasq", "hosts", "nftables", "bird")


@click.command()
@click.argument("form", metavar="FORMAT", type=click.Choice(FORMATS))
@click.option(
    "--output",
    "-o",
    "to",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write to this file, whole or not at all, instead of standard output.",
)
@click.pass_obj
def export(given: Setting, form: str, to: Path | None) -> None:
    """Write the generation in force for another program.

    FORMAT is rpz (a response policy zone), unbound (local zones), dnsmasq, hosts, nftables (two
    sets) or bird (static routes of BIRD 2). What the program has no word for is counted on
    standard error, and blocks less rather than more.
    """
    from blockd.policy import export as exports  # noqa: PLC0415

    config, store = given.config, given.store
    policy = store.open()
    contents = exports.Contents(
        policy,
        store.record(policy.number),
        action=config.resolver.action,
        ttl=config.resolver.ttl,
        route=config.routes.type,
        check_cname=config.resolver.check_cname,
        check_addresses=config.resolver.check_addresses,
    )
    try:
        with output.target(to) as file:
            file.writelines(_ended(exports.FORMATS[form](contents)))
    finally:
        policy.close()
    for what, count in contents.lost.items():
        output.note(f"{what}: {count}")


def _ended(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        yield f"{line}\n"
