"""What the kernel does with a process that asks for it: its end, its core, its memory."""

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

FORKS = """
import os, signal, sys
from blockd.service.prctl import end_with
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


CRASHES = """
import ctypes, os, resource, sys
from blockd.service.prctl import keep_memory_private
if sys.argv[1] == "private":
    keep_memory_private()
hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
forked = os.fork()
if forked:
    os.waitpid(forked, 0)
print(ctypes.CDLL(None).prctl(3), flush=True)  # PR_GET_DUMPABLE, linux/prctl.h
os.abort()
"""


@pytest.mark.parametrize(("how", "dumpable"), [("open", 1), ("private", 0)])
def test_no_core_is_written_of_it_nor_of_what_it_forks(how, dumpable, tmp_path):
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(
        [sys.executable, "-c", CRASHES, how], stdout=subprocess.PIPE, cwd=tmp_path,
        env=environment,
    ) as process:  # fmt: skip
        assert process.stdout.read() == b"%d\n" % dumpable * 2
    assert process.returncode == -signal.SIGABRT
    pattern = Path("/proc/sys/kernel/core_pattern").read_text().strip()
    limited = resource.getrlimit(resource.RLIMIT_CORE)[1] == 0
    if "/" not in pattern and "|" not in pattern and not limited:  # else it is not here
        assert bool([*tmp_path.iterdir()]) == dumpable
