"""Short runs of `python -m tests.chaos`: the table is right after everything, and nothing leaks."""

import pytest

from tests import topology
from tests.chaos.churn import churn
from tests.chaos.flood import flood
from tests.chaos.storm import storm

pytestmark = pytest.mark.root


@pytest.fixture
def gateway():
    with topology.gateway() as made:
        yield made


def test_the_table_is_exact_and_others_are_unharmed_after_bursts_of_anything(gateway, tmp_path):
    made = storm(gateway, tmp_path, 2, bursts=10)
    assert made.bursts == 10
    assert made.steps.total() > 20


def test_no_packet_to_a_kept_prefix_gets_through_while_the_list_changes_around_it(
    gateway, tmp_path
):
    counted = flood(gateway, tmp_path, 1, packets=50_000, changes=12, rate=25_000)
    assert counted.leaked == {}
    assert counted.packets >= 50_000
    assert counted.passed > 1_000


@pytest.mark.alone
def test_a_full_main_table_in_motion_costs_little_and_delays_no_repair(gateway, tmp_path):
    measured = churn(gateway, tmp_path, routes=10_000, seconds=2)
    assert measured.changes > 5_000
    assert measured.share < 0.15
    assert max(measured.repairs) < 2
