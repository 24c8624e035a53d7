"""The top of a source: other words for the same, or another meaning for all below."""

import pytest

from blockd.policy import hunks
from blockd.policy.heads import heads
from blockd.watchlist import formats
from tests.policy.test_patch import kept

SOA = "@ SOA a. b. {} 2 3 4 5\n"
BELOW = "".join(f"{name}.example CNAME .\n" for name in "abcdefgh")
ZONE = "$TTL 60\n" + SOA.format(1) + " NS a.\n" + BELOW


@pytest.mark.parametrize(
    ("now", "is_same"),
    [
        (ZONE, True), (ZONE.replace(SOA.format(1), SOA.format(2)), True),
        (ZONE + "i.example CNAME .\n", True), (ZONE.replace("$TTL 60", "; no TTL"), False),
        (ZONE.replace(" NS a.", " NS b."), False), ("; more\n" + ZONE, False),
        (ZONE.replace("$TTL 60\n", ""), False), (ZONE.replace("$TTL 60", "$ORIGIN x."), False),
        (ZONE.replace("$TTL 60", "; c\n$TTL 60").replace("a.example CNAME .\n", ""), False),
        (ZONE.replace("$TTL 60", "z.example CNAME ."), False),
    ],
)  # fmt: skip
def test_a_zone_means_the_same_under_a_top_that_says_the_same(now, is_same):
    source = kept(ZONE, "x.rpz")
    found = heads(source, ZONE, now, hunks.hunks(ZONE, now))
    assert (found is not None) is is_same
    if found:
        assert [each.text.count("\n") for each in found] == [source.parsed.head] * 2


def test_a_table_wants_the_very_header():
    before, source = "domain,x\na.example,1\n", kept("domain,x\na.example,1\n", "x.csv")
    for now, is_same in ((before + "b.example,2\n", True), (before.replace("x", "y", 1), False)):
        assert (heads(source, before, now, hunks.hunks(before, now)) is not None) is is_same


def test_what_is_long_is_not_read_with_every_line():
    text = "$TTL 60\n" + "; comment\n" * 500 + SOA.format(1) + BELOW
    assert heads(kept(text, "x.rpz"), text, text, []) is None
    assert formats.top("$TTL 60\n" * 3, "rpz") is not None
