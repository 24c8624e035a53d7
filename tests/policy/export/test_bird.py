"""Static routes of BIRD: one protocol a family, each route of its own kind."""

from blockd.policy.export import bird
from blockd.terms import RouteType
from blockd.watchlist import formats


def test_the_protocols(contents_of):
    text = (
        '[[platform]]\nid = "p"\nprefixes = ["198.18.1.0/24", "2001:db8:1::/48"]\n'
        '[[platform]]\nid = "q"\nroute = "unreachable"\nprefixes = ["198.18.2.0/24"]\n'
        '[[allow]]\nreason = "a test"\nprefixes = ["198.18.1.0/25"]\n'
    )
    contents = contents_of([formats.parse(text.encode(), "a.toml")], route=RouteType.PROHIBIT)
    assert [line for line in bird.lines(contents) if not line.startswith("#")] == [
        "protocol static blockd4 {",
        "  ipv4;",
        "  route 198.18.1.128/25 prohibit;",
        "  route 198.18.2.0/24 unreachable;",
        "}",
        "protocol static blockd6 {",
        "  ipv6;",
        "  route 2001:db8:1::/48 prohibit;",
        "}",
    ]
    assert contents.lost == {}
