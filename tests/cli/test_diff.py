"""`blockd diff`: what a compile would change, and that it then does."""

from tests.cli.program import RULES

OTHER = (
    RULES.replace('"listed.example"', '"new.example"')
    .replace("198.18.1.0/28", "198.18.2.0/28")
    .replace('reason = "a test"', 'reason = "another"')
)


def test_additions_removals_and_changes_have_their_signs(gateway):
    gateway.run("compile")
    gateway.write(OTHER)
    done = gateway.run("diff")
    assert done.status == 0
    assert done.out.splitlines() == [
        "+ 198.18.2.0/28  p001",
        "+ new.example  p001",
        "- 198.18.1.0/28  p001",
        "- listed.example  p001",
        "~ 198.18.1.8/32  allow",
        "~ good.listed.example  allow",
        "2 added, 2 removed, 2 changed",
    ]


def test_a_compile_then_does_just_that(gateway):
    gateway.run("compile")
    gateway.write(OTHER)
    before = sorted(gateway.state.rglob("*"))
    shown = gateway.run("diff", "--json").json
    assert (len(shown.pop("digest")), shown.pop("beyond")) == (20, [])
    assert sorted(gateway.state.rglob("*")) == before
    assert [len(shown[kind]) for kind in ("added", "removed", "changed")] == [2, 2, 2]
    assert gateway.run("compile", "--json").json["difference"] == shown
    assert gateway.run("diff").out == "no difference\n"


def test_lines_and_comments_make_no_difference(gateway):
    gateway.run("compile")
    gateway.write("# moved\n\n" + RULES)
    assert gateway.run("diff") == (0, "no difference\n", "")


def test_before_the_first_generation_all_is_added(gateway):
    done = gateway.run("diff")
    assert done.out.endswith("\n6 added, 0 removed, 0 changed\n")
    assert not gateway.state.exists()


def test_paths_take_the_place_of_the_configured_lists(gateway):
    gateway.run("compile")
    other = gateway.place / "other.toml"
    other.write_text(OTHER)
    assert "+ new.example  p001" in gateway.run("diff", str(other)).out


def test_a_refused_list_shows_its_issues_and_no_difference(gateway):
    gateway.run("compile")
    path = gateway.write(RULES.replace("198.18.1.0/28", "198.18.1.0/99"))
    done = gateway.run("diff")
    assert (done.status, done.out) == (1, "")
    issue, sentence = done.err.splitlines()
    assert issue.startswith(f"{path}:12: error: ")
    assert sentence == f"blockd: {path}: refused: 1 error; nothing was changed"
