"""Numbers of things in sentences: `1 entry`, `2 entries`, `1,000 prefixes`. Pure.

The one place that knows a plural. Tables and JSON have numbers alone; the page has words of its
own, in several languages.
"""

_HISSING = ("s", "x", "sh", "ch")


def counted(number: int, one: str, many: str = "") -> str:
    """Return a number with what it counts, in the singular where it is one.

    Args:
        number: how many.
        one: what they are, where there is one: `entry`, `bad entry`, `entry has expired`.
        many: where there is none or several; empty: the plural of `one`'s last word.
    """
    return f"{number:,} {one if number == 1 else many or plural(one)}"


def plural(word: str) -> str:
    """Return the plural of a regular English noun, as of `entry`, `prefix` and `name`."""
    if word.endswith("y") and not word.endswith(("ay", "ey", "oy", "uy")):
        return f"{word[:-1]}ies"
    return f"{word}es" if word.endswith(_HISSING) else f"{word}s"
