"""Which places services can run a program from."""

import pytest

from blockd.setup.reach import Part, obstacle

PROGRAM = "/opt/blockd/bin/blockd"
FINE = {
    "/": Part(0o40755),
    "/opt": Part(0o40755),
    "/opt/blockd": Part(0o40711),
    "/opt/blockd/bin": Part(0o40755),
    PROGRAM: Part(0o100755),
    "/usr/bin/python3.11": Part(0o100755),
}


def test_a_program_in_opt_that_everybody_may_run_is_in_reach():
    assert obstacle(FINE, PROGRAM) == ""


OBSTACLES = {
    "nothing there": ({}, "is not there"),
    "root's home": (
        {**FINE, "/root/python/bin/python3.11": Part(0o100755)},
        "cannot see /root/",
    ),
    "a home": ({**FINE, "/home/a/lib": Part(0o40755)}, "cannot see /home/a"),
    "a temporary place": ({**FINE, "/tmp/venv": Part(0o40755)}, "cannot see /tmp/venv"),
    "a closed directory": (
        {**FINE, "/opt/blockd": Part(0o40700)},
        "cannot read /opt/blockd: `chmod o+x /opt/blockd`",
    ),
    "a program for root alone": (
        {**FINE, PROGRAM: Part(0o100750)},
        f"cannot read {PROGRAM}: `chmod o+rx {PROGRAM}`",
    ),
    "another owner": (
        {**FINE, "/opt/blockd": Part(0o40755, owner=1000)},
        "/opt/blockd belongs to the user 1000, who could have root run anything by it: `chown -R",
    ),
    "open to a group": (
        {**FINE, "/opt/blockd/bin": Part(0o40775, group=50)},
        "`chmod -R go-w /opt/blockd/bin`",
    ),
    "open to all": ({**FINE, PROGRAM: Part(0o100757)}, f"`chmod -R go-w {PROGRAM}`"),
}


@pytest.mark.parametrize("part", [Part(0o40775), Part(0o41777), Part(0o40777, 5, 5).guarded()])
def test_roots_own_group_and_sticky_directories_are_no_obstacle(part):
    assert obstacle({**FINE, "/opt": part}, PROGRAM) == ""


@pytest.mark.parametrize(("modes", "said"), OBSTACLES.values(), ids=OBSTACLES.keys())
def test_an_obstacle_is_named_with_its_remedy(modes, said):
    found = obstacle(modes, PROGRAM)
    assert said in found
    assert "/opt/blockd" in found
