"""A process that is to end with its parent does, also where that one has ended already."""

import subprocess
import sys

import pytest

FORKS = """
import os, signal, sys
from blockd.service.parent import end_with
parent = os.getpid() + int(sys.argv[1])
if not os.fork():
    end_with(parent)
    print("lives", flush=True)
    signal.pause()
_, status = os.wait()
print("ended", os.waitstatus_to_exitcode(status), flush=True)
"""


@pytest.mark.parametrize(("away", "said"), [(0, b"lives\n"), (1, b"ended -15\n")])
def test_it_ends_with_its_parent(away, said):
    with subprocess.Popen(
        [sys.executable, "-c", FORKS, str(away)], stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout.readline() == said
        parent.kill()
        # Both hold the pipe, so that its end is that of both.
        assert parent.stdout.read() == b""
