"""One route daemon a table and network namespace."""

import ctypes
import os
import select
import signal
import socket

import pytest

from blockd.errors import KernelError
from blockd.routes.alone import Alone
from tests import topology

TABLE = 4_100_000_001  # no daemon keeps it


def test_a_second_one_is_refused_until_the_first_gives_up():
    first = Alone(TABLE)
    with pytest.raises(KernelError, match="another blockd keeps table 4100000001"):
        Alone(TABLE)
    first.close()
    Alone(TABLE).close()


def test_each_of_many_is_refused():
    held = Alone(TABLE)
    for _ in range(200):
        with pytest.raises(KernelError, match="another blockd keeps"):
            Alone(TABLE)
        held.turn_away()
    held.close()


def test_other_tables_are_others_business():
    for held in [Alone(TABLE), Alone(TABLE + 1)]:
        held.close()


@pytest.mark.root
def test_a_namespace_has_one_whichever_way_it_came_there():
    with topology.namespace("one") as one, topology.namespace("other") as other:
        there, elsewhere = Alone(TABLE, one.name), Alone(TABLE, other.name)
        Alone(TABLE).close()

        def inside():
            with pytest.raises(KernelError, match="another blockd keeps"):
                Alone(TABLE)

        one.call(inside)
        there.close()
        one.call(lambda: Alone(TABLE).close())
        elsewhere.close()


def test_a_namespace_that_is_not_there_is_named():
    with pytest.raises(KernelError, match="'blockd-test-none'.*look at `ip netns list`"):
        Alone(TABLE, "blockd-test-none")


def test_who_holds_the_name_without_listening_stops_nobody():
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as squatter:
        squatter.bind(f"\0blockd-routes-{TABLE}")
        held = Alone(TABLE)
        assert select.select([held], [], [], 0) == ([], [], [])  # nor keeps anybody awake
        held.close()


@pytest.mark.root
def test_who_has_the_capability_only_in_a_namespace_of_his_own_stops_nobody():
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.setuid(65534)
        alone = ctypes.CDLL(None).unshare(0x10000000)  # CLONE_NEWUSER
        squatter = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        squatter.bind(f"\0blockd-routes-{TABLE}")
        squatter.listen()
        os.write(write, b"0" if alone else b"1")
        signal.pause()
    try:
        if os.read(read, 1) != b"1":
            pytest.skip("nobody but root may make user namespaces here")
        Alone(TABLE).close()
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(read)
        os.close(write)
