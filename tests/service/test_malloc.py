"""The allocator, in a process of its own: what becomes of large memory that is freed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

# The third number of `struct mallinfo2` after the arena's is how many mappings there are.
TURNS = """
import ctypes, sys
from blockd.service.malloc import LARGE, give_back_what_is_large

class Mallinfo2(ctypes.Structure):
    _fields_ = [(f"of{number}", ctypes.c_size_t) for number in range(10)]

libc = ctypes.CDLL(None)
libc.mallinfo2.restype = Mallinfo2
if sys.argv[1] == "asked":
    give_back_what_is_large()
for _ in range(3):
    table = bytes(8 * LARGE)
    print(libc.mallinfo2().of3, end=" ")
    del table
    print(libc.mallinfo2().of3, end=" ")
"""


@pytest.mark.parametrize(("how", "mapped"), [("asked", [1, 1, 1]), ("not asked", [1, 0, 0])])
def test_each_large_table_has_a_mapping_of_its_own(how, mapped):
    said = subprocess.run(
        [sys.executable, "-c", TURNS, how],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    numbers = [int(number) for number in said.split()]
    held, freed = numbers[::2], numbers[1::2]
    assert [with_it - without for with_it, without in zip(held, freed, strict=True)] == mapped
