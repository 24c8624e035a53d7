"""Names and query files of the workloads. Synthetic, and the same for each server of a run."""

import random
from collections.abc import Iterator
from pathlib import Path

W3_NAMES = 5000
QUERIES = 100_000
"""Lines of the files that are asked again and again."""


def listed(count: int) -> list[str]:
    """Return that many names as a list would hold them: two or three labels, all different."""
    chance = random.Random(124)
    kinds = ("exchange", "trade", "coin", "wallet", "market", "futures", "otc", "token")
    return [
        f"{chance.choice(kinds)}-{number:07d}.{chance.choice(('example', 'test', 'z.example'))}"
        for number in range(count)
    ]


def w1(names: list[str]) -> Iterator[str]:
    """Listed names and a few names below them, asked for A, AAAA and HTTPS."""
    chance = random.Random(1)
    below = ("", "", "www.", "api.", "m.")
    for _ in range(QUERIES):
        name = f"{chance.choice(below)}{chance.choice(names)}"
        yield f"{name} {chance.choice(('A', 'A', 'AAAA', 'HTTPS'))}"


def w2(names: list[str], seed: int, count: int) -> Iterator[str]:
    """A listed name under a fresh random label each time."""
    chance = random.Random(seed)
    for _ in range(count):
        yield f"{chance.getrandbits(40):010x}.{chance.choice(names)} A"


def w3() -> Iterator[str]:
    """Few unlisted names: all but the first question each are answered from cache."""
    chance = random.Random(3)
    for _ in range(QUERIES):
        yield f"host-{chance.randrange(W3_NAMES)}.cached.invalid-zone.example A"


def w4(run: str, count: int) -> Iterator[str]:
    """Unlisted names, each asked once; `run` keeps one run's names from another's caches."""
    for number in range(count):
        yield f"h{number}.{run}.forwarded.example A"


def w5(names: list[str]) -> Iterator[str]:
    """W1 and W3 in turn; how they are asked makes the difference, see `fresh`."""
    for listed_one, cached in zip(w1(names), w3(), strict=True):
        yield listed_one
        yield cached


def write(path: Path, lines: Iterator[str]) -> Path:
    """Write a query file in dnsperf's form."""
    with path.open("w", encoding="ascii") as file:
        file.writelines(f"{line}\n" for line in lines)
    return path
