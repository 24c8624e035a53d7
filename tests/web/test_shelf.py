"""What the list says, by the generations of a real store, whichever are open."""

import pytest

from blockd.errors import NameFormError, NoPolicyError, PrefixFormError, StoreError
from blockd.policy.store import Store
from blockd.web.shelf import Shelf
from tests.cli.program import RULES

MORE = RULES + '\n[[platform]]\nid = "p002"\ndomains = ["münchen.example"]\n'


@pytest.fixture
def shelf(gateway):
    shelf = Shelf(Store(gateway.state))
    yield shelf
    shelf.close()


def compiled(gateway, text):
    gateway.write(text)
    assert gateway.run("compile").status == 0


@pytest.mark.parametrize(
    ("text", "what", "entry", "platform"),
    [
        ("listed.example", "listed.example", "listed.example", "p001"),
        (" WWW.Listed.Example. ", "www.listed.example", "listed.example", "p001"),
        ("*.listed.example", "listed.example", "listed.example", "p001"),
        ("good.listed.example", "good.listed.example", "good.listed.example", "allow"),
        ("x.only.example", "x.only.example", "", None),
        ("198.18.1.1", "198.18.1.1", "198.18.1.0/28", "p001"),
        ("198.18.1.8", "198.18.1.8", "198.18.1.8/32", "allow"),
        ("2001:db8:1::/64", "2001:db8:1::/64", "2001:db8:1::/48", "p001"),
        ("198.18.2.1", "198.18.2.1", "", None),
    ],
)
def test_the_longest_match_is_found(gateway, shelf, text, what, entry, platform):
    compiled(gateway, RULES)
    found = shelf.find(text)
    assert (found.what, found.entry, found.rule and found.rule.id) == (what, entry, platform)
    assert found.generation == 1
    assert bool(found.origin) is bool(entry)


def test_a_newer_generation_is_taken_at_once(gateway, shelf):
    compiled(gateway, RULES)
    assert shelf.find("münchen.example").rule is None
    compiled(gateway, MORE)
    found = shelf.find("xn--mnchen-3ya.example")
    assert (found.rule.id, found.unicode, found.generation) == ("p002", "münchen.example", 2)
    assert "p002" in {rule.id for rule in shelf.rules()}


@pytest.mark.parametrize(
    ("text", "error"),
    [("a..b", NameFormError), ("198.18.1.1/24", PrefixFormError), ("a" * 64, NameFormError)],
)
def test_what_is_neither_name_nor_address_is_an_error_that_says_so(shelf, text, error):
    with pytest.raises(error):
        shelf.find(text)


def test_what_is_not_enforced_is_found_as_such(gateway, shelf):
    shadow = 'domains = ["shadow.example"]\nprefixes = ["198.18.9.0/24"]\nenforce = false\n'
    compiled(gateway, RULES + f'\n[[platform]]\nid = "p003"\n{shadow}')
    for text in ("www.shadow.example", "198.18.9.1"):
        found = shelf.find(text)
        assert (found.rule.id, found.rule.enforce) == ("p003", False)


def test_without_a_generation_there_is_none(shelf):
    with pytest.raises(NoPolicyError):
        shelf.find("listed.example")


def test_a_difference_is_read_beside_the_generation_that_is_held_open(gateway, shelf):
    compiled(gateway, RULES)
    compiled(gateway, MORE)
    shelf.find("listed.example")  # holds generation 2
    assert shelf.steps(2).added.entries == (("xn--mnchen-3ya.example", "p002"),)
    gateway.state.joinpath("generations/00000001.mdb").unlink()
    assert shelf.steps(2).added.total == 1  # it never changes, and is remembered
    with pytest.raises(StoreError):
        Shelf(Store(gateway.state)).steps(2)
