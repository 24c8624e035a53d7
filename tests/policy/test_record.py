"""Records: what is stored comes back, and each one vouches for the one before."""

import json
from datetime import UTC, date, datetime

import msgspec
import pytest

from blockd.policy import record as records
from blockd.policy.record import Record, SourceRecord

FULL = Record(
    number=7,
    committed=datetime(2026, 3, 1, 12, 30, tzinfo=UTC),
    reason="rollback",
    inputs="i",
    content="c",
    file_sha256="f",
    sources=(SourceRecord(path="a.toml", sha256="s", names=2, prefixes=1, dropped=0),),
    rules=1,
    names=2,
    prefixes=1,
    added=1,
    removed=2,
    changed=3,
    shortest_v4=20,
    shortest_v6=40,
    changes_on=date(2026, 12, 31),
    rolled_back_to=5,
    held_inputs="h",
    previous="p",
)
BARE = msgspec.structs.replace(
    FULL, changes_on=None, rolled_back_to=None, held_inputs=None, previous=""
)


@pytest.mark.parametrize("record", [FULL, BARE])
def test_a_record_comes_back_as_it_was_and_is_readable_text(record):
    content = records.encode(record)
    assert records.decode(content) == record
    assert content.endswith(b"}\n")
    shown = json.loads(content)
    assert shown["committed"] == "2026-03-01T12:30:00Z"
    assert ("held_inputs" in shown) == (record is FULL)


def test_the_limits_of_the_time_come_back():
    assert (FULL.limits().shortest_v4, FULL.limits().shortest_v6) == (20, 40)


def test_the_chain_notices_every_changed_octet():
    content = records.encode(FULL)
    changed = {
        records.chained(content[:at] + b"#" + content[at + 1 :]) for at in range(len(content))
    }
    assert records.chained(content) not in changed
    assert len(changed) == len(content)


@pytest.mark.parametrize("content", [b"", b"{}", b"[1", records.encode(FULL)[:-40]])
def test_half_a_record_is_none(content):
    with pytest.raises(msgspec.DecodeError):
        records.decode(content)
