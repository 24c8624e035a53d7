"""Telling systemd about a daemon's state: sd_notify(3). Nothing else belongs here."""

import os
import socket
import time


def notify(*assignments: str) -> None:
    """Send assignments such as `READY=1` or `STATUS=...` to the service manager.

    Without NOTIFY_SOCKET in the environment, or when its reader is gone, nothing happens: a
    daemon works without systemd, and never dies of a notification.
    """
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):  # the abstract namespace, unix(7)
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        try:
            sender.sendto("\n".join(assignments).encode(), address)
        except OSError:
            return


def reloading() -> None:
    """Announce a reload; the time is what newer managers match READY=1 against."""
    microseconds = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    notify("RELOADING=1", f"MONOTONIC_USEC={microseconds}")
