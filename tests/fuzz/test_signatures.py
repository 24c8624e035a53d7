"""The fuzzer's invariant holds for its seeds, which takes no fuzzer."""

from blockd.errors import SignatureError
from blockd.minisign.signature import Signature
from tests.fuzz.signatures import check, seeds


def test_no_seed_breaks_the_invariant():
    whole = 0
    for content in seeds():
        check(content)
        try:
            Signature.parse(content)
        except SignatureError:
            continue
        whole += 1
    assert 16 <= whole < len(seeds())
