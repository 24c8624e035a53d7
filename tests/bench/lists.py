"""How fast lists are read: `python -m tests.bench.lists [FILE...]`.

Without files, each format's most usual lines under reserved names, 200,000 of each. Shown are
lines a second of the process's own user time (the best of three), and what the entries take of
memory beside the text itself, at its peak and afterwards.
"""

import gc
import resource
import sys
import time
import tracemalloc
from pathlib import Path

from blockd.watchlist import formats

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
}
HEADS = {"csv": "domain,reference,listed\n", "rpz": "$TTL 60\n@ SOA a. b. 1 2 3 4 5\n"}


def made(form):
    """Return a list as a format has it; names of some 25 octets, as in public lists."""
    body = "".join(
        WRITTEN[form].format(
            name=f"{number * 2654435761 % (1 << 32):x}.shop-{number % 97}.example",
            address=_address(number),
        )
        + "\n"
        for number in range(LINES)
    )
    return (HEADS.get(form, "") + body).encode()


def _address(number):
    """Return one of all addresses of 198.18.0.0/15, then of its prefixes of length 31."""
    place, length = (number, 0) if number < 1 << 17 else (number * 2, 31)
    octets = f"198.{18 + (place >> 16 & 1)}.{place >> 8 & 255}.{place & 255}"
    return f"{octets}/{length}" if length else octets


def user_seconds():
    return resource.getrusage(resource.RUSAGE_SELF).ru_utime


def measured(content, name):
    """Return the result, its lines a second, and megabytes at the peak and afterwards."""
    best = None
    for _ in range(3):
        gc.collect()
        gc.disable()  # as a compile does
        before, started = user_seconds(), time.monotonic()
        parsed = formats.parse(content, name)
        taken = min(user_seconds() - before, time.monotonic() - started)
        gc.enable()
        best = taken if best is None else min(best, taken)
        lines = parsed.lines
        del parsed
    tracemalloc.start()
    parsed = formats.parse(content, name)
    after, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return parsed, lines / max(best, 1e-6), peak / 1e6, after / 1e6


def main():
    named = [(path, Path(path).read_bytes()) for path in sys.argv[1:]]
    for name, content in named or [(form, None) for form in WRITTEN]:
        given = made(name) if content is None else content
        parsed, speed, peak, after = measured(given, name)
        print(
            f"{Path(name).name:<40} {parsed.format or 'refused':<10} {parsed.lines:>8} lines"
            f" {speed:>10,.0f}/s  text {len(given) / 1e6:6.1f} MB,"
            f" peak {peak:6.1f} MB, kept {after:6.1f} MB"
        )


if __name__ == "__main__":
    main()
