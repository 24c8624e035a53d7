"""Steps as text: what a person reads, and what a shell takes."""

import pytest

from blockd.setup.steps import Keep, Kind, Link, Move, Node, Plan, Remove, Run, Write, pending


@pytest.mark.parametrize(
    ("step", "said", "lines"),
    [
        (Write("/a b", b"x\n"), "write /a b", ["install -D -m 0644 /dev/stdin '/a b' <<'END'",
                                               "x", "END"]),
        (Write("/a", b"", 0o600), "write /a", ["install -D -m 0600 /dev/stdin /a <<'END'", "END"]),
        (Write("/a", b"END\n"), "write /a", ["install -D -m 0644 /dev/stdin /a <<'END_'", "END",
                                             "END_"]),
        (Write("/a", b"x", source="/s"), "write /a", ["install -D -m 0644 /s /a"]),
        (Link("/d/a", "/t"), "link /d/a to /t", ["mkdir -p /d", "ln -sfn /t /d/a"]),
        (Keep("/a", "/b"), "keep /a as /b", ["ln -P /a /b"]),
        (Move("/a", "/b"), "move /a to /b", ["mv -fT /a /b"]),
        (Remove("/a"), "remove /a", ["rm -df /a"]),
        (Remove("/a", tree=True), "remove /a and all in it", ["rm -rf /a"]),
        (Run(("a", "b c")), "a 'b c'", ["a 'b c'"]),
        (Run(("a",), accept=6), "a", ["a || [ $? = 6 ]"]),
    ],
)  # fmt: skip
def test_a_step_says_itself_to_people_and_to_a_shell(step, said, lines):
    assert step.said == said
    assert step.shell() == lines


def test_a_command_that_writes_several_files_stands_in_the_script_once():
    pages = [Write(path, b"x\n", made_by="make all") for path in ("/a", "/b")]
    assert Plan((*pages, Remove("/c"))).script() == "set -eu\numask 022\nmake all\nrm -df /c"


TREE = {"/f": Node(Kind.FILE, b"x", 0o644), "/l": Node(Kind.LINK, b"/t", 0o777)}


@pytest.mark.parametrize(
    ("step", "done"),
    [
        (Write("/f", b"x"), True),
        (Write("/f", b"y"), False),
        (Write("/f", b"x", 0o600), False),
        (Write("/l", b"/t"), False),
        (Link("/l", "/t"), True),
        (Link("/l", "/u"), False),
        (Link("/f", "x"), False),
        (Keep("/f", "/l"), True),
        (Keep("/f", "/none"), False),
        (Move("/none", "/f"), True),
        (Move("/f", "/none"), False),
        (Remove("/none"), True),
        (Remove("/f"), False),
        (Run(("true",)), False),
    ],
)
def test_a_step_knows_whether_it_is_done(step, done):
    assert step.is_done(TREE) is done
    assert pending([step], TREE) == ([] if done else [step])
