"""`blockd check`: parse and guard lists, print every problem, change nothing."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click
import msgspec

from blockd.cli import output
from blockd.cli.compile import shown_while_held
from blockd.cli.output import json_option
from blockd.cli.progress import Progress
from blockd.cli.setting import Setting
from blockd.config import Config, ListSection
from blockd.counting import counted

if TYPE_CHECKING:
    from datetime import date

    from blockd.policy.difference import Difference
    from blockd.routes.model import Cut
    from blockd.watchlist.compile import RuleSet
    from blockd.watchlist.examine import Examined
    from blockd.watchlist.model import Issue, Parsed
    from blockd.watchlist.refusal import Refusal


@click.command()
@click.argument("paths", nargs=-1, type=click.Path())
@json_option
@click.pass_obj
def check(given: Setting, paths: tuple[str, ...], *, json: bool) -> None:
    """Parse and guard lists, the configured ones or those at PATHS.

    Prints `file:line: severity: message` for each problem, what became of the lines of each feed,
    and which routes the configuration keeps from listed prefixes. The configured lists are also
    measured against the guard's limits on changes. Warns of addresses to listen on that this host
    does not have. Changes nothing.
    """
    from datetime import UTC, datetime  # noqa: PLC0415

    from blockd.errors import ListError  # noqa: PLC0415
    from blockd.policy import change as changes  # noqa: PLC0415
    from blockd.policy import publish  # noqa: PLC0415
    from blockd.routes import once, show  # noqa: PLC0415
    from blockd.service import addresses  # noqa: PLC0415
    from blockd.watchlist import proof  # noqa: PLC0415
    from blockd.watchlist.compile import compile_rules  # noqa: PLC0415

    config = with_paths(given.config, paths)
    lacks = [f"{lack.what}; {lack.remedy}" for lack in addresses.lacks(config)]
    if not json:
        for lack in lacks:
            output.note(f"warning: {lack}")
    try:
        with Progress() as step:
            examined = publish.load(config, given.store, step)
    except ListError as error:
        if json:
            output.json({"accepted": False, "refusals": [str(error)], "issues": []})
        raise
    today = datetime.now(UTC).date()
    rules = compile_rules(examined.parsed, today)
    issues = sorted([*examined.issues, *rules.issues])
    unproven = proof.objections(rules, config.guard) if not examined.refusals else []
    refused = bool(examined.refusals or unproven)
    cuts = once.configured_cuts(config, rules.prefixes) if not refused else ()
    change, objected = None, None
    if not paths and not refused:
        change = _change(given, rules, today)
        if change is not None:
            objected = changes.objection(change, config.guard, today)
    if json:
        output.json(
            {
                **_facts(examined, rules, issues, cuts),
                "accepted": not refused and objected is None,
                "refusals": [*map(_refusal, examined.refusals), *unproven],
                "change": change and change.digest(today),
                "beyond": objected.beyond if objected else (),
                "configuration": lacks,
            }
        )
    else:
        for issue in issues:
            output.line(str(issue))
        for parsed in examined.parsed:
            if parsed.feed and parsed.lines:
                output.line(_counted(parsed))
    examined.require(shown=True)
    publish.require_proof(rules, config.guard)
    if objected is not None:
        raise shown_while_held(given, objected)
    if json:
        return
    for cut in cuts:
        output.line(f"{cut.entry}: route {show.cut(cut)}")
    output.line(
        f"accepted: {counted(rules.listed, 'name')} and {counted(len(rules.prefixes), 'prefix')} of"
        f" {counted(len(rules.rules), 'rule')} in {counted(len(examined.parsed), 'file')}"
        + (f"; {_expired(rules.expired)}" if rules.expired else "")
        + (f"; {_shadowed(rules.shadowed)}" if rules.shadowed else "")
    )
    if change:
        output.line(f"change {change.digest(today)}: {output.counts(change)}")


def _change(given: Setting, rules: "RuleSet", today: "date") -> "Difference | None":
    """Return what differs from the generation in force; None: nothing, or there is none."""
    from blockd.errors import StoreError  # noqa: PLC0415
    from blockd.policy import publish  # noqa: PLC0415

    if given.store.current() is None:
        return None
    try:
        return publish.against(given.store, rules, today) or None
    except StoreError:
        return None  # a damaged state is no problem of the lists


def _facts(
    examined: "Examined", rules: "RuleSet", issues: "Sequence[Issue]", cuts: "Sequence[Cut]"
) -> dict[str, Any]:
    from blockd.routes import show  # noqa: PLC0415

    return {
        "issues": [
            {
                "source": issue.origin.source,
                "line": issue.origin.line,
                "severity": issue.severity,
                "message": issue.message,
            }
            for issue in issues
        ],
        "sources": [_accounted(parsed) for parsed in examined.parsed],
        "rules": len(rules.rules),
        "names": rules.listed,
        "prefixes": len(rules.prefixes),
        "expired": rules.expired,
        "not_enforced": rules.shadowed,
        "cuts": [f"{cut.entry}: {show.cut(cut)}" for cut in cuts],
    }


def _refusal(refusal: "Refusal") -> str:
    return f"{refusal.source}: {refusal.message}"


def _accounted(parsed: "Parsed") -> dict[str, Any]:
    """Return what became of a source's lines: of a feed, each is in one of the four counts."""
    return {
        "source": parsed.source,
        "format": parsed.format,
        "lines": parsed.lines,
        "entries": parsed.entries,
        "comments": parsed.comments,
        "blanks": parsed.blanks,
        "issues": parsed.faults,
        "unsupported": parsed.unsupported,
    }


def _expired(number: int) -> str:
    return counted(number, "entry has expired", "entries have expired")


def _shadowed(number: int) -> str:
    return counted(number, "entry is not enforced", "entries are not enforced")


def _counted(parsed: "Parsed") -> str:
    facts = _accounted(parsed)
    kinds = ", ".join(f"{n:,} {kind}" for kind, n in sorted(parsed.unsupported.items()))
    return (
        f"{parsed.source}: {parsed.format}, {counted(parsed.lines, 'line')}:"
        f" {counted(parsed.entries, 'entry')}, {counted(parsed.comments, 'comment')},"
        f" {counted(parsed.blanks, 'blank')}, {counted(facts['issues'], 'issue')}"
        + (f" (not taken: {kinds})" if kinds else "")
    )


def with_paths(config: Config, paths: tuple[str, ...]) -> Config:
    """Return the configuration with other lists, where some were named."""
    if not paths:
        return config
    return msgspec.structs.replace(config, list=ListSection(paths=paths))
