"""`blockd check`: parse and guard lists, print every problem, change nothing."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click
import msgspec

from blockd.cli import output
from blockd.cli.output import json_option
from blockd.cli.setting import Setting
from blockd.config import Config, ListSection

if TYPE_CHECKING:
    from blockd.routes.plan import Cut
    from blockd.watchlist.compile import RuleSet
    from blockd.watchlist.examine import Examined
    from blockd.watchlist.model import Issue


@click.command()
@click.argument("paths", nargs=-1)
@json_option
@click.pass_obj
def check(given: Setting, paths: tuple[str, ...], *, json: bool) -> None:
    """Parse and guard lists, the configured ones or those at PATHS.

    Prints `file:line: severity: message` for each problem, and which routes the configuration
    keeps from listed prefixes. Changes nothing.
    """
    from datetime import UTC, datetime  # noqa: PLC0415

    from blockd.errors import ListError  # noqa: PLC0415
    from blockd.policy import publish  # noqa: PLC0415
    from blockd.routes import once, show  # noqa: PLC0415
    from blockd.watchlist.compile import compile_rules  # noqa: PLC0415

    config = with_paths(given.config, paths)
    try:
        examined = publish.load(config)
    except ListError as error:
        if json:
            output.json({"accepted": False, "refusals": [str(error)], "issues": []})
        raise
    rules = compile_rules(examined.parsed, datetime.now(UTC).date())
    issues = sorted([*examined.issues, *rules.issues])
    cuts = once.configured_cuts(config, rules.prefixes) if not examined.refusals else ()
    if json:
        output.json(_facts(examined, rules, issues, cuts))
    else:
        for issue in issues:
            output.line(str(issue))
    examined.require()
    if json:
        return
    for cut in cuts:
        output.line(f"{cut.entry}: route {show.cut(cut)}")
    output.line(
        f"accepted: {rules.listed} names and {len(rules.prefixes)} prefixes of"
        f" {len(rules.rules)} rules in {len(examined.parsed)} files"
        + (f"; {rules.expired} entries have expired" if rules.expired else "")
        + (f"; {rules.shadowed} entries are not enforced" if rules.shadowed else "")
    )


def _facts(
    examined: "Examined", rules: "RuleSet", issues: "Sequence[Issue]", cuts: "Sequence[Cut]"
) -> dict[str, Any]:
    from blockd.routes import show  # noqa: PLC0415

    return {
        "accepted": not examined.refusals,
        "refusals": [f"{refusal.source}: {refusal.message}" for refusal in examined.refusals],
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
        "cuts": [f"{cut.entry}: {show.cut(cut)}" for cut in cuts],
    }


def with_paths(config: Config, paths: tuple[str, ...]) -> Config:
    """Return the configuration with other lists, where some were named."""
    if not paths:
        return config
    return msgspec.structs.replace(config, list=ListSection(paths=paths))
