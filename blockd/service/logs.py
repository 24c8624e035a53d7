"""Logging set-up: the journal where standard error leads there, else lines for a person.

Called once by the command line, never at import. No client address is ever logged: what the
daemons log is about lists, generations, upstreams and routes.
"""

import logging
import os
import sys

from blockd.service import journal

PROGRAM = "blockd"

PERSON = {"reader": "person"}
JOURNAL = {"reader": "journal"}
"""In the `extra` of what only one of the two is told: the journal is searched, and holds every
platform; somebody who sits at a terminal reads, and gets the first ones and a number."""


class _PriorityFormatter(logging.Formatter):
    """sd-daemon(3): a line that starts with <N> carries priority N."""

    def format(self, record: logging.LogRecord) -> str:
        return prefixed(super().format(record), record.levelno)


def configure(name: str) -> None:
    """Log to the journal, with fields, if standard error is its stream; else to standard error.

    Args:
        name: the daemon, for lines that a person reads; the journal knows its unit.
    """
    stream = logging.StreamHandler(sys.stderr)
    chosen: logging.Handler = stream
    if in_journal():
        stream.setFormatter(_PriorityFormatter("%(message)s"))
        chosen = journal.JournalHandler(PROGRAM, otherwise=stream)
        chosen.setFormatter(logging.Formatter("%(message)s"))
        chosen.addFilter(lambda record: getattr(record, "reader", "journal") == "journal")
    else:
        stream.addFilter(lambda record: getattr(record, "reader", "person") == "person")
        stream.setFormatter(logging.Formatter(f"%(asctime)s {name}: %(message)s", "%H:%M:%S"))
    logging.basicConfig(level=logging.INFO, handlers=[chosen], force=True)
    for loud in ("pyroute2", "asyncio"):
        logging.getLogger(loud).setLevel(logging.WARNING)


def in_journal() -> bool:
    """Tell whether standard error is the journal's."""
    named = os.environ.get("JOURNAL_STREAM", "")
    try:
        return bool(named) and journal.is_stream(sys.stderr.fileno(), named)
    except (OSError, ValueError):  # it is closed, or no file
        return False


def prefixed(text: str, level: int) -> str:
    """Return a text whose every line carries the priority of a level, for the journal's stream."""
    return "\n".join(f"<{journal.priority(level)}>{line}" for line in text.splitlines())
