"""What all pages have in common: head, navigation, foot, and their small parts. Pure."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from blockd.hypertext.language import LANGUAGES
from blockd.hypertext.markup import Child, Markup, e, joined
from blockd.web.words import Words

SECTIONS = (
    ("/", "State"),
    ("/platforms", "Platforms"),
    ("/search", "Why is this blocked?"),
    ("/history", "History"),
)
"""Where what is; the order of the navigation."""


def page(words: Words, title: str, *body: Child, at: str = "") -> str:
    """Return a whole document.

    Args:
        words: the reader's language.
        title: of this page, in that language.
        body: what it holds below the title.
        at: the section that it belongs to, by its path.
    """
    document = e(
        "html",
        e(
            "head",
            e("meta", charset="utf-8"),
            e("meta", name="viewport", content="width=device-width, initial-scale=1"),
            e("meta", name="color-scheme", content="light dark"),
            e("title", f"{title} · blockd"),
            e("link", rel="stylesheet", href="/style.css"),
            e("link", rel="icon", href="/icon.svg", type="image/svg+xml"),
        ),
        e(
            "body",
            e("header", e("strong", "blockd"), _navigation(words, at)),
            e("main", e("h1", title), *body),
            e("footer", words("Read-only, and for this host alone. No record is kept of who asked"
                              " for what.")),
        ),
        lang=LANGUAGES[words.language],
    )  # fmt: skip
    return f"<!doctype html>\n{document}\n"


def section(title: str, *body: Child) -> Markup:
    """Return a part of a page with its heading."""
    return e("section", e("h2", title), *body)


def table(heads: Sequence[str], rows: Iterable[Sequence[Child]], numbers: str = "") -> Markup:
    """Return a table, which scrolls by itself where it is too wide.

    Args:
        heads: the columns' names.
        rows: as many cells as columns; the first names the row.
        numbers: the columns' places that hold numbers, such as "13".
    """
    classes = ["n" if str(place) in numbers else None for place in range(len(heads))]
    return e(
        "div",
        e(
            "table",
            e("thead", e("tr", [
                e("th", head, scope="col", class_=class_)
                for head, class_ in zip(heads, classes, strict=True)
            ])),
            e("tbody", [
                e("tr", [
                    e("td" if place else "th", cell, scope=None if place else "row", class_=class_)
                    for place, (cell, class_) in enumerate(zip(row, classes, strict=True))
                ])
                for row in rows
            ]),
        ),
        class_="wide",
    )  # fmt: skip


def pairs(rows: Iterable[tuple[str, Child]]) -> Markup:
    """Return names with their values; those without a value are left out."""
    known = [(name, value) for name, value in rows if value not in (None, "")]
    return e("dl", [joined(e("dt", name), e("dd", value)) for name, value in known])


def said(text: str) -> Markup:
    """Return what a daemon says, in its own words."""
    return e("span", text, lang="en")


def form(action: str, label: str, button: str, value: str) -> Markup:
    """Return a search field; it works by GET alone."""
    return e(
        "form",
        e("label", label, for_="q"),
        e("input", id="q", name="q", type="search", value=value, maxlength=300,
          autocomplete="off", autocapitalize="none", spellcheck="false"),
        e("button", button, type="submit"),
        action=action, method="get", role="search",
    )  # fmt: skip


def time(moment: datetime | float | None) -> Markup | None:
    """Return a time, in UTC; None for none."""
    if moment is None:
        return None
    if not isinstance(moment, datetime):
        moment = datetime.fromtimestamp(moment, UTC)
    return e("time", f"{moment:%Y-%m-%d %H:%M:%S} UTC", datetime=f"{moment:%Y-%m-%dT%H:%M:%SZ}")


def number(value: float | None) -> str:
    """Return a number with its thousands apart; empty for none."""
    return "" if value is None else f"{value:,}"


def _navigation(words: Words, at: str) -> Markup:
    return e(
        "nav",
        [
            e("a", words(title), href=path, aria_current="page" if path == at else None)
            for path, title in SECTIONS
        ],
        aria_label=words("Sections"),
    )
