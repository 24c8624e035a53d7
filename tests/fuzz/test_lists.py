"""The fuzzer's invariant holds for its seeds, which takes no fuzzer."""

from blockd.watchlist import formats
from tests.fuzz.lists import FORMS, check, seeds


def test_every_format_has_seeds():
    assert set(FORMS) == {"", *formats.FORMATS}


def test_no_seed_breaks_the_invariant():
    found = seeds()
    assert len(set(found)) > 400
    for octets in found:
        check(octets)
