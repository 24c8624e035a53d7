"""Telling systemd about a daemon's state: sd_notify(3). Nothing else belongs here."""

import os
import socket
import time

_PATIENCE = 5.0  # seconds; a manager that does not read stops no daemon
_PASSING = ("STATUS=", "WATCHDOG=")  # what will be said again


def notify(*assignments: str) -> bool:
    """Send assignments such as `READY=1` or `STATUS=...` to the service manager.

    Without NOTIFY_SOCKET in the environment, or when its reader is gone, nothing happens: a
    daemon works without systemd, and never dies of a notification. Nor does it wait to have a
    mere STATUS= or WATCHDOG= taken, while the manager is busy.

    Returns:
        Whether it was taken, or there is nobody to tell.
    """
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return True
    if address.startswith("@"):  # the abstract namespace, unix(7)
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        # A queue that its reader leaves full holds 10 messages (net.unix.max_dgram_qlen).
        matters = not all(assignment.startswith(_PASSING) for assignment in assignments)
        sender.settimeout(_PATIENCE if matters else 0)
        try:
            # Only of a socket that is connected does poll(2) tell when its peer has room.
            sender.connect(address)
            sender.send("\n".join(assignments).encode())
        except OSError:
            return False
    return True


def reloading() -> None:
    """Announce a reload; the time is what newer managers match READY=1 against."""
    microseconds = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    notify("RELOADING=1", f"MONOTONIC_USEC={microseconds}")
