"""The pages as a browser gets them, over HTTP from the running daemon."""

import re

import pytest

from tests.cli.program import RULES, Gateway, until
from tests.hypertext.test_markup import read
from tests.ports import free_port
from tests.web.conftest import shown

PAGES = ("/", "/platforms", "/search", "/search?q=listed.example", "/history", "/history/1")


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(("wanted", "language"), [("en", "en"), ("zh-CN", "zh-Hans")])
def test_every_page_is_there_in_both_languages(page, path, wanted, language):
    status, headers, text = page.get(path, Accept_Language=wanted)
    assert status == 200
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert headers["Content-Language"] == language
    assert headers["Vary"] == "Accept-Language"
    assert text.startswith(f'<!doctype html>\n<html lang="{language}">')


@pytest.mark.parametrize("path", PAGES)
def test_no_page_has_scripts_or_styles_of_its_own_or_anything_from_elsewhere(page, path):
    text = page.get(path)[2]
    found = read(text)
    assert not {"script", "iframe", "object", "style", "img"} & set(found.tags)
    assert not re.search(r'\s(style|on\w+)="', text)
    assert not re.search(r"https?://", text)
    for link in re.findall(r'(?:href|src|action)="([^"]*)"', text):
        assert page.get(link)[0] == 200, link


@pytest.mark.parametrize(
    ("asked", "status", "said"),
    [
        ("www.listed.example", 200, "www.listed.example is blocked"),
        ("good.listed.example", 200, "is not blocked: it is excepted"),
        ("free.example", 200, "is not blocked: no entry covers it"),
        ("198.18.1.3", 200, "198.18.1.3 is blocked"),
        ("198.18.1.1%2F24", 400, "host bits set"),
        ("a..b", 400, "This cannot be looked up"),
        ("%3Cscript%3Ealert(1)%3C%2Fscript%3E", 400, "This cannot be looked up"),
        ("%00%ff", 400, "This cannot be looked up"),
        ("x" * 5000, 400, "This cannot be looked up"),
        ("+", 200, "Name, address or prefix"),
    ],
)
def test_the_search_says_what_the_list_says(page, asked, status, said):
    found = page.get(f"/search?q={asked}")
    assert found[0] == status
    assert said in read(found[2]).text
    assert "script" not in read(found[2]).tags


def test_an_entry_is_shown_with_its_origin_and_on_whose_word(page):
    text = read(page.get("/search?q=listed.example")[2]).text
    for part in ("p001, Example Exchange", "rules.toml:", "Example Authority", "Notice 7", "order",
                 "2018-08-23", "2099-12-31, at the end of that day, UTC"):  # fmt: skip
        assert part in text


@pytest.mark.parametrize("path", ["/history/0", "/history/2", "/history/999999999"])
def test_a_generation_that_never_was_is_not_found(page, path):
    status, _, text = page.get(path)
    assert status == 404
    assert "There is nothing at this address." in text


def test_a_refused_list_and_a_change_are_shown(tmp_path):
    gateway = Gateway(tmp_path, free_port())
    with shown(gateway, "watch", "resolve") as page:
        gateway.write(RULES + '\n[[platform]]\nid = "p002"\ndomains = ["more.example"]\n')
        until(lambda: page.get("/history/2")[0] == 200)
        text = read(page.get("/history/2")[2]).text
        assert "Added: 1" in text
        assert "more.example" in text
        gateway.write(RULES + "nonsense\n")
        until(lambda: "the last good one stays in force" in page.get("/")[2])
        status, _, text = page.get("/readyz")
        assert (status, text) == (200, "ok\n")
        assert "\nblockd_compiler_problems 1\n" in page.get("/metrics")[2]
        assert page.get("/search?q=more.example")[0] == 200
    assert "Traceback" not in page.server.log.read_text()


def test_a_damaged_generation_is_said_and_breaks_no_other_page(gateway):
    assert gateway.run("compile").status == 0
    next(gateway.state.glob("generations/*.mdb")).write_bytes(b"nonsense")
    with shown(gateway) as page:
        for path in ("/platforms", "/search?q=listed.example"):
            status, _, text = page.get(path)
            assert status == 503
            assert "damaged" in text
        assert page.get("/")[0] == page.get("/history")[0] == 200
