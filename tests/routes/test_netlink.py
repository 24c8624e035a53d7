"""A netlink socket's conversations: complete answers, or an error that says what to do."""

import pytest

from blockd.errors import KernelError
from tests import topology
from tests.routes.test_kernel import WANTED, bring, kernel

pytestmark = pytest.mark.root


@pytest.fixture
def space():
    with topology.namespace() as made:
        yield made


def test_an_interrupted_dump_is_made_again(space, monkeypatch):
    def inside():
        from blockd.routes import messages

        with kernel() as table:
            bring(table, WANTED)
            received = table._datagrams
            spoiled = []

            def spoil():
                for data in received():
                    if len(spoiled) < 2:
                        spoiled.append(data)
                        marked = bytearray(data)
                        marked[6] |= messages.DUMP_INTERRUPTED
                        yield bytes(marked)
                    else:
                        yield data

            monkeypatch.setattr(table, "_datagrams", spoil)
            assert len(table.routes()) == len(WANTED)
            assert len(spoiled) == 2
            monkeypatch.setattr(messages, "DUMP_INTERRUPTED", 0x2)  # every reply is multi-part
            with pytest.raises(KernelError, match="incomplete"):
                table.routes()

    space.call(inside)


def test_a_closed_socket_is_an_error_that_has_the_remedy(space):
    def inside():
        with kernel() as table:
            table.close()
            with pytest.raises(KernelError, match="it is opened anew"):
                table.routes()

    space.call(inside)
