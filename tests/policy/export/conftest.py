"""Generations of random lists, to be exported and read back."""

import itertools
from datetime import UTC, datetime

import pytest

from blockd.policy.export import Contents
from blockd.policy.reader import Policy
from blockd.policy.record import Record
from blockd.policy.writer import write
from blockd.watchlist.compile import compile_rules
from tests.entries import TODAY


@pytest.fixture(scope="module")
def contents_of(tmp_path_factory):
    """Compile parsed sources into a generation, and give it as exports read it."""
    place = tmp_path_factory.mktemp("exports")
    numbers = itertools.count(1)

    def make(sources, **defaults):
        path = place / f"{next(numbers)}.mdb"
        rules = compile_rules(sources, TODAY)
        digest = write(path, 7, rules)
        record = Record(
            number=7, committed=datetime(2026, 3, 1, 12, tzinfo=UTC), reason="changed", inputs="",
            content=digest, file_sha256="", sources=(), rules=len(rules.rules),
            names=rules.listed, prefixes=len(rules.prefixes), added=0, removed=0, changed=0,
            shortest_v4=16, shortest_v6=32,
        )  # fmt: skip
        contents = Contents(Policy(path), record, **defaults)
        path.unlink()  # it stays mapped
        return contents

    return make
