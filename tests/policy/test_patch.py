"""Which sources a few lines can be read of alone; what comes of that is test_patching's."""

from datetime import date

import pytest

from blockd.policy import patch
from blockd.policy.record import SourceRecord
from blockd.policy.remembered import Excepted, KeptSource
from blockd.watchlist.formats import parse
from blockd.watchlist.model import Rule, Severity

RULE = Rule(id="x", source="x.txt")


def kept(text="a.example\n", name="x.txt", rules=(RULE,)):
    """A source as it was accepted."""
    return KeptSource(
        content=name,
        parsed=parse(text.encode(), name),
        record=SourceRecord(path=name, sha256="", names=1, prefixes=0, dropped=0),
        rules=tuple((rule, 1) for rule in rules),
        excepted=Excepted((), (), ()),
    )


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a.example\na.example\ncom\n", "x.txt"), ("0.0.0.0 a.example b.example\n", "x.hosts"),
        ("198.18.0.1\n198.18.0.0-198.18.0.9\n", "x.ipset"), ("||a.example^\n##.x\n", "x.adblock"),
        ("local=/a.example/b.example/\n", "x.conf"), ("domain\na.example\n", "x.csv"),
        ('domain,x\n"a.example","1,2"\n# more\n', "x.csv"), ("a.example CNAME .\n", "x.rpz"),
        ("$TTL 60\n@ SOA (\na. b. 1 2 3 4 5)\n NS a.\na.example CNAME .\n", "x.rpz"),
        ("a.example CNAME .\n*.a.example CNAME .\n", "x.rpz"),
        ('local-zone: "a.example" static\n', "x.conf"),
    ],
)  # fmt: skip
def test_a_list_whose_lines_speak_for_themselves_may_be_patched(text, name):
    assert patch.may(kept(text, name))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("0.0.0.0 a.example\n::1 a.example\n", "x.hosts"),
        ("||a.example^$badfilter\n", "x.adblock"),
        ("address=/a.example/198.18.0.9\n", "x.conf"),
        ('local-zone: "a.example" redirect\nlocal-data: "a.example A 198.18.0.9"\n', "x.conf"),
        ("!#if x\n||a.example^\n", "x.adblock"),
        ("a.example CNAME .\na.example CNAME .\n", "x.rpz"),
        ("a.example CNAME .\nb.example A 198.18.0.9\n", "x.rpz"),
        ("a.example CNAME .\n$ORIGIN b.example.\n", "x.rpz"),
        ("a.example CNAME .\n CNAME .\n", "x.rpz"), ("a.example CNAME (\n.)\n", "x.rpz"),
        ("a.example CNAME .\nb.example CNAME (\n", "x.rpz"),
        ("a.example CNAME .\n(\n)\n", "x.rpz"), ("a.example CNAME .\n@ NS a.\n", "x.rpz"),
        ("# domain,x\na.example,1\nb.example,2\n", "x.csv"),
        ('domain,x\na.example,"1\n2"\n', "x.csv"), ('domain,x\na.example,"1\n', "x.csv"),
    ],
)  # fmt: skip
def test_a_list_whose_lines_need_one_another_may_not(text, name):
    assert not patch.may(kept(text, name))


@pytest.mark.parametrize(
    "rules",
    [
        (), (RULE, Rule(id="y", source="x.txt")), (Rule(id="x", source="x.txt", allow=True),),
        (Rule(id="x", source="x.txt", expires=date(2026, 3, 1)),),
    ],
)  # fmt: skip
def test_only_the_one_plain_rule_of_a_feed_is_plain_enough(rules):
    assert not patch.may(kept(rules=rules))


def test_an_issue_of_the_whole_file_or_one_that_was_not_kept_needs_every_line():
    whole, lost = kept(), kept()
    whole.parsed.note(0, Severity.WARNING, "of the whole file")
    lost.parsed.omitted = 1
    assert not patch.may(whole)
    assert not patch.may(lost)
