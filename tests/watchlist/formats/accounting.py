"""What the tests of all formats ask of a result: every line counted once, entries as texts."""

from blockd import names
from blockd.watchlist.model import MOST_ISSUES, Scope

SIGNS = {Scope.SUBTREE: "", Scope.EXACT: "=", Scope.BELOW: "*."}


def accounted(parsed):
    """Whether every line is in one of the four counts, and no issue stands twice on a line."""
    lines = [issue.origin.line for issue in parsed.issues]
    counted = parsed.entries + parsed.comments + parsed.blanks + parsed.faults
    return (
        counted == parsed.lines
        and len(lines) == kept(parsed)
        and len(set(lines)) == len(lines)
        and all(0 < line <= parsed.lines for line in lines)
        and all(0 < e.line <= parsed.lines for e in (*parsed.names, *parsed.prefixes))
        and sum(parsed.unsupported.values()) <= parsed.faults
        and parsed.mixed.keys() <= {e.line for e in (*parsed.names, *parsed.prefixes)} | set(lines)
        and len({(e.name, e.scope, e.rule.allow) for e in parsed.names}) == len(parsed.names)
    )


def kept(parsed):
    """How many issues are kept of those that are counted."""
    return parsed.shown_of_all + sum(min(n, MOST_ISSUES) for n in parsed.counted.values())


def written(parsed):
    """The entries as `@@=name action addresses`, by their place."""
    found = [
        (
            e.line,
            f"{'@@' * e.rule.allow}{SIGNS[e.scope]}{names.to_unicode(e.name)}{_answer(e.rule)}",
        )
        for e in parsed.names
    ]
    found += [(e.line, f"{'@@' * e.rule.allow}{e.prefix}") for e in parsed.prefixes]
    return [text for _, text in sorted(found)]


def _answer(rule):
    texts = [str(rule.action)] if rule.action else []
    return "".join(f" {text}" for text in (*texts, *rule.addresses, *rule.records))


def problems(parsed):
    """The issues as (line, message)."""
    return [(issue.origin.line, issue.message) for issue in parsed.issues]
