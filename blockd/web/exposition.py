"""The text format of Prometheus, version 0.0.4: metrics with values to text. Pure.

Which metrics there are and where their values come from stands in `metrics`.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import accumulate
from typing import NamedTuple

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Kind(StrEnum):
    """What a metric's values mean over time."""

    GAUGE = "gauge"
    COUNTER = "counter"
    HISTOGRAM = "histogram"


class Distribution(NamedTuple):
    """A histogram's value."""

    bounds: Sequence[float]
    """Upper bounds, rising; one more bucket above the last is understood."""
    counts: Sequence[int]
    """One for each bound and one for what is above them all; each for itself."""
    total: float
    """The sum of all observations."""


Value = float | Mapping[str, float] | Distribution | None
"""One number, or one for each value of the metric's label; None: not known, so left out."""


def lines(name: str, kind: Kind, meaning: str, label: str, value: Value) -> Iterator[str]:
    """Yield the lines of one metric; none where nothing is known of it.

    Args:
        name: by the conventions of Prometheus.
        kind: of the metric.
        meaning: one sentence.
        label: the label's name where the value is a mapping.
        value: what is known.
    """
    if value is None or (isinstance(value, Mapping) and not value):
        return
    yield f"# HELP {name} {_escaped(meaning, quotes=False)}"
    yield f"# TYPE {name} {kind}"
    match value:
        case Distribution():
            edges = [*map(_number, value.bounds), "+Inf"]
            for edge, below in zip(edges, accumulate(value.counts), strict=True):
                yield f'{name}_bucket{{le="{edge}"}} {below}'
            yield f"{name}_sum {_number(value.total)}"
            yield f"{name}_count {sum(value.counts)}"
        case Mapping():
            for key, number in sorted(value.items()):
                yield f'{name}{{{label}="{_escaped(key)}"}} {_number(number)}'
        case _:
            yield f"{name} {_number(value)}"


def _number(value: float) -> str:
    if isinstance(value, bool) or (math.isfinite(value) and value == int(value)):
        return str(int(value))
    return repr(float(value))


def _escaped(text: str, *, quotes: bool = True) -> str:
    text = text.replace("\\", r"\\").replace("\n", r"\n")
    return text.replace('"', r"\"") if quotes else text
