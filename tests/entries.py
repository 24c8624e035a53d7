"""Random parsed lists for properties, and what they mean when they are read naively.

Few names and prefixes that lie within each other, so that entries meet at every turn.
"""

import itertools
from datetime import date

from hypothesis import strategies as st

from blockd import names, prefixes
from blockd.watchlist.model import NameEntry, Parsed, PrefixEntry, Rule, Scope

TODAY = date(2026, 3, 1)
TEXTS = [
    ".".join((*labels, "test"))
    for depth in range(4)
    for labels in itertools.product("ab", repeat=depth)
]
UNIVERSE = [names.parse(text) for text in (*TEXTS, *(f"z.{text}" for text in TEXTS))]
"""The names that lists hold, and one below each that none holds."""

_BASE = prefixes.parse("198.18.0.0/16")
CORNER = [
    prefixes.Prefix(4, _BASE.network + at, 32).supernet(length)
    for length in range(28, 33)
    for at in range(0, 16, 1 << (32 - length))
]

_days = st.sampled_from([None, None, None, date(2026, 2, 28), TODAY, date(2026, 3, 2)])


@st.composite
def _rules(draw, source):
    return [
        Rule(
            id=f"p{number}",
            source=source,
            line=10 * number,
            allow=draw(st.integers(0, 2)) == 0,
            expires=draw(_days),
            enforce=draw(st.integers(0, 5)) > 0,
        )
        for number in range(1, draw(st.integers(2, 5)))
    ]


@st.composite
def _source(draw, source):
    rules = draw(_rules(source))
    listed = draw(
        st.lists(
            st.tuples(
                st.sampled_from(TEXTS), st.sampled_from(Scope), st.sampled_from(range(len(rules)))
            ),
            max_size=12,
            unique=True,
        )
    )
    covered = draw(
        st.lists(
            st.tuples(st.sampled_from(CORNER), st.sampled_from(range(len(rules)))),
            max_size=6,
            unique=True,
        )
    )
    return Parsed(
        source=source,
        feed=False,
        names=[
            NameEntry(names.parse(text), scope, rules[place], rules[place].line + line)
            for line, (text, scope, place) in enumerate(listed, 1)
        ],
        prefixes=[
            PrefixEntry(prefix, rules[place], rules[place].line + line)
            for line, (prefix, place) in enumerate(covered, 1)
        ],
    )


lists = st.tuples(_source("a.toml"), _source("b.toml")).map(list)
"""Two parsed sources with blocked, excepted, expired and shadowed entries."""


def in_force(rule, today=TODAY):
    return rule.enforce and (rule.expires is None or rule.expires >= today)


def deciding(name, sources, today=TODAY):
    """The entry that decides about a name, found by asking every entry; None: none does."""
    fitting = [
        entry
        for source in sources
        for entry in source.names
        if in_force(entry.rule, today) and _covers(entry, name)
    ]
    return min(
        fitting,
        key=lambda entry: (
            -len(entry.name),
            not entry.rule.allow,
            entry.scope is Scope.SUBTREE,
            entry.rule.source,
            entry.rule.line,
            entry.line,
        ),
        default=None,
    )


def deciding_prefix(prefix, sources, today=TODAY):
    """The same for a prefix."""
    fitting = [
        entry
        for source in sources
        for entry in source.prefixes
        if in_force(entry.rule, today) and entry.prefix.covers(prefix)
    ]
    return min(
        fitting,
        key=lambda entry: (
            -entry.prefix.length,
            not entry.rule.allow,
            entry.rule.source,
            entry.rule.line,
            entry.line,
        ),
        default=None,
    )


def _covers(entry, name):
    if entry.name == name:
        return entry.scope is not Scope.BELOW
    return entry.scope is not Scope.EXACT and entry.name in names.suffixes(name)
