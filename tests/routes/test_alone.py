"""One route daemon a table and network namespace."""

import socket

import pytest

from blockd.errors import KernelError
from blockd.routes.alone import Alone

TABLE = 4_100_000_001  # no daemon keeps it


def test_a_second_one_is_refused_until_the_first_gives_up():
    first = Alone(TABLE)
    with pytest.raises(KernelError, match="another blockd keeps table 4100000001"):
        Alone(TABLE)
    first.close()
    Alone(TABLE).close()


def test_other_tables_and_namespaces_are_others_business():
    with_names = [Alone(TABLE), Alone(TABLE + 1), Alone(TABLE, "there")]
    for held in with_names:
        held.close()


def test_who_holds_the_name_without_listening_stops_nobody():
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as squatter:
        squatter.bind(f"\0blockd-routes--{TABLE}")
        Alone(TABLE).close()
