"""The project's facts: each is answered somewhere, and the numbers hold."""

import tomllib
from pathlib import Path

import pytest

from blockd.watchlist import formats

TOP = Path(__file__).parents[1]
FACTS = tomllib.loads((TOP / "seeds/facts.toml").read_text("utf-8"))["fact"]


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact["id"])
def test_every_fact_is_answered_somewhere(fact):
    readable = (TOP / "seeds/README.md").read_text("utf-8")
    for place in fact["where"]:
        assert (TOP / place).exists(), place
        assert f"`{place}`" in readable


def test_the_shipped_list_has_as_many_platforms_as_the_report_counts():
    (counted,) = (fact["platforms"] for fact in FACTS if "platforms" in fact)
    content = (TOP / "rules/platforms.toml").read_bytes()
    parsed = formats.parse(content, "platforms.toml")
    assert len({entry.rule.id for entry in [*parsed.names, *parsed.prefixes]}) == counted


def test_no_code_depends_on_the_number():
    (counted,) = (str(fact["platforms"]) for fact in FACTS if "platforms" in fact)
    for path in sorted((TOP / "blockd").rglob("*.py")):
        assert counted not in path.read_text("utf-8").split(), path
