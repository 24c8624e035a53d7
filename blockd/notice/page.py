"""The notice as a page: no script, and nothing that has to be fetched, its style included. Pure."""

from blockd.hypertext.language import LANGUAGES
from blockd.hypertext.markup import Child, Markup, e, joined
from blockd.notice import facts
from blockd.notice.facts import Blocked
from blockd.notice.words import Words
from blockd.values import is_link

_TURNS = dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)))
"""Signs that turn the text behind them round, or end what keeps them in (UAX 9, 2): left out."""


def of_blocked(words: Words, about: Blocked, style: str) -> str:
    """Return the page about a blocked name.

    Args:
        words: the reader's language.
        about: the name, and what blocks it.
        style: the style sheet.
    """
    rows = facts.rows(words, about)
    return _document(
        words,
        style,
        facts.title(words, about),
        e("p", _set_off(facts.why(words, about), about.rule.authority), class_="why"),
        e("p", words("Nothing was sent to the site.")),
        e("dl", [joined(e("dt", name), e("dd", _linked(value))) for name, value in rows]),
        e("h2", words("If you think that this is a mistake")),
        e("p", _set_off(facts.objection(words, about), facts.spoken(about.rule.contact))),
    )


def of_other(words: Words, name: str, style: str) -> str:
    """Return the page about a name that no list has; without a name, about what this address is.

    Args:
        words: the reader's language.
        name: in canonical form; empty: none was asked for.
        style: the style sheet.
    """
    title, text = facts.other(words, name)
    return _document(words, style, title, e("p", text))


def _linked(value: str) -> Child:
    # A text of a list becomes a link only where it can be no script.
    return e("a", facts.spoken(value), href=value) if is_link(value) else _apart(value)


def _apart(text: str) -> Markup:
    """Return a list's text, which may run from right to left, so that it turns only itself."""
    return e("bdi", text.translate(_TURNS))


def _set_off(sentence: str, part: str) -> Child:
    """Return a sentence with the part of it that is a list's kept apart.

    Should other words of the sentence be the same as the part, they are in its place: such a
    part turns nothing.
    """
    if not part:
        return sentence
    before, found, after = sentence.partition(part)
    return [before, _apart(found), after]


def _document(words: Words, style: str, title: str, *body: Child) -> str:
    document = e(
        "html",
        e(
            "head",
            e("meta", charset="utf-8"),
            e("meta", name="viewport", content="width=device-width, initial-scale=1"),
            e("meta", name="color-scheme", content="light dark"),
            e("title", title),
            # Else a browser asks for /favicon.ico, under the blocked name.
            e("link", rel="icon", href="data:,"),
            Markup(f"<style>{style}</style>"),
        ),
        e(
            "body",
            e("main", e("h1", title), *body),
            e("footer", words("No record is kept of who asked for what.")),
        ),
        lang=LANGUAGES[words.language],
    )
    return f"<!doctype html>\n{document}\n"
