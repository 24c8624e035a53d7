"""What compiled modules need of the system: which packages of Debian bring it. Pure."""

import re
from collections.abc import Iterable

MAGIC = b"\x7fELF"

_SYMBOLS = re.compile(rb"\0GLIBC_(\d+)\.(\d+)(?=[.\0])")
_LIBRARIES = {b"\0libgcc_s.so.1\0": "libgcc-s1", b"\0libstdc++.so.6\0": "libstdc++6"}


def depends(objects: Iterable[bytes]) -> list[str]:
    """Return the packages that shared objects need, as Depends: names them.

    The names of libraries and of the versions of symbols that are needed stand in an object's
    string table (ELF gABI, "Dynamic Section"), each between NULs. Wheels bring whatever else
    they need (PEP 600).
    """
    newest, more = (0, 0), set()
    for content in objects:
        newest = max(newest, *((int(a), int(b)) for a, b in _SYMBOLS.findall(content)), (0, 0))
        more |= {package for name, package in _LIBRARIES.items() if name in content}
    libc = [f"libc6 (>= {newest[0]}.{newest[1]})"] if newest > (0, 0) else []
    return [*libc, *sorted(more)]
