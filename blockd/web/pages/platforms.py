"""The platforms and exceptions in force, with how often each was blocked. Pure."""

from collections.abc import Mapping, Sequence

from blockd.hypertext.markup import Child, e
from blockd.watchlist.model import Rule
from blockd.web.pages.frame import form, number, page, table
from blockd.web.words import Words

MOST = 500
"""Rows that are shown; a list may have a rule for each of a million entries."""


def show(
    words: Words,
    rules: Sequence[Rule],
    counted: Mapping[str, int],
    shadowed: Mapping[str, int],
    wanted: str,
) -> str:
    """Return the page.

    Args:
        words: the reader's language.
        rules: those in force.
        counted: how many answers were blocked, by platform id.
        shadowed: how many would have been, of those that are not enforced.
        wanted: what the rows are to contain; empty: anything.
    """
    found = [rule for rule in rules if wanted.lower().strip() in _text(rule)]
    found.sort(key=lambda rule: (rule.allow, -counted.get(rule.id, 0), rule.id))
    rows = [_row(words, rule, counted, shadowed) for rule in found[:MOST]]
    sentence = (
        words("{shown} of {count} platforms and exceptions",
              shown=number(len(found)), count=number(len(rules)))
        if wanted
        else words("{count} platforms and exceptions", count=number(len(rules)))
    )  # fmt: skip
    heads = [
        words(head)
        for head in (
            "platform", "name", "blocked", "list", "on the word of", "reference", "listed",
            "expires",
        )
    ]  # fmt: skip
    more = words("Only the first {most} are shown; filter for others.", most=MOST)
    label = words("Platform, name, list or reference")
    return page(
        words, words("Platforms"),
        form("/platforms", label, words("Filter"), wanted),
        e("p", sentence),
        table(heads, rows, numbers="2"),
        e("p", more) if len(found) > MOST else None,
        at="/platforms",
    )  # fmt: skip


def _row(
    words: Words, rule: Rule, counted: Mapping[str, int], shadowed: Mapping[str, int]
) -> tuple[Child, ...]:
    name = rule.name or rule.reason
    blocked = "" if rule.allow else number(counted.get(rule.id, 0))
    if not rule.enforce:
        name = f"{name} ({words('not enforced')})"
        blocked = words("would be {count}", count=number(shadowed.get(rule.id, 0)))
    return (
        words("exception") if rule.allow else rule.id, name, blocked, rule.list_name,
        rule.authority, rule.reference, str(rule.listed or ""), str(rule.expires or ""),
    )  # fmt: skip


def _text(rule: Rule) -> str:
    """Return what the filter looks in."""
    texts = (rule.id, rule.name, rule.list_name, rule.authority, rule.reference, rule.reason)
    return "\n".join(texts).lower()
