"""What is told of a blocked name."""

import pytest

from blockd import names
from blockd.notice import facts
from blockd.notice.words import Words
from blockd.terms import Basis
from tests.notice.rules import FULL, NAME, OPERATOR, verdict

ENGLISH, CHINESE = Words("en"), Words("zh")


def test_all_that_is_known_is_told_and_nothing_else():
    about = facts.blocked(NAME, verdict(**FULL), OPERATOR)
    assert facts.rows(ENGLISH, about) == [
        ("site", "www.listed.example"),
        ("entry", "listed.example"),
        ("platform", "p001, Example Exchange"),
        ("list", "Test list"),
        ("on the word of", "Example Authority"),
        ("basis", "order"),
        ("reference", "Notice 7"),
        ("listed", "2018-08-23"),
        ("expires", "2099-12-31, at the end of that day, UTC"),
        ("contact", "mailto:desk@authority.example"),
        ("carried out by", OPERATOR),
    ]
    bare = facts.blocked(NAME, verdict("www.listed.example"), "")
    assert facts.rows(ENGLISH, bare) == [
        ("site", "www.listed.example"), ("platform", "p001"), ("basis", "policy"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("basis", "english", "chinese"),
    [
        (Basis.ORDER, "By order of Example Authority, ", "命令"),
        (Basis.POLICY, "By a policy of Example Authority, ", "政策"),
        (Basis.REQUEST, "At the request of Example Authority, ", "请求"),
    ],
)
def test_the_sentence_says_on_whose_word_and_on_what_ground(basis, english, chinese):
    about = facts.blocked(NAME, verdict(**FULL | {"basis": basis}), "")
    assert facts.why(ENGLISH, about).startswith(english)
    assert f"Example Authority 的{chinese}" in facts.why(CHINESE, about)


def test_a_list_that_names_nobody_is_said_to_name_nobody():
    about = facts.blocked(NAME, verdict(), "")
    assert "the list does not say" in facts.why(ENGLISH, about)
    assert "nobody to turn to" in facts.objection(ENGLISH, about)
    about = facts.blocked(NAME, verdict(contact="tel:+1-555-0100"), "")
    assert "Turn to +1-555-0100, " in facts.objection(ENGLISH, about)


def test_braces_of_a_list_are_text():
    about = facts.blocked(NAME, verdict(authority="{name} {0}", contact="{contact}"), "")
    assert "{name} {0}" in facts.why(ENGLISH, about)
    assert "{contact}" in facts.objection(CHINESE, about)


def test_a_name_is_shown_as_a_person_writes_it():
    about = facts.blocked(names.parse("bücher.example"), verdict("bücher.example"), "")
    assert facts.title(ENGLISH, about) == "bücher.example (xn--bcher-kva.example) is blocked"


def test_of_a_name_that_no_list_has_it_is_not_said_that_nothing_is_the_matter():
    title, text = facts.other(ENGLISH, "www.open.example")
    assert title == "Nothing is blocked under this name"
    assert "www.open.example itself" in text
    assert "leads to a name or an address that is listed" in text
    assert "You asked for none of them" in facts.other(ENGLISH, "")[1]
