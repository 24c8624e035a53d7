"""How fast lists are read: `python -m tests.bench.lists [FILE...]`.

Without files, each format's most usual lines under reserved names, 200,000 of each. Shown are
lines a second of the process's own user time (the best of three), and what the entries take of
memory beside the text itself, at its peak and afterwards. `--recompile [NAMES [FORM]]` measures a
compile where little changed instead, see `recompile`, and `--lines [LINES]` whole compiles of lists
of ten million lines, see `long`.
"""

import gc
import resource
import sys
import time
import tracemalloc
from pathlib import Path

from blockd.watchlist import formats
from tests.bench import long, recompile

LINES = 200_000
WRITTEN = {
    "domains": "{name}",
    "hosts": "0.0.0.0 {name}",
    "adblock": "||{name}^",
    "dnsmasq": "address=/{name}/0.0.0.0",
    "unbound": 'local-zone: "{name}" always_nxdomain',
    "rpz": "{name} CNAME .",
    "csv": "{name},Notice 2018/124,2018-08-23",
    "addresses": "{address}",
    "addresses, IPv6": "{six}",
    "addresses, IPv6 prefixes": "{six_prefix}",
    "addresses, ranges": "{range}",
    "addresses, both families": "{both}",
    "csv, names and addresses": "{either},Notice 2018/124,2018-08-23",
    "csv, a name with an address": "{name},{six},Notice 2018/124",
}
HEADS = {
    "csv": "domain,reference,listed\n",
    "csv, names and addresses": "indicator,reference,listed\n",
    "csv, a name with an address": "domain,ip,reference\n",
    "rpz": "$TTL 60\n@ SOA a. b. 1 2 3 4 5\n",
}


def made(form):
    """Return a list as a format has it; names of some 25 octets, as in public lists."""
    body = "".join(
        WRITTEN[form].format(
            **_entries(number, f"{number * 2654435761 % (1 << 32):x}.shop-{number % 97}.example")
        )
        + "\n"
        for number in range(LINES)
    )
    return (HEADS.get(form, "") + body).encode()


def _entries(number, name):
    """Return what each shape has in its line of that number."""
    high, low = divmod(number * 31, 1 << 16)
    address, six = _address(number), f"2001:db8:{high:x}:{low:x}::{number % 200 + 1:x}"
    return {
        "name": name,
        "address": address,
        "six": six,
        "six_prefix": f"2001:db8:{low:x}:{high:x}::/64",
        "range": _range(number),
        "both": six if number % 2 else address,
        "either": (name, address, six)[number % 3],
    }


def _range(number):
    """Return one of the ranges of 2, 4 or 8 addresses of 198.18.0.0/15, then of its addresses."""
    for size in (2, 4, 8, 1):
        count = (1 << 17) // size
        if number < count:
            break
        number -= count
    first = (198 << 24 | 18 << 16) + number * size
    ends = (first, first + size - 1)
    return "-".join(".".join(str(end >> bits & 255) for bits in (24, 16, 8, 0)) for end in ends)


def _address(number):
    """Return one of all addresses of 198.18.0.0/15, then of its prefixes of length 31."""
    place, length = (number, 0) if number < 1 << 17 else (number * 2, 31)
    octets = f"198.{18 + (place >> 16 & 1)}.{place >> 8 & 255}.{place & 255}"
    return f"{octets}/{length}" if length else octets


def user_seconds():
    return resource.getrusage(resource.RUSAGE_SELF).ru_utime


def measured(content, name, form=""):
    """Return the result, its lines a second, and megabytes at the peak and afterwards."""
    best = None
    for _ in range(3):
        gc.collect()
        gc.disable()  # as a compile does
        before, started = user_seconds(), time.monotonic()
        parsed = formats.parse(content, name, form)
        taken = min(user_seconds() - before, time.monotonic() - started)
        gc.enable()
        best = taken if best is None else min(best, taken)
        lines = parsed.lines
        del parsed
    tracemalloc.start()
    parsed = formats.parse(content, name, form)
    after, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return parsed, lines / max(best, 1e-6), peak / 1e6, after / 1e6


def main():
    if sys.argv[1:2] == ["--recompile"]:
        recompile.main(*map(int, sys.argv[2:3]), *sys.argv[3:4])
        return
    if sys.argv[1:2] == ["--lines"]:
        long.main(*map(int, sys.argv[2:]))
        return
    named = [(path, Path(path).read_bytes()) for path in sys.argv[1:]]
    for name, content in named or [(form, None) for form in WRITTEN]:
        given = made(name) if content is None else content
        form = "" if content is not None else name.partition(",")[0]
        parsed, speed, peak, after = measured(given, name, form)
        print(
            f"{Path(name).name:<40} {parsed.format or 'refused':<10} {parsed.lines:>8} lines"
            f" {speed:>10,.0f}/s  text {len(given) / 1e6:6.1f} MB,"
            f" peak {peak:6.1f} MB, kept {after:6.1f} MB"
        )


if __name__ == "__main__":
    main()
