"""The manual's topics, read from the texts beside this module. What they mean is `blocks`'."""

from pathlib import Path

from blockd.manual.blocks import Topic, parse

TOPICS = (
    "operating", "troubleshooting", "configuration", "list", "feeds", "sources", "signing", "guard",
    "resolver", "routes", "notices", "exit-status",
)  # fmt: skip
"""Every topic, in the order in which somebody new to blockd needs them."""

_TEXTS = Path(__file__).parent / "text"


def topic(name: str) -> Topic:
    """Return one of `TOPICS`, its tables filled in."""
    from blockd.manual.tables import table  # noqa: PLC0415 - it loads every format of a list

    return parse(_text(name), table)


def summary(name: str) -> str:
    """Return what a topic is about, in a line."""
    return _text(name).partition("\n")[0].partition(": ")[2]


def _text(name: str) -> str:
    return (_TEXTS / f"{name}.txt").read_text(encoding="utf-8")
