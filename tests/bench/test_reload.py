"""What the load under reloads makes of each answer."""

import math
import socket
import time

import msgspec
import pytest

from tests.bench import report
from tests.bench.reload import _TIMESTAMPS, KINDS, Reloaded, _Load

LISTED, CACHED, FORWARDED = range(len(KINDS))


@pytest.mark.parametrize(
    ("kind", "rcode", "leaked", "failed"),
    [
        (LISTED, 3, 0, 0), (LISTED, 0, 1, 0), (LISTED, 2, 1, 0), (CACHED, 0, 0, 0),
        (CACHED, 2, 0, 1), (CACHED, 3, 0, 1), (FORWARDED, 0, 0, 0), (FORWARDED, 5, 0, 1),
    ],
)  # fmt: skip
@pytest.mark.parametrize("timed", [True, False])
def test_an_answer_is_right_a_leak_or_a_failure_whether_it_is_timed_or_not(
    kind, rcode, leaked, failed, timed
):
    load = _Load(0, [])
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
    ):
        server.bind(("127.0.0.1", 0))
        client.setsockopt(socket.SOL_SOCKET, _TIMESTAMPS, 1)
        client.connect(server.getsockname())
        client.settimeout(0)
        server.connect(client.getsockname())
        waiting = {7: (time.time() if timed else math.nan, kind)}
        server.send(bytes((0, 7, 0x81, 0x80 | rcode)) + bytes(8))
        load._take(client, waiting)
    assert (waiting, load.answered, load.leaked, load.failed) == ({}, 1, leaked, failed)
    assert [took.total() for took in load._took] == [timed * (n == kind) for n in range(3)]


EARLIER = {
    "reloads": 1, "names": 2, "asked": 3, "lost": 4, "leaked": 5, "worst_ms": 6.0,
    "memory_mb": [7.0], "latencies": [], "stalled_ms": 8.0, "dropped": 9,
}  # fmt: skip


def test_results_of_an_earlier_time_can_still_be_read_and_new_ones_say_what_failed():
    earlier = msgspec.convert(EARLIER, Reloaded)
    assert (earlier.failed, earlier.untimed) == (0, 0)
    found = msgspec.structs.replace(earlier, failed=10, untimed=11)
    assert "4 lost, 5 leaked, 10 failed, 11 not timed," in report.sizes(
        {"sizes": [], "reload": found}
    )
    said = msgspec.json.decode(report.json([], {"reload": found}))
    assert said["reload"] == {**EARLIER, "failed": 10, "untimed": 11}
