"""Free ports for servers that a test starts; sockets that stay with the test bind port 0."""

import contextlib
import secrets
import socket

_LOWEST, _GIVEN_OUT = 10_240, 32_768
"""Below ip_local_port_range (ip-sysctl.rst): nothing that runs beside is given them by chance."""


def free_port(address="127.0.0.1"):
    """Return a port of IPv4 that is free for UDP and TCP, and stays so until somebody names it."""
    while True:
        port = _LOWEST + secrets.randbelow(_GIVEN_OUT - _LOWEST)
        with (
            contextlib.suppress(OSError),
            socket.socket() as tcp,
            socket.socket(type=socket.SOCK_DGRAM) as udp,
        ):
            tcp.bind((address, port))
            udp.bind((address, port))
            return port
