"""HTML from Python: every text is escaped but what was made here. Pure."""

from collections.abc import Iterable
from html import escape

_VOID = frozenset({"input", "link", "meta"})


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


Child = str | int | None | Iterable["Child"]
"""Text, markup, a number, nothing, or several of them."""


def e(tag: str, *children: Child, **attributes: str | int | None) -> Markup:
    """Return an element.

    Args:
        tag: its name.
        children: what it holds; text is escaped, None is left out.
        attributes: by name, with `_` for `-`, and one behind a word of Python's; None: left out.
    """
    named = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    if tag in _VOID:
        return Markup(f"<{tag}{named}>")
    return Markup(f"<{tag}{named}>{joined(*children)}</{tag}>")


def joined(*children: Child) -> Markup:
    """Return several as one, without an element around them."""
    return Markup("".join(map(_text, children)))


def _text(child: Child) -> str:
    match child:
        case None:
            return ""
        case Markup():
            return child
        case str() | int():
            return escape(str(child))
        case _:
            return joined(*child)
