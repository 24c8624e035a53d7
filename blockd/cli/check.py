"""`blockd check`: parse and guard lists, print every problem, change nothing."""

import click
import msgspec

from blockd.cli import output
from blockd.cli.output import json_option
from blockd.cli.setting import Setting
from blockd.config import Config, ListSection


@click.command()
@click.argument("paths", nargs=-1)
@json_option
@click.pass_obj
def check(given: Setting, paths: tuple[str, ...], *, json: bool) -> None:
    """Parse and guard lists, the configured ones or those at PATHS.

    Prints `file:line: severity: message` for each problem, and changes nothing.
    """
    from datetime import UTC, datetime  # noqa: PLC0415

    from blockd.policy import publish  # noqa: PLC0415
    from blockd.watchlist.compile import compile_rules  # noqa: PLC0415

    config = given.config
    examined = publish.load(with_paths(config, paths))
    rules = compile_rules(examined.parsed, datetime.now(UTC).date())
    issues = sorted([*examined.issues, *rules.issues])
    if json:
        output.json(
            {
                "accepted": not examined.refusals,
                "refusals": [str(refusal) for refusal in examined.refusals],
                "issues": [
                    {
                        "source": issue.origin.source,
                        "line": issue.origin.line,
                        "severity": issue.severity,
                        "message": issue.message,
                    }
                    for issue in issues
                ],
                "rules": len(rules.rules),
                "names": rules.listed,
                "prefixes": len(rules.prefixes),
                "expired": rules.expired,
                "not_enforced": rules.shadowed,
            }
        )
    else:
        for issue in issues:
            output.line(str(issue))
    examined.require()
    if not json:
        output.line(
            f"accepted: {rules.listed} names and {len(rules.prefixes)} prefixes of"
            f" {len(rules.rules)} rules in {len(examined.parsed)} files"
            + (f"; {rules.expired} entries have expired" if rules.expired else "")
            + (f"; {rules.shadowed} entries are not enforced" if rules.shadowed else "")
        )


def with_paths(config: Config, paths: tuple[str, ...]) -> Config:
    """Return the configuration with other lists, where some were named."""
    if not paths:
        return config
    return msgspec.structs.replace(config, list=ListSection(paths=paths))
