"""Faults of blockd's own as they are logged: where they come from, without what they speak of.

The text of an error may hold what somebody asked for, and so may what asyncio names with it. For
the daemons that are asked by name: resolver, notices and pages. What the others log of a fault may
quote the list, which is no secret. Errors that blockd expects have sentences of their own.
"""

import asyncio
import logging
import traceback
from typing import Any

_log = logging.getLogger(__name__)


def without_texts(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what asyncio reports without what it names: transports, and what was sent on them.

    Args:
        context: see `asyncio.loop.call_exception_handler`.
    """
    error = context.get("exception")
    if isinstance(error, Exception) and not isinstance(error, OSError):
        say(error)
    else:  # of the system, such as that no more files may be open
        _log.error("%s: %s", context["message"], getattr(error, "strerror", None) or "no reason")


def say(error: Exception, what: str = "") -> None:
    """Log the kind of an error and the lines of the program that it went through.

    Args:
        error: what went wrong.
        what: what came of it; empty: it is said elsewhere.
    """
    lines = "".join(traceback.format_tb(error.__traceback__)).rstrip()
    told = f"{what}: " if what else ""
    _log.error("%s%s, which is a fault of blockd's:\n%s", told, type(error).__name__, lines)
