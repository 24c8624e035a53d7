"""All sources together: the issues of each, and whether the whole is acceptable."""

import pytest

from blockd import names
from blockd.config import GuardSection, Share, Terms
from blockd.errors import GuardError, ListError
from blockd.terms import ListFormat
from blockd.watchlist import examine
from blockd.watchlist.model import Issue, Origin, Severity
from blockd.watchlist.refusal import Blame
from blockd.watchlist.sources import Source

GOOD = Source("a.toml", b"[[platform]]\nid = 'p'\ndomains = ['a.example']\n")
ERROR = Source("b.toml", b"[[platform]]\nid = 'p'\ndomains = ['b..example']\n")
GUARD = Source("c.toml", b"[[platform]]\nid = 'p'\ndomains = ['com']\n")
FEED = Source("f.txt", b"a.example\ncom\nb.example\n")
LIMITS = GuardSection()
ROOMY = GuardSection(budget=Share(percent=50))

CASES = [
    ([GOOD], LIMITS, None),
    ([], LIMITS, None),
    ([GOOD, FEED], ROOMY, None),
    ([GOOD, FEED], LIMITS, ListError),
    ([GOOD, ERROR], LIMITS, ListError),
    ([GOOD, GUARD], LIMITS, GuardError),
    ([GUARD, ERROR], LIMITS, ListError),
    ([ERROR, GUARD, GOOD], ROOMY, ListError),
]


@pytest.mark.parametrize(("sources", "limits", "kind"), CASES)
def test_one_refused_source_refuses_the_whole(sources, limits, kind):
    examined = examine.examine(sources, limits)
    assert [parsed.source for parsed in examined.parsed] == [source.path for source in sources]
    if kind is None:
        assert examined.refusals == ()
        examined.require()
        return
    with pytest.raises(kind, match="nothing was changed$") as caught:
        examined.require()
    assert type(caught.value) is kind
    assert caught.value.issues == examined.issues
    for refusal in examined.refusals:
        assert f"{refusal.source}: refused: " in str(caught.value)


def test_each_refusal_says_whose_it_is():
    examined = examine.examine([ERROR, GUARD, GOOD], LIMITS)
    assert [(refusal.source, refusal.blame) for refusal in examined.refusals] == [
        ("b.toml", Blame.LIST),
        ("c.toml", Blame.GUARD),
    ]


def test_issues_of_all_sources_and_of_passed_over_files_are_sorted_by_place():
    passed_over = Issue(Origin("b.bak", 0), Severity.WARNING, "passed over")
    examined = examine.examine([GUARD, FEED, ERROR], LIMITS, [passed_over])
    assert [str(issue.origin) for issue in examined.issues] == [
        "b.bak",
        "b.toml:3",
        "c.toml:3",
        "f.txt:2",
    ]


def test_of_a_feed_what_the_guard_objects_to_is_left_out():
    (parsed,) = examine.examine([FEED], ROOMY).parsed
    assert [names.to_text(entry.name) for entry in parsed.names] == ["a.example", "b.example"]


def test_what_was_accepted_is_not_judged_again_but_loses_the_same():
    examined = examine.accepted([FEED, GUARD], LIMITS)
    examined.require()
    assert [len(parsed.names) for parsed in examined.parsed] == [2, 1]


def test_the_library_carries_both_sections_of_the_public_suffixes():
    suffixes = examine.public_suffixes()
    assert names.parse("co.uk") in suffixes
    assert names.parse("github.io") in suffixes
    assert names.parse("exchange-001.example") not in suffixes


def test_zones_have_the_order_of_their_sources_and_other_lists_have_none():
    zone, plain = b"a.example CNAME .\n", b"a.example\n"
    given = [
        Source("b.rpz", zone),
        Source("c.txt", plain),
        Source("a.rpz", zone, Terms(action="disabled")),
    ]
    found = examine.examine(given, GuardSection())
    assert [(parsed.source, parsed.order) for parsed in found.parsed] == [
        ("b.rpz", 1), ("c.txt", 0), ("a.rpz", 3),
    ]  # fmt: skip
    assert [parsed.names[0].rule.enforce for parsed in found.parsed] == [True, True, False]


def test_a_source_has_its_own_budget_and_its_own_format():
    own = Source("f.txt", FEED.content, budget=Share(number=1))
    examine.examine([own], LIMITS).require()
    strict = Source("f.txt", FEED.content, budget=Share(number=0))
    with pytest.raises(ListError, match="a budget of 0 allows 0"):
        examine.examine([strict], ROOMY).require()
    said = Source("f.txt", b"x.example CNAME .\n", Terms(format=ListFormat.RPZ))
    assert examine.examine([said], LIMITS).parsed[0].format == "rpz"
    other = Source("f.txt", b"x.example CNAME .\n", Terms(format=ListFormat.HOSTS))
    assert examine.examine([other], LIMITS).refusals
