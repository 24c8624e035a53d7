"""What the writer puts into a generation's file, and what its digest speaks of."""

import os
import stat
import tempfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings

from blockd.errors import StoreError
from blockd.policy.reader import Policy
from blockd.policy.writer import write
from blockd.watchlist.compile import compile_rules
from blockd.watchlist.formats import parse
from tests import entries

FULL = """\
[list]
name = "L"
authority = "A"
basis = "order"
reference = "R"
contact = "mailto:desk@authority.example"
[[platform]]
id = "p1"
name = "One"
domains = ["a.example", "=b.example", "*.c.example", "示例.example"]
prefixes = ["198.18.1.0/28", "2001:db8:1::/48"]
listed = 2018-08-23
expires = 2036-12-31
action = "address"
addresses = ["198.18.0.80", "2001:db8::80"]
ttl = 5
route = "prohibit"
[[allow]]
domains = ["x.y.a.example"]
prefixes = ["198.18.1.3"]
reason = "why"
"""


def compiled(text):
    return compile_rules([parse(text.encode(), "a.toml")], entries.TODAY)


def content(path, text, number=1):
    return write(path / f"{number}.mdb", number, compiled(text))


def test_what_is_read_back_is_what_was_compiled(tmp_path):
    rules = compiled(FULL)
    write(tmp_path / "1.mdb", 7, rules)
    policy = Policy(tmp_path / "1.mdb")
    assert policy.number == 7
    assert len(policy) == 5
    assert tuple(policy.rules()) == rules.rules
    assert {name for name, _ in policy.names()} == rules.names.keys()
    assert tuple(policy.prefixes()) == rules.prefixes
    policy.close()


@settings(max_examples=30)
@given(entries.lists)
def test_any_lists_are_written_whole(sources):
    rules = compile_rules(sources, entries.TODAY)
    with tempfile.TemporaryDirectory() as scratch:
        write(Path(scratch) / "1.mdb", 1, rules)
        policy = Policy(Path(scratch) / "1.mdb")
        assert tuple(policy.rules()) == rules.rules
        assert [name for name, _ in policy.names()] == sorted(rules.names)
        assert len(policy) == len(rules.names)
        assert tuple(policy.prefixes()) == rules.prefixes
        policy.close()


def test_nothing_in_force_makes_a_generation_that_blocks_nothing(tmp_path):
    write(tmp_path / "1.mdb", 1, compile_rules([], entries.TODAY))
    policy = Policy(tmp_path / "1.mdb")
    assert (len(policy), policy.rules(), policy.prefixes()) == (0, [], [])
    assert policy.match(entries.UNIVERSE[0]) is None
    policy.close()


SAME = [
    FULL,
    "# a comment\n\n" + FULL,
    FULL.replace('"a.example", ', '\n"a.example",\n'),
    FULL.replace("a.example", "A.EXAMPLE."),
]
OTHER = [
    FULL.replace('"=b.example"', '"b.example"'),
    FULL.replace('"a.example", ', ""),
    FULL.replace('"R"', '"R 2"'),
    FULL.replace("ttl = 5", "ttl = 6"),
    FULL.replace("198.18.1.0/28", "198.18.1.0/29"),
    FULL.replace('prefixes = ["198.18.1.3"]\n', ""),
]


def test_the_digest_speaks_of_what_is_enforced_and_not_of_lines_or_numbers(tmp_path):
    digests = [content(tmp_path, text, number) for number, text in enumerate(SAME, 1)]
    assert len(set(digests)) == 1
    others = [content(tmp_path, text, number) for number, text in enumerate(OTHER, 50)]
    assert len({*digests, *others}) == 1 + len(OTHER)


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_the_file_is_never_open_to_all(tmp_path, mask):
    before = os.umask(mask)
    try:
        content(tmp_path, FULL)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "1.mdb").stat().st_mode) & ~0o640 == 0


def test_where_it_cannot_write_it_says_what_to_mend(tmp_path):
    with pytest.raises(StoreError, match="free space or mend permissions"):
        content(tmp_path / "missing", FULL)


def test_entries_of_equal_rules_from_two_objects_are_one_rule(tmp_path):
    first, second = (parse(FULL.encode(), "a.toml") for _ in range(2))
    second.names = [
        entry._replace(name=b"\x01z" + entry.name, rule=msgspec.structs.replace(entry.rule))
        for entry in second.names
    ]
    rules = compile_rules([first, second], entries.TODAY)
    write(tmp_path / "1.mdb", 1, rules)
    policy = Policy(tmp_path / "1.mdb")
    assert len(policy.rules()) == 2
    policy.close()
