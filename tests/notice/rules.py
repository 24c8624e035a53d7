"""Verdicts for tests that are pure."""

from datetime import date

from blockd import names
from blockd.policy.lookup import Verdict
from blockd.terms import Basis
from blockd.watchlist.model import Rule

OPERATOR = "https://isp.example/blocking"
FULL = {
    "name": "Example Exchange", "list_name": "Test list", "authority": "Example Authority",
    "basis": Basis.ORDER, "reference": "Notice 7", "contact": "mailto:desk@authority.example",
    "listed": date(2018, 8, 23), "expires": date(2099, 12, 31),
}  # fmt: skip
NAME = names.parse("www.listed.example")


def verdict(matched="listed.example", **rule):
    """Return what blocks a name; nothing is said of the rule but what is given."""
    return Verdict(Rule(id="p001", source="l.toml", **rule), names.parse(matched), 3, alone=False)
