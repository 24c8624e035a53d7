"""The editors' schema, and the shipped lists against it and against the house's own rules."""

import json
import tomllib
from itertools import pairwise
from pathlib import Path

import jsonschema
import pytest

from blockd import names, prefixes
from blockd.config import GuardSection
from blockd.terms import Action
from blockd.watchlist import formats, guard, schema
from blockd.watchlist.model import Scope
from blockd.watchlist.refusal import judge

RULES = Path(__file__).parents[2] / "rules"
SHIPPED = ["platforms.toml", "allow.toml"]


def shipped(name):
    return formats.parse((RULES / name).read_bytes(), f"rules/{name}")


def instance(text):
    return json.loads(json.dumps(tomllib.loads(text), default=str))  # dates are texts in JSON


@pytest.fixture(scope="module")
def validator():
    jsonschema.Draft202012Validator.check_schema(schema.schema())
    return jsonschema.Draft202012Validator(schema.schema())


def test_the_committed_schema_is_the_generated_one():
    committed = (RULES / "platforms.schema.json").read_text("utf-8")
    assert committed == schema.text(), (
        "run: python -m blockd.watchlist.schema > rules/platforms.schema.json"
    )


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_lists_fit_the_schema_and_name_it(name, validator):
    text = (RULES / name).read_text("utf-8")
    assert text.startswith("#:schema ./platforms.schema.json\n")
    assert [error.message for error in validator.iter_errors(instance(text))] == []


@pytest.mark.parametrize(
    "text",
    [
        "[[platform]]\nname = 'no id'\n",
        "[[platform]]\nid = 'p'\nrefrence = 'x'\n",
        "[[platform]]\nid = 'p'\nttl = -1\n",
        "[[platform]]\nid = 'p'\naction = 'nxdomian'\n",
        "[list]\nname = 5\n",
        "[platform]\nid = 'p'\n",
    ],
)
def test_the_schema_refuses_what_the_parser_refuses(text, validator):
    assert list(validator.iter_errors(instance(text)))
    assert list(formats.parse(text.encode(), "x.toml").errors())


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_lists_have_no_issue_and_pass_the_guard(name, suffixes):
    inspected = guard.inspect(shipped(name), GuardSection(), suffixes)
    assert inspected.issues == []
    assert judge(inspected, GuardSection()) is None


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_lists_hold_reserved_names_and_addresses_alone(name):
    parsed = shipped(name)
    reserved = [prefixes.parse("198.18.0.0/15"), prefixes.parse("2001:db8::/32")]
    free = [prefixes.parse(p) for p in ("198.18.0.0/24", "198.19.0.0/24", "2001:db8::/48")]
    assert all(entry.name.endswith(b"\x07example") for entry in parsed.names)
    for entry in parsed.prefixes:
        assert prefixes.covered(entry.prefix, reserved)
        assert not any(entry.prefix.overlaps(other) for other in free)


def test_the_shipped_list_is_as_varied_as_real_ones():
    parsed = shipped("platforms.toml")
    rules = {entry.rule.id: entry.rule for entry in [*parsed.names, *parsed.prefixes]}
    assert sorted(rules) == [f"p{number:03}" for number in range(1, 125)]
    assert {entry.scope for entry in parsed.names} == set(Scope)
    assert any(names.to_unicode(e.name) != names.to_text(e.name) for e in parsed.names)
    assert {entry.prefix.family for entry in parsed.prefixes} == {4, 6}
    listed = sorted(entry.prefix for entry in parsed.prefixes)
    assert any(a.covers(b) for a, b in pairwise(listed))
    assert any(a.last + 1 == b.network for a, b in pairwise(listed))
    # Over TCP `tcp-only` lets everybody through: nothing for a list of what is blocked.
    assert set(Action) - {rule.action for rule in rules.values()} == {Action.TCP_ONLY}
    assert len({rule.reference for rule in rules.values()}) > 100
    assert len({rule.listed for rule in rules.values()}) > 5
    assert all(r.expires.year >= 2030 for r in rules.values() if r.expires)
    assert not all(rule.enforce for rule in rules.values())
