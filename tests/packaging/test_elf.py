"""What shared objects need is found in them, as readelf and ldd would find it."""

import pytest
from deb import elf


@pytest.mark.parametrize(
    ("objects", "packages"),
    [
        ([], []),
        ([b"\0GLIBC_2.17\0GLIBC_2.2.5\0"], ["libc6 (>= 2.17)"]),
        ([b"\0GLIBC_2.9\0", b"\0libc.so.6\0GLIBC_2.33\0"], ["libc6 (>= 2.33)"]),
        (
            [b"\0libstdc++.so.6\0GLIBC_2.4\0", b"\0libgcc_s.so.1\0"],
            ["libc6 (>= 2.4)", "libgcc-s1", "libstdc++6"],
        ),
        ([b"\0GLIBC_PRIVATE\0NOT_GLIBC_2.99\0"], []),
    ],
)
def test_the_newest_symbol_decides(objects, packages):
    assert elf.depends(elf.MAGIC + each for each in objects) == packages
