"""The notice for programs."""

import json
from http import HTTPStatus

from blockd.notice import facts, plain
from blockd.notice.words import Words
from tests.notice.rules import FULL, NAME, OPERATOR, verdict

ABOUT = facts.blocked(NAME, verdict(**FULL), OPERATOR)


def test_a_problem_names_everything_as_a_list_does():
    found = json.loads(plain.problem_of_blocked(Words("en"), ABOUT))
    detail = found.pop("detail")
    assert detail.startswith("www.listed.example is blocked. By order of Example Authority, ")
    assert found == {
        "title": "Unavailable For Legal Reasons", "status": 451, "name": "www.listed.example",
        "entry": "listed.example", "platform": "p001", "list": "Test list",
        "authority": "Example Authority", "basis": "order", "reference": "Notice 7",
        "listed": "2018-08-23", "expires": "2099-12-31",
        "contact": "mailto:desk@authority.example", "operator": OPERATOR,
    }  # fmt: skip


def test_what_is_not_known_is_no_member():
    about = facts.blocked(NAME, verdict(), "")
    assert set(json.loads(plain.problem_of_blocked(Words("en"), about))) == {
        "title", "status", "detail", "name", "entry", "platform", "basis",
    }  # fmt: skip


def test_a_problem_of_another_name_has_the_status_of_its_answer():
    other = plain.problem_of_other(Words("zh"), "x.example", HTTPStatus.MISDIRECTED_REQUEST)
    found = json.loads(other)
    assert (found["status"], found["title"], found["name"]) == (
        421, "Misdirected Request", "x.example",
    )  # fmt: skip
    assert "x.example 本身" in found["detail"]
    bare = json.loads(plain.problem_of_other(Words("en"), "", HTTPStatus.NOT_FOUND))
    assert set(bare) == {"title", "status", "detail"}


def test_text_is_lines_of_the_same_facts():
    lines = plain.text_of_blocked(Words("en"), ABOUT).splitlines()
    assert lines[0] == "www.listed.example is blocked"
    assert "reference: Notice 7" in lines
    assert f"carried out by: {OPERATOR}" in lines
    assert lines[-1].startswith("Turn to desk@authority.example, ")
    assert plain.text_of_other(Words("en"), "x.example").count("\n") == 3
