"""What is not enforced: found apart, by the reader of its own, and nowhere else."""

import tempfile
from pathlib import Path

import msgspec
from hypothesis import given, settings

from blockd import names, prefixes
from blockd.policy.reader import Policy
from blockd.policy.writer import write
from blockd.watchlist.compile import compile_rules
from blockd.watchlist.formats import parse
from tests import entries

IDLE = """\
[[platform]]
id = "s"
enforce = false
domains = ["shadow.example", "=only.example", "*.below.example"]
prefixes = ["198.18.9.0/28", "2001:db8:9::/48"]
[[platform]]
id = "p"
domains = ["a.example"]
prefixes = ["198.18.1.0/28"]
"""


def test_what_is_not_enforced_is_found_apart_and_nowhere_else(tmp_path):
    write(tmp_path / "1.mdb", 1, compile_rules([parse(IDLE.encode(), "a.toml")], entries.TODAY))
    policy = Policy(tmp_path / "1.mdb")
    shadow = policy.shadow
    for name, line in (
        ("www.shadow.example", 4), ("only.example", 4), ("x.below.example", 4),
        ("x.only.example", 0), ("below.example", 0), ("a.example", 0),
    ):  # fmt: skip
        found = shadow.match(names.parse(name))
        assert (found.line if found else 0) == line, name
        assert (policy.match(names.parse(name)) is not None) is (name == "a.example")
    inside, outside = bytes([198, 18, 9, 7]), bytes([198, 18, 9, 17])
    assert (shadow.match_address(inside).rule.id, policy.match_address(inside)) == ("s", None)
    assert shadow.match_address(outside) is None
    assert shadow.match_prefix(prefixes.parse("2001:db8:9::1")).rule.id == "s"
    assert [str(entry.prefix) for entry in policy.prefixes()] == ["198.18.1.0/28"]
    assert [rule.id for rule in policy.rules()] == ["p"]
    assert len(policy) == 1
    policy.close()


def test_without_anything_in_shadow_there_is_no_shadow(tmp_path):
    text = IDLE.partition("[[platform]]")[2].partition("[[platform]]")[2]
    source = parse(f"[[platform]]{text}".encode(), "a.toml")
    write(tmp_path / "1.mdb", 1, compile_rules([source], entries.TODAY))
    policy = Policy(tmp_path / "1.mdb")
    assert policy.shadow is None
    policy.close()


def with_all(sources, *, enforce):
    """What the sources block, all of it enforced or none."""

    def put(listed):
        return [
            entry._replace(rule=msgspec.structs.replace(entry.rule, enforce=enforce))
            for entry in listed
            if not entry.rule.allow
        ]

    return [
        msgspec.structs.replace(each, names=put(each.names), prefixes=put(each.prefixes))
        for each in sources
    ]


def where(found):
    return found and (found.rule.id, found.rule.source, found.line)


@settings(max_examples=30)
@given(entries.lists)
def test_a_shadow_answers_as_its_policy_would_if_it_were_enforced(sources):
    with tempfile.TemporaryDirectory() as scratch:
        policies = []
        for enforce in (True, False):
            path = Path(scratch) / f"{len(policies)}.mdb"
            write(path, 1, compile_rules(with_all(sources, enforce=enforce), entries.TODAY))
            policies.append(Policy(path))
        policy, idle = policies
        shadow = idle.shadow
        assert (len(idle), idle.prefixes()) == (0, [])
        for name in entries.UNIVERSE:
            assert where(shadow and shadow.match(name)) == where(policy.match(name))
        for prefix in entries.CORNER:
            assert where(shadow and shadow.match_prefix(prefix)) == where(
                policy.match_prefix(prefix)
            )
        for each in policies:
            each.close()
