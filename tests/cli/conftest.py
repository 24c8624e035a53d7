"""Shared by the command line's tests."""

import pytest

from tests import topology
from tests.cli.program import Gateway
from tests.ports import free_port


@pytest.fixture
def gateway(tmp_path):
    """A gateway without routes, whose list has not been compiled yet."""
    return Gateway(tmp_path, free_port())


@pytest.fixture
def space():
    """A network namespace, the only place where routes may be touched."""
    with topology.namespace() as made:
        yield made
