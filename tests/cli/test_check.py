"""`blockd check`: every problem at its line, and nothing is changed."""

import pytest

from tests.cli.program import RULES

WRONG = """\
[[platform]]
id = "p001"
domains = ["a.example", "b..example"]
prefixes = ["198.18.1.0/28", "198.18.1.1/28"]
"""


def test_a_good_list_is_counted(gateway):
    done = gateway.run("check")
    said = "accepted: 3 names and 3 prefixes of 2 rules in 1 file\n"
    assert done == (0, said, "")


def test_every_problem_stands_at_its_line(gateway):
    path = gateway.write(WRONG)
    done = gateway.run("check")
    assert done.status == 1
    assert [line.partition(": ")[0] for line in done.out.splitlines()] == [
        f"{path}:3",
        f"{path}:4",
    ]
    assert all(": error: " in line for line in done.out.splitlines())
    assert done.err == f"blockd: {path}: refused: 2 errors; nothing was changed\n"


def test_json_says_the_same(gateway):
    path = gateway.write(WRONG)
    done = gateway.run("check", "--json")
    assert done.status == 1
    found = done.json
    assert found["accepted"] is False
    assert [issue["line"] for issue in found["issues"]] == [3, 4]
    assert {issue["source"] for issue in found["issues"]} == {str(path)}
    assert {issue["severity"] for issue in found["issues"]} == {"error"}
    assert len(found["refusals"]) == 1
    gateway.write(RULES)
    found = gateway.run("check", "--json").json
    assert found == {
        "accepted": True,
        "refusals": [],
        "issues": [],
        "sources": [
            {
                "source": str(gateway.rules / "rules.toml"),
                "format": "native",
                "lines": RULES.count("\n"),
                "entries": 6,
                "comments": 0,
                "blanks": 0,
                "issues": 0,
                "unsupported": {},
            }
        ],
        "rules": 2,
        "names": 3,
        "prefixes": 3,
        "expired": 0,
        "not_enforced": 0,
        "cuts": [],
        "change": None,
        "beyond": [],
        "configuration": [],
    }


def test_cuts_that_follow_from_the_configuration_are_shown(gateway):
    gateway.write('[[platform]]\nid = "p"\nprefixes = ["198.18.0.0/24", "198.19.0.0/28"]\n')
    config = gateway.place / "cuts.toml"
    config.write_text(
        f'[list]\npaths = ["{gateway.rules}"]\n[resolver]\nupstreams = ["198.18.0.53"]\n'
        '[routes]\nprotect = ["198.19.0.0/16"]\n'
    )
    said = gateway.run("--config", str(config), "check").out
    assert "198.18.0.0/24: route hole for upstream resolver 198.18.0.53/32\n" in said
    assert "198.19.0.0/28: route not installed: inside protected by [routes] protect" in said


def test_a_list_that_cannot_be_read_is_said_in_json_too(gateway):
    done = gateway.run("check", "--json", str(gateway.place / "missing.toml"))
    assert done.status == 1
    assert done.json["accepted"] is False
    assert "missing.toml" in done.json["refusals"][0]


def test_paths_take_the_place_of_the_configured_lists(gateway):
    gateway.write(WRONG)
    other = gateway.place / "other.list"
    other.write_text("a.example\nb.example\n")
    done = gateway.run("check", str(other))
    counted = f"{other}: domains, 2 lines: 2 entries, 0 comments, 0 blanks, 0 issues\n"
    said = "accepted: 2 names and 0 prefixes of 1 rule in 1 file\n"
    assert done == (0, counted + said, "")
    both = gateway.run("check", str(other), str(gateway.rules))
    assert both.status == 1


def test_nothing_is_changed(gateway):
    for text in (RULES, WRONG):
        gateway.write(text)
        before = sorted(gateway.place.rglob("*"))
        gateway.run("check")
        assert sorted(gateway.place.rglob("*")) == before


def test_expired_and_shadowed_entries_are_counted(gateway):
    gateway.write(
        RULES.replace("2099-12-31", "2026-01-01")
        + '[[platform]]\nid = "p002"\ndomains = ["b.example"]\nenforce = false\n'
    )
    done = gateway.run("check")
    assert done.status == 0
    assert "; 4 entries have expired; 1 entry is not enforced" in done.out


def test_a_warning_is_shown_and_refuses_nothing(gateway):
    gateway.write("x\n", name="notes")
    done = gateway.run("check")
    assert done.status == 0
    assert "notes: warning: passed over: " in done.out.splitlines()[0]


@pytest.mark.parametrize(
    ("bad", "status"), [("b..example\n", 0), ("b..example\nc..example\n", 1), ("co.uk\n", 0)]
)
def test_a_feed_may_have_bad_entries_within_its_budget(gateway, bad, status):
    good = "".join(f"a{number}.example\n" for number in range(100))
    gateway.write(good + bad, name="feed.txt")
    done = gateway.run("check")
    assert done.status == status
    assert "feed.txt:101: " in done.out
    assert ("feed.txt: refused: 2 of 102 entries are bad" in done.err) is bool(status)


@pytest.mark.parametrize(
    "text", ["<!DOCTYPE html>\n<html></html>\n", "a.example\nb.exam", ""], ids=repr
)
def test_what_cannot_be_a_list_is_refused_whole(gateway, text):
    gateway.write(text, name="feed.txt")
    done = gateway.run("check")
    assert done.status == 1
    assert "feed.txt" in done.err
    assert "nothing was changed" in done.err


ADBLOCK = """\
[Adblock Plus 2.0]
! Title: a list

||a.example^
||b.example^$third-party
||c.example^$popup
||co.uk^
c.example##.banner
b.example##.banner
||a..example^
"""


def test_what_became_of_every_line_of_a_feed_is_counted(gateway):
    good = "".join(f"||a{number}.example^\n" for number in range(200))
    path = gateway.write(ADBLOCK + good, name="feed.txt")
    done = gateway.run("check")
    assert done.status == 0
    counts = "210 lines: 201 entries, 2 comments, 1 blank, 6 issues"
    kinds = "2 cosmetic rule, 1 modifier $popup, 1 modifier $third-party"
    assert f"{path}: adblock, {counts} (not taken: {kinds})\n" in done.out
    found = gateway.run("check", "--json").json
    (facts,) = (each for each in found["sources"] if each["source"] == str(path))
    parts = ("entries", "comments", "blanks", "issues")
    assert sum(facts[part] for part in parts) == facts["lines"] == 210
    assert facts["unsupported"]["modifier $popup"] == 1


def test_an_address_to_listen_on_that_the_host_lacks_is_a_warning(gateway):
    gateway.config.write_text(gateway.config.read_text().replace("127.0.0.1:", "198.18.255.9:", 1))
    done = gateway.run("check")
    assert (done.status, done.out[:10]) == (0, "accepted: ")
    assert done.err.startswith("warning: 198.18.255.9 in [resolver] listen is no address of this")
    (said,) = gateway.run("check", "--json").json["configuration"]
    assert done.err == f"warning: {said}\n"
