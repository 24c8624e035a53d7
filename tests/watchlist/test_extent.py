"""How much of the address space a list may cover in sum."""

import pytest

from blockd import prefixes
from blockd.watchlist import extent


def listed(blocked, excepted=()):
    return {
        **{prefixes.parse(text): True for text in blocked},
        **{prefixes.parse(text): False for text in excepted},
    }


HALF = ["0.0.0.0/2", "64.0.0.0/3", "96.0.0.0/4"]  # 7/16 of all, which is half of unicast


@pytest.mark.parametrize(
    ("blocked", "excepted", "said"),
    [
        (HALF, [], ""),
        ([*HALF, "112.0.0.0/32"], [], "covers 50 % of IPv4's unicast addresses"),
        ([*HALF, "112.0.0.0/32"], ["0.0.0.0/32"], ""),
        ([*HALF, "0.0.0.0/3", "32.0.0.0/3"], [], ""),
        (["0.0.0.0/0"], [], "covers the whole of IPv4"),
        (["2000::/4"], [], ""),
        (["2000::/4", "3000::/16"], [], "IPv6's unicast addresses"),
    ],
)
def test_no_more_than_half_of_what_can_be_a_destination(blocked, excepted, said):
    found = extent.objection(listed(blocked, excepted))
    assert (said in found) if said else not found


def test_the_widest_prefix_is_named():
    assert "such as 0.0.0.0/2," in extent.objection(listed([*HALF, "112.0.0.0/5"]))
