"""How the gateway stands: what a look at it found, and whether both planes enforce the list. Pure.

Who looks, and how it is shown, is the business of `cli.status` and of `web`.
"""

from datetime import datetime
from typing import Any, NamedTuple

from blockd.config import Config
from blockd.policy.record import Record

Status = dict[str, Any]
"""What a control socket answers; see `status` of each daemon."""


class Fetched(NamedTuple):
    """What the spool says of the sources that have a URL."""

    problems: int
    """Sources that were never fetched, or whose last attempt failed."""
    oldest: datetime | None
    """When the server of the copy that is oldest in this said last that it is current; None: none
    was ever fetched."""


class Standing(NamedTuple):
    """One look at everything."""

    record: Record | None
    """Of the generation in force; None: there is none, or its record cannot be read."""
    daemons: dict[str, Status | None]
    """Those that this gateway is to run, by name; None: no answer."""
    verified: Status | None = None
    """What the last `blockd verify --record` left; None: none since boot."""
    notice: Status | None = None
    """What the notice service says, which not every gateway runs; None: no answer."""
    fetched: Fetched | None = None
    """None: no source has a URL, or the spool cannot be read."""

    def of(self, name: str) -> Status:
        """Return a daemon's status; empty where it gives none."""
        return self.daemons.get(name) or {}

    @property
    def optional(self) -> dict[str, Status]:
        """Return what daemons say that a gateway may do without, where they run."""
        return {"notice": self.notice} if self.notice else {}


def wanted(config: Config) -> list[str]:
    """Return the daemons that a gateway of this configuration runs."""
    return ["compiler", "resolver", *(["routes"] if config.routes.enabled else [])]


def problems(status: Status) -> list[str]:
    """Return what a daemon says is wrong."""
    found = [str(problem) for problem in status.get("problems", ())]
    return [*found, str(status["problem"])] if status.get("problem") else found


def unready(standing: Standing) -> list[str]:
    """Return why the gateway does not enforce the current generation; empty: it does.

    The compiler is no reason: without it both planes go on with the last good list. It is to
    be alerted on, and no reason to send traffic elsewhere.
    """
    if standing.record is None:
        return ["there is no generation with a readable record; run `blockd compile`"]
    return [
        reason
        for name, status in standing.daemons.items()
        if name != "compiler" and (reason := _behind(name, status, standing.record.number))
    ]


def _behind(name: str, status: Status | None, number: int) -> str:
    """Return why a plane does not enforce a generation; empty: it does, or a later one."""
    if status is None:
        return f"{name}: no answer from its control socket"
    wrong = "".join(f"; {problem}" for problem in problems(status))
    if not status.get("ready", False):
        return f"{name}: not ready{wrong}"
    held = status.get("generation")
    if held is None or held < number:
        return f"{name}: enforces generation {held or 'none'} instead of {number}{wrong}"
    if not status.get("enforcing", True):
        return f"{name}: packets to listed prefixes may pass{_past(status)}{wrong}"
    return ""


def _past(routes: Status) -> str:
    """Return how packets get past the null routes, as far as the daemon says it."""
    missing = routes.get("missing")
    lost = f", {missing} of {routes.get('desired')} routes are missing" if missing else ""
    return lost + "".join(f", bypassed by {each}" for each in routes.get("bypassed_by", ()))
