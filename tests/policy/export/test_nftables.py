"""Sets of nftables: declared, emptied and filled in one transaction."""

from blockd.policy.export import nftables
from blockd.watchlist import formats


def test_the_sets(contents_of):
    text = (
        '[[platform]]\nid = "p"\ndomains = ["a.test"]\n'
        'prefixes = ["198.18.1.0/24", "2001:db8:1::/48"]\n'
        '[[allow]]\nreason = "a test"\nprefixes = ["198.18.1.0/25"]\n'
    )
    contents = contents_of([formats.parse(text.encode(), "a.toml")])
    assert [line for line in nftables.lines(contents) if not line.startswith("#")] == [
        "table inet blockd {",
        "  set listed4 { type ipv4_addr; flags interval; }",
        "  set listed6 { type ipv6_addr; flags interval; }",
        "}",
        "flush set inet blockd listed4",
        "flush set inet blockd listed6",
        "add element inet blockd listed4 {",
        "  198.18.1.128/25,",
        "}",
        "add element inet blockd listed6 {",
        "  2001:db8:1::/48,",
        "}",
    ]
    assert list(contents.lost.values()) == [1]
