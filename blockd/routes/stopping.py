"""Whether a unit that ends was stopped for good, or will run again: what ExecStopPost= must know.

systemd.service(5) runs ExecStopPost= after a stop, within a restart, after a crash and at
shutdown alike, and SERVICE_RESULT does not tell them apart: a restart is as much a `success` as
a stop, and so is a SIGTERM from anybody, upon which Restart= acts; a hung daemon that is stopped
is a `timeout`. The job does: a unit has a job of type `stop` while somebody wants it stopped,
`restart` or `start` while it will run again, and none when it ended by itself. Reading jobs is
all that happens here.
"""

import subprocess
from enum import Enum

from blockd.errors import UnreachableError

_PATIENCE = 5.0  # seconds; systemd answers within milliseconds
_SHUTDOWN = "shutdown.target"  # systemd.special(7): every way down begins it


class Ending(Enum):
    """Why a unit's ExecStopPost= runs; the value says it in words."""

    STOPPED = "the unit was stopped"
    RETURNS = "the unit ends without being stopped for good"
    SHUTDOWN = "the host goes down"


def ending(jobs: str, unit: str) -> Ending:
    """Return why a unit ends.

    Args:
        jobs: what `systemctl list-jobs --plain --no-legend --full` prints: a line a job, with
            its number, unit, type and state.
        unit: the unit's full name.
    """
    queued = {words[1]: words[2] for line in jobs.splitlines() if len(words := line.split()) == 4}
    if _SHUTDOWN in queued:
        return Ending.SHUTDOWN
    return Ending.STOPPED if queued.get(unit) == "stop" else Ending.RETURNS


def why(unit: str) -> Ending:
    """Return why a unit ends, by asking systemd; to be called from its ExecStopPost=.

    Raises:
        UnreachableError: systemd does not answer.
    """
    argv = ["systemctl", "list-jobs", "--plain", "--no-legend", "--no-pager", "--full"]
    try:
        done = subprocess.run(  # noqa: S603 - nothing of it comes from outside
            argv, check=True, capture_output=True, text=True, timeout=_PATIENCE
        )
    except subprocess.CalledProcessError as error:
        said = error.stderr.strip() or f"status {error.returncode}"
    except (OSError, subprocess.TimeoutExpired) as error:
        said = str(error)
    else:
        return ending(done.stdout, unit)
    raise UnreachableError(f"systemd does not say why {unit} ends: {said}")
