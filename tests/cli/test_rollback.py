"""`blockd rollback`: an earlier content under a new number, held until the lists change."""

import pytest

from tests.cli.program import RULES

OTHER = RULES.replace('"listed.example"', '"new.example"')


@pytest.fixture
def changed(gateway):
    """A gateway whose second generation lists another name."""
    gateway.run("compile")
    gateway.write(OTHER)
    gateway.run("compile")
    return gateway


@pytest.mark.parametrize("words", [[], ["1"]])
def test_the_earlier_content_is_in_force_under_a_new_number(changed, words):
    done = changed.run("rollback", *words)
    assert done.status == 0
    first, second = done.out.splitlines()
    assert first == "generation 3 has the content of 1: 1 added, 1 removed, 0 changed"
    assert second.startswith("it holds until the lists change or `blockd compile --resume`; ")
    assert second.endswith(f"in {changed.state}")
    assert changed.lists("listed.example")
    assert not changed.lists("new.example")


def test_it_holds_until_it_is_ended_or_the_lists_change(changed):
    changed.run("rollback")
    done = changed.run("compile")
    assert done.status == 0
    assert done.out.startswith("generation 3 is held since a rollback; `blockd compile --resume`")
    assert changed.run("compile", "--json").json["held"] is True
    assert "the content of 1, until" in changed.run("status").out
    assert changed.run("compile", "--resume").out.startswith("generation 4: 1 added, 1 removed")
    assert changed.lists("new.example")
    changed.run("rollback")
    changed.write(OTHER + "# changed\n")
    done = changed.run("compile", "--json").json
    assert (done["committed"], done["held"]) == (True, False)
    assert done["difference"]["added"] == [["new.example", "p001"]]


def test_a_confirmation_during_the_hold_says_that_it_needs_its_end(gateway):
    gateway.write("".join(f"n{n}.example\n" for n in range(60)), "a.txt")
    gateway.run("compile")
    gateway.write("n1.example\n", "a.txt")
    digest = gateway.run("diff", "--json").json["digest"]
    assert gateway.run("compile", "--accept", digest).status == 0
    gateway.run("rollback")
    remedy = f"`blockd compile --resume --accept {digest}`"
    for words in (["compile", "--resume"], ["diff"], ["check"]):
        assert f"{remedy} confirms exactly this change" in gateway.run(*words).err
    done = gateway.run("compile", "--accept", digest)
    assert (done.status, done.out) == (2, "")
    said = f"blockd: --accept {digest} confirmed nothing: generation 3 is held since a rollback"
    assert done.err.startswith(said)
    assert remedy in done.err
    assert gateway.run(*remedy.strip("`").split()[1:]).out.startswith("generation 4: 0 added, 59 ")


def test_entries_past_their_day_do_not_come_back(changed):
    changed.write(OTHER.replace("2099-12-31", "2020-01-01"))
    changed.run("compile")
    changed.write(RULES)
    changed.run("compile")
    assert changed.run("rollback", "3").status == 0
    assert not changed.lists("new.example")


@pytest.mark.parametrize("number", ["0", "3", "99"])
def test_a_generation_that_never_was_is_named(changed, number):
    done = changed.run("rollback", number)
    said = f"blockd: there is no generation {number}; see `blockd history`\n"
    assert done == (2, "", said)
    assert changed.run("compile").out.startswith("generation 2 is current")


def test_json_says_what_it_changed(changed):
    assert changed.run("rollback", "--json").json == {
        "generation": 3,
        "difference": {
            "added": [["listed.example", "p001"]],
            "removed": [["new.example", "p001"]],
            "changed": [],
        },
    }
