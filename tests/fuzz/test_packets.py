"""The fuzzer's invariant holds for its seeds, which takes no fuzzer."""

from tests.fuzz.invariant import Invariant
from tests.fuzz.packets import seeds


def test_no_seed_breaks_the_invariant(tmp_path):
    invariant = Invariant(tmp_path)
    found = seeds()
    assert len(set(found)) > 500
    for packet in found * 2:  # the second time with what was learnt and kept
        invariant.check(packet)
    invariant.policy.close()
    counted = invariant.engine.counters.snapshot()["outcomes"]
    assert {outcome for outcome, number in counted.items() if not number} == {"stale"}
