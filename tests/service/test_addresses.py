"""Which addresses to listen on this host does not have."""

import pytest

from blockd.config import Config, Endpoint, NoticeSection, ResolverSection, TlsEndpoint, WebEndpoint
from blockd.service import addresses
from blockd.service.addresses import is_here, lacking, lacks

NOWHERE = "198.18.255.9"


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.9", "0.0.0.0", "::", "::1"])
def test_an_address_that_is_there_is_no_lack(address):
    assert list(lacking([Endpoint(address)], "[resolver] listen")) == []


@pytest.mark.parametrize(("address", "width"), [(NOWHERE, 32), ("2001:db8:ff::9", 128)])
def test_one_that_is_not_is_told_once_with_what_to_do(address, width):
    (lack,) = lacking([Endpoint(address), Endpoint(address, 5353)], "[notice] listen")
    assert lack.what.startswith(f"{address} in [notice] listen is no address of this host")
    assert f"ip address add {address}/{width} dev lo" in lack.remedy
    assert "`ip -br address`" in lack.remedy


def test_every_key_that_listens_is_looked_at():
    config = Config(
        resolver=ResolverSection(
            listen=(Endpoint("127.0.0.1"), Endpoint(NOWHERE)),
            listen_tls=(TlsEndpoint("198.18.255.10", 853),),
        ),
        notice=NoticeSection(listen=(WebEndpoint("198.18.255.11", 80),)),
    )
    assert [lack.what.split()[0] for lack in lacks(config)] == [
        NOWHERE, "198.18.255.10", "198.18.255.11",
    ]  # fmt: skip
    assert lacks(Config()) == []


@pytest.mark.parametrize(
    ("address", "here"),
    [("127.0.0.1", True), (NOWHERE, False), ("2001:db8:ff::9", False)],
)
@pytest.mark.parametrize("anything", [False, True])
def test_which_addresses_are_this_hosts(address, here, anything, monkeypatch):
    if anything:  # as with net.ipv4.ip_nonlocal_bind, which every address can be bound with
        monkeypatch.setattr(addresses, "_binds", lambda *_: True)
    assert is_here(address) is here
