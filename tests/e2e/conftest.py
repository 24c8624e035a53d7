"""Namespaces once for all, and gateways in them: one a file to look at, or one a test to disturb.

One at a time: they share addresses and the kernel's table.
"""

import shutil
from pathlib import Path

import pytest

from tests import debian
from tests.e2e import gateway as gateways


@pytest.fixture(scope="package")
def net():
    with gateways.internet() as made:
        yield made


@pytest.fixture(scope="package")
def client(net):
    made = gateways.Client(net.client)
    yield made
    made.close()


@pytest.fixture(scope="session")
def server():
    """The root of a Debian with systemd-resolved, kept for all files that boot one."""
    with debian.root(*debian.SERVER) as made:
        yield made


@pytest.fixture
def make_gateway(net, tmp_path):
    """Make the gateway, of lists: file name to text. Nothing runs on it yet."""
    made = gateways.Gateway(net, tmp_path)

    def make(lists=None, **options):
        return made.prepare(lists or gateways.shipped(), **options)

    yield make
    made.stop()


@pytest.fixture
def resolv_conf(net):
    """Have the programs of the client's namespace use the gateway's resolver: ip-netns(8)."""
    directory = Path("/etc/netns") / net.client.name
    directory.mkdir(parents=True)
    (directory / "resolv.conf").write_text(f"nameserver {gateways.GATEWAY_V4}\n")
    yield
    shutil.rmtree(directory)
