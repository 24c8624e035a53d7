"""Readers of a generation: what matches, what stands alone, and files that are none."""

import tempfile
from pathlib import Path

import lmdb
import msgspec
import pytest
from hypothesis import given, settings

from blockd import names, prefixes
from blockd.errors import StoreError
from blockd.policy import layout
from blockd.policy.reader import Policy
from blockd.policy.writer import write
from blockd.watchlist.compile import compile_rules
from blockd.watchlist.formats import parse
from tests import entries


def opened(path, sources):
    write(path, 1, compile_rules(sources, entries.TODAY))
    return Policy(path)


@pytest.fixture
def policy_of(tmp_path):
    policies = []

    def make(domains, allow=(), extra=""):
        text = f"[[platform]]\nid = 'p'\ndomains = {list(domains)}\n{extra}"
        if allow:
            text += f"[[allow]]\nreason = 'x'\ndomains = {list(allow)}\n"
        policy = opened(tmp_path / f"{len(policies)}.mdb", [parse(text.encode(), "a.toml")])
        policies.append(policy)
        return policy

    yield make
    for policy in policies:
        policy.close()


@settings(max_examples=150)
@given(entries.lists)
def test_a_match_equals_a_naive_oracle(sources):
    with tempfile.TemporaryDirectory() as scratch:
        policy = opened(Path(scratch) / "1.mdb", sources)
        for name in entries.UNIVERSE:
            verdict = policy.match(name)
            entry = entries.deciding(name, sources)
            if entry is None:
                assert verdict is None
            else:
                found = verdict.matched, verdict.rule, verdict.line
                assert found == (entry.name, entry.rule, entry.line)
        for prefix in entries.CORNER:
            assert policy.match_prefix(prefix) == entries.deciding_prefix(prefix, sources)
        policy.close()


@settings(max_examples=150)
@given(entries.lists)
def test_nothing_that_may_be_denied_has_an_exception_below(sources):
    # RFC 8020 2: a denied name denies what is below it.
    with tempfile.TemporaryDirectory() as scratch:
        policy = opened(Path(scratch) / "1.mdb", sources)
        for name in entries.UNIVERSE:
            verdict = policy.match(name)
            if verdict is None or verdict.rule.allow or verdict.alone:
                continue
            for other in entries.UNIVERSE:
                if name in names.suffixes(other):
                    assert not entries.deciding(other, sources).rule.allow
        policy.close()


ALONE = [
    (["a.example"], [], "a.example", False),
    (["a.example"], [], "x.a.example", False),
    (["=a.example"], [], "a.example", True),
    (["*.a.example"], [], "x.a.example", False),
    (["a.example"], ["y.x.a.example"], "a.example", True),
    (["a.example"], ["y.x.a.example"], "x.a.example", True),
    (["a.example"], ["y.x.a.example"], "z.x.a.example", False),
    (["a.example"], ["y.x.a.example"], "z.a.example", False),
    (["a.example"], ["*.x.a.example"], "x.a.example", True),
    (["a.example"], ["=x.a.example"], "y.x.a.example", False),
    (["a.example", "x.a.example"], ["y.x.a.example"], "x.a.example", True),
]


@pytest.mark.parametrize(("domains", "allow", "asked", "alone"), ALONE)
def test_a_name_stands_alone_where_what_is_below_is_not_blocked(
    policy_of, domains, allow, asked, alone
):
    verdict = policy_of(domains, allow).match(names.parse(asked))
    assert not verdict.rule.allow
    assert verdict.alone == alone


def test_names_between_a_block_and_an_exception_are_no_entries(policy_of):
    policy = policy_of(["a.example"], ["z.y.x.a.example"])
    between = names.parse("y.x.a.example")
    assert names.to_text(policy.match(between).matched) == "a.example"
    assert not policy.holds(between)
    assert policy.holds(names.parse("a.example"))
    assert {names.to_text(name) for name, _ in policy.names()} == {"a.example", "z.y.x.a.example"}
    assert len(policy) == 2


@pytest.mark.parametrize("name", [b"", b"\x07example", b"\x02aa\x07example", b"\x01a\x00"])
def test_other_names_match_nothing(policy_of, name):
    assert policy_of(["a.example"]).match(name) is None


def test_a_label_that_holds_a_listed_name_is_not_below_it(policy_of):
    policy = policy_of(["a.example"])
    assert policy.match(b"\x0a\x01a\x07example") is None
    assert policy.match(b"\x03x.a\x07example") is None


def test_the_prefixes_of_a_rule_are_found(policy_of):
    policy = policy_of(
        ["a.example"],
        extra="prefixes = ['198.18.1.0/28', '2001:db8:1::/48']\n"
        "[[platform]]\nid = 'q'\nprefixes = ['198.18.2.0/28']\n",
    )
    rule = policy.match(names.parse("a.example")).rule
    assert [str(prefix) for prefix in policy.prefixes_of(rule)] == [
        "198.18.1.0/28",
        "2001:db8:1::/48",
    ]
    found = policy.match_prefix(prefixes.parse("198.18.2.5"))
    assert (str(found.prefix), found.rule.id, found.line) == ("198.18.2.0/28", "q", 7)
    assert policy.match_prefix(prefixes.parse("198.18.0.0/15")) is None


def test_an_open_generation_outlives_the_deletion_of_its_file(policy_of):
    policy = policy_of(["a.example"])
    policy.path.unlink()
    assert policy.match(names.parse("a.example")).rule.id == "p"


BROKEN = [b"", b"nothing that LMDB knows\n", bytes(8192)]


@pytest.mark.parametrize("content", BROKEN, ids=["empty", "text", "zeros"])
def test_a_file_that_is_no_generation_is_refused(tmp_path, content):
    (tmp_path / "1.mdb").write_bytes(content)
    with pytest.raises(StoreError, match="generation"):
        Policy(tmp_path / "1.mdb")


def test_a_missing_file_is_refused_and_not_made(tmp_path):
    with pytest.raises(StoreError, match="not a readable generation"):
        Policy(tmp_path / "1.mdb")
    assert list(tmp_path.iterdir()) == []


def test_a_generation_of_another_layout_is_refused_with_what_to_do(tmp_path):
    path = tmp_path / "1.mdb"
    write(path, 1, compile_rules([], entries.TODAY))
    with lmdb.open(str(path), subdir=False, lock=False, max_dbs=layout.DATABASES) as env:
        about = env.open_db(layout.ABOUT)
        other = msgspec.json.encode(layout.About(layout.VERSION + 1, 1, 0, 0))
        with env.begin(write=True, db=about) as transaction:
            transaction.put(layout.GENERATION, other)
    with pytest.raises(StoreError, match="written by another version.*run `blockd compile`"):
        Policy(path)


def test_a_file_of_the_version_without_ranges_is_refused_by_its_version(tmp_path):
    path = tmp_path / "1.mdb"
    with lmdb.open(str(path), subdir=False, lock=False, max_dbs=4) as env:
        for name in (layout.NAMES, layout.PREFIXES, layout.RULES):
            env.open_db(name)
        about = msgspec.json.encode(layout.About(1, 1, 0, 0))
        with env.begin(write=True, db=env.open_db(layout.ABOUT)) as transaction:
            transaction.put(layout.GENERATION, about)
    with pytest.raises(StoreError, match="another version of blockd .layout 1.*blockd compile"):
        Policy(path)
