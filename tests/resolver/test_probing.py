"""A silent upstream's late reply is known by its channel, ID and question, once."""

import pytest

from blockd.resolver.health import SILENT, Health
from blockd.resolver.probing import Lost, Probes
from blockd.resolver.wire import parse_query
from tests.resolver import messages

NOW = 1000.0
ASKED = messages.query("www.example")


def late(probes, upstream=0, pending=None, number=7, packet=None, *, exact=False):
    packet = messages.reply(ASKED) if packet is None else packet
    return probes.late(upstream, pending, number, packet, exact=exact)


@pytest.mark.parametrize(
    ("what", "known"),
    [
        ({}, True),
        ({"upstream": 1}, False),
        ({"number": 8}, False),
        ({"pending": {}}, False),
        ({"packet": messages.reply(messages.query("other.example"))}, False),
        ({"packet": messages.reply(messages.query("WWW.example"))}, True),
        ({"packet": messages.reply(messages.query("WWW.example")), "exact": True}, False),
    ],
)
def test_a_late_reply_is_told_by_all_that_was_asked(what, known):
    probes, pending = Probes(), {}
    probes.lost(0, Lost(pending, 7, parse_query(ASKED).question, NOW))
    came = {"pending": pending} | what
    assert late(probes, **came) == (NOW if known else None)
    assert (late(probes, pending=pending) is None) == known  # once


def test_a_silent_upstream_is_due_once_until_a_question_went_there():
    health = [Health(), Health()]
    for _ in range(SILENT):
        health[1].timed_out(NOW)
    probes = Probes()
    probes.look(health, NOW)
    assert probes.due == []
    for seconds in (60, 120, 180):
        probes.look(health, NOW + seconds)
        assert probes.due == [1]
