"""The rows of a generation's table of names."""

import lmdb
import pytest

from blockd.policy import layout, table
from blockd.policy.table import Table

ROWS = {b"\1%d" % number: b"value%d" % number for number in range(10)}
BETWEEN = b"\7between"


@pytest.fixture
def opened(tmp_path):
    env = lmdb.open(str(tmp_path / "rows"), subdir=False, max_dbs=1)
    database = env.open_db(b"names")
    with env.begin(write=True) as transaction:
        for name, value in (*ROWS.items(), (BETWEEN, layout.BETWEEN)):
            transaction.put(name, value, db=database)
    with env.begin() as transaction:
        yield Table(transaction, database)
    env.close()


def test_a_row_is_found_by_its_name_and_one_between_others_is_none(opened):
    assert [opened.get(name) for name in ROWS] == list(ROWS.values())
    assert (opened.get(BETWEEN), opened.get(b"\1x")) == (None, None)


@pytest.mark.parametrize("size", [1, 3, 11, 4096])
def test_batches_give_every_row_once_and_in_order(opened, monkeypatch, size):
    monkeypatch.setattr(table, "BATCH", size)
    batches = list(opened.batches())
    assert all(len(names) == len(values) <= size for names, values in batches)
    rows = [row for names, values in batches for row in zip(names, values, strict=True)]
    assert rows == sorted([*ROWS.items(), (BETWEEN, layout.BETWEEN)])


def test_its_size_is_that_of_whole_pages(opened):
    assert opened.octets() > 0
    assert opened.octets() % 4096 == 0
