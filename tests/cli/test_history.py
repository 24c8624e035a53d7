"""`blockd history`: every generation, why it came and what it changed."""

from tests.cli.program import RULES


def test_generations_stand_newest_first_with_their_reasons(gateway):
    gateway.run("compile")
    gateway.write(RULES.replace('"listed.example"', '"listed.example", "new.example"'))
    gateway.run("compile")
    gateway.run("rollback")
    head, *rows = (line.split() for line in gateway.run("history").out.splitlines())
    assert head[:4] == ["generation", "committed", "(UTC)", "why"]
    assert [row[:2] for row in rows] == [["*", "3"], ["2", rows[1][1]], ["1", rows[2][1]]]
    assert rows[0][4:] == ["rollback", "to", "1", "+0", "-1", "~0", "3", "3", "rules.toml"]
    assert rows[1][3:] == ["changed", "+1", "-0", "~0", "4", "3", "rules.toml"]
    assert rows[2][3:] == ["changed", "+6", "-0", "~0", "3", "3", "rules.toml"]


def test_json_holds_the_records(gateway):
    gateway.run("compile")
    gateway.run("rollback", "1")
    newest, oldest = gateway.run("history", "--json").json
    assert (newest["number"], newest["rolled_back_to"]) == (2, 1)
    assert newest["previous"]
    assert oldest["sources"][0]["path"] == str(gateway.rules / "rules.toml")
    assert oldest["committed"].endswith("Z")


def test_before_the_first_generation_there_is_none(gateway):
    assert gateway.run("history", "--json") == (0, "[]\n", "")
    done = gateway.run("history")
    assert done.status == 0
    assert done.err == f"no generation in {gateway.state} yet; run `blockd compile`\n"


def test_nothing_is_told_of_names_or_clients(gateway):
    gateway.run("compile")
    assert "example" not in gateway.run("history", "--json").out.replace(str(gateway.place), "")


def test_a_whole_history_is_verified_and_has_a_head_to_note_down(gateway):
    gateway.run("compile")
    done = gateway.run("history", "--verify")
    assert (done.status, done.out.splitlines()[0]) == (
        0,
        "1 record, each vouches for the one before",
    )
    head = done.out.split()[-1]
    gateway.write(RULES + "# more\n")
    gateway.run("compile")
    assert gateway.run("history", "--verify", "--head", head).status == 0
    assert gateway.run("history", "--verify", "--head", "0" * 64).status == 1


def test_tampering_is_told_with_the_generation(gateway):
    gateway.run("compile")
    gateway.write(RULES + "# more\n")
    gateway.run("compile")
    path = gateway.state / "records" / "00000001.json"
    path.write_text(path.read_text().replace('"added": 6', '"added": 5'))
    done = gateway.run("history", "--verify")
    assert done.status == 1
    assert done.out.startswith("generation 1: its record was changed: ")
    (fault,) = gateway.run("history", "--verify", "--json").json["faults"]
    assert fault["generation"] == 1
