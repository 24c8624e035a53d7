"""Rows whose lines stand elsewhere by now, since lines above them have come or gone.

Values in, values out; which lines have moved is `hunks`' business.
"""

import struct
from collections.abc import Mapping, Sequence

from blockd.policy import layout

GONE = 0
"""The line of an entry whose own line has gone: lines are counted from 1."""


def relined(values: Sequence[bytes], moved: Mapping[int, Sequence[int]]) -> Sequence[bytes]:
    """Return the values of rows with the lines of now.

    Args:
        values: as `layout` has them.
        moved: by the numbers of rules, the lines of their entries now by those of then; `GONE`
            where there is none.
    """
    if set(map(len, values)) == {layout.ONE.size}:
        joined = b"".join(values)
        flat = struct.unpack(f"<{len(joined) // 4}I", joined)
        numbers, lines = flat[::2], list(flat[1::2])
        for number, now in moved.items():
            if number in numbers:
                lines = [
                    now[line] if other == number else line
                    for other, line in zip(numbers, lines, strict=True)
                ]
        return list(map(layout.ONE.pack, numbers, lines))
    return [_one(value, moved) for value in values]


def _one(value: bytes, moved: Mapping[int, Sequence[int]]) -> bytes:
    fields = list(struct.unpack(f"<{len(value) // 4}I", value))
    for at in range(0, len(fields), 2):
        now = moved.get(fields[at])
        if now is not None:
            fields[at + 1] = now[fields[at + 1]]
    return struct.pack(f"<{len(fields)}I", *fields)
