"""What is asked of a list: everything that it says, and nothing that it does not."""

import pytest

from blockd import config, names, prefixes
from blockd.policy.store import Store
from blockd.resolver import wire
from blockd.routes.model import Kind
from blockd.terms import Action
from blockd.verify import questions
from tests.cli.program import Gateway

LIST = """\
[list]
authority = "Example Authority"
basis = "order"

[[platform]]
id = "p1"
domains = ["all.example", "=only.example", "*.below.example"]
prefixes = ["198.18.1.0/28", "198.18.2.7/32", "2001:db8:1::/48"]

[[platform]]
id = "p2"
domains = ["zero.example"]
prefixes = ["198.18.3.0/24"]
action = "zero"
route = "prohibit"

[[allow]]
domains = ["good.all.example", "*.fine.all.example"]
prefixes = ["198.18.1.8/29", "198.18.3.255/32"]
reason = "a test"
"""


@pytest.fixture(scope="module")
def policy(tmp_path_factory):
    gateway = Gateway(tmp_path_factory.mktemp("questions"))
    gateway.write(LIST)
    assert gateway.run("compile").status == 0
    opened = Store(gateway.state).open()
    yield opened
    opened.close()


def asked(policy, text="", sample=1):
    """Return the questions as text; names that are made up with an `x` in front."""
    found = set()
    for each in questions.names(policy, config.parse(text, "test"), sample):
        name = names.to_text(each.name)
        first, _, rest = name.partition(".")
        shown = f"x.{rest}" if first.startswith("verify-") else name
        found.add((shown, each.expected.action, each.what))
    return found


def test_each_entry_is_asked_for_what_it_covers(policy):
    denied, nodata, zero = Action.NXDOMAIN, Action.NODATA, Action.ZERO
    assert asked(policy) == {
        ("all.example", nodata, "names"),  # something below is not blocked
        ("x.all.example", denied, "names below"),
        ("only.example", nodata, "names"),
        ("x.below.example", denied, "names below"),
        ("zero.example", zero, "names"),
        ("x.zero.example", zero, "names below"),
        ("good.all.example", None, "exceptions"),
        ("fine.all.example", nodata, "names"),
        ("x.fine.all.example", None, "exceptions"),
    }


@pytest.mark.parametrize("sample", [0, 1, 3])
def test_the_sample_says_how_many_are_made_up(policy, sample):
    found = list(questions.names(policy, config.Config(), sample))
    made_up = [each for each in found if names.to_text(each.name).startswith("verify-")]
    assert len(made_up) == 4 * sample
    assert len({each.name for each in made_up}) == len(made_up)
    assert len(found) <= questions.total(policy, config.Config(), sample)
    assert {each.qtype for each in made_up} <= {wire.A, wire.AAAA}


def test_canaries_are_asked_whatever_the_list_says(policy):
    text = '[guard]\nmust_resolve = ["all.example", "198.18.1.1"]\n'
    text += 'must_block = ["zero.example", "open.example", "198.18.3.1", "2001:db8:9::/48"]\n'
    canaries = {each[:2] for each in asked(policy, text) if each[2] == "canaries"}
    assert canaries == {
        ("all.example", None),
        ("zero.example", Action.ZERO),
        ("open.example", Action.RECORDS),
    }
    found = questions.addresses(policy, config.parse(text, "test"), [])
    assert [(str(at), kind) for at, kind, what in found if what == "canaries"] == [
        ("198.18.1.1/32", None),
        ("198.18.3.1/32", Kind.PROHIBIT),
        ("2001:db8:9::/128", Kind.BLACKHOLE),
    ]


def test_the_ends_of_prefixes_are_tried_where_their_entry_decides(policy):
    tried = {
        str(at).partition("/")[0]: (kind, what)
        for at, kind, what in questions.addresses(
            policy, config.Config(), [prefixes.parse("198.18.2.0/24")]
        )
    }
    listed, excepted = (Kind.BLACKHOLE, "prefixes"), (None, "excepted prefixes")
    assert tried == {
        "198.18.1.0": listed,
        "198.18.1.8": excepted,
        "198.18.1.15": excepted,
        # 198.18.2.7 is what the gateway needs.
        "198.18.3.0": (Kind.PROHIBIT, "prefixes"),
        "198.18.3.255": excepted,
        "2001:db8:1::": listed,
        "2001:db8:1:ffff:ffff:ffff:ffff:ffff": listed,
    }
