"""Logging set-up: plain lines on standard error, with the priorities that journald reads.

Called once by the command line, never at import. No client address is ever logged: what the
daemons log is about lists, generations, upstreams and routes.
"""

import logging
import os
import sys

# sd-daemon(3): a line that starts with <N> carries syslog priority N.
_PRIORITIES = {
    logging.DEBUG: 7,
    logging.INFO: 6,
    logging.WARNING: 4,
    logging.ERROR: 3,
    logging.CRITICAL: 2,
}


class _JournalFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        priority = _PRIORITIES.get(record.levelno, 6)
        return "\n".join(f"<{priority}>{line}" for line in super().format(record).splitlines())


def configure(name: str) -> None:
    """Log to standard error; under systemd with priorities and without times of our own."""
    stream = logging.StreamHandler(sys.stderr)
    if os.environ.get("JOURNAL_STREAM"):
        stream.setFormatter(_JournalFormatter("%(message)s"))
    else:
        stream.setFormatter(logging.Formatter(f"%(asctime)s {name}: %(message)s", "%H:%M:%S"))
    logging.basicConfig(level=logging.INFO, handlers=[stream], force=True)
    for loud in ("pyroute2", "asyncio"):
        logging.getLogger(loud).setLevel(logging.WARNING)
