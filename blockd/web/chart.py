"""The chart of answers over time, as SVG: stacked columns, one a sample. Pure.

Colours come from the style sheet, so that the chart follows light and dark.
"""

from datetime import UTC, datetime

from blockd.hypertext.markup import Markup, e
from blockd.web.ring import GROUPS, Column
from blockd.web.words import Words

WIDTH, HEIGHT = 720, 200
_LEFT, _TOP, _BOTTOM = 56, 10, 24  # room for the scale and the times
_STEPS = (1, 2, 5)


def chart(words: Words, columns: list[Column], most: int) -> Markup:
    """Return the SVG.

    Args:
        words: the reader's language.
        columns: oldest first.
        most: columns that fit; with fewer, the newest stands at the right all the same.
    """
    rates = [_rate(column.total, column) for column in columns]
    top = _round_up(max([*rates, 0.0]))
    step = (WIDTH - _LEFT) / most
    drawn = [
        _column(column, WIDTH - (len(columns) - number) * step, step, top)
        for number, column in enumerate(columns)
    ]
    title = words("Answers a second over the last hour, by outcome")
    return e(
        "svg",
        e("title", title),
        [_line(top * part, top) for part in (0, 0.5, 1)],
        drawn,
        _times(columns),
        viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img", aria_label=title, class_="chart",
    )  # fmt: skip


def _column(column: Column, x: float, step: float, top: float) -> list[Markup]:
    found, y = [], float(HEIGHT - _BOTTOM)
    for number, group in enumerate(GROUPS):
        height = _rate(column.groups[group], column) / top * (HEIGHT - _TOP - _BOTTOM)
        if height > 0:
            y -= height
            found.append(
                e("rect", x=f"{x:.1f}", y=f"{y:.1f}", width=f"{max(step - 1, 1):.1f}",
                  height=f"{height:.1f}", class_=f"g{number}")
            )  # fmt: skip
    return found


def _line(value: float, top: float) -> list[Markup]:
    y = HEIGHT - _BOTTOM - value / top * (HEIGHT - _TOP - _BOTTOM)
    return [
        e("line", x1=_LEFT, x2=WIDTH, y1=f"{y:.1f}", y2=f"{y:.1f}"),
        e("text", f"{value:g}", x=_LEFT - 6, y=f"{y + 4:.1f}", text_anchor="end"),
    ]


def _times(columns: list[Column]) -> list[Markup]:
    """Return the time of the newest column."""
    if not columns:
        return []
    moment = datetime.fromtimestamp(columns[-1].until, UTC)
    return [e("text", f"{moment:%H:%M} UTC", x=WIDTH, y=HEIGHT - 6, text_anchor="end")]


def _rate(count: int, column: Column) -> float:
    """Return a count by the second; a moment counts as a second."""
    return count / max(column.until - column.since, 1.0)


def _round_up(value: float) -> float:
    """Return the next number that begins with 1, 2 or 5, at least 1."""
    scale = 1
    while True:
        for step in _STEPS:
            if step * scale >= value:
                return float(step * scale)
        scale *= 10
