"""What a verification from a client makes of its probes; the whole of it is tested in e2e."""

from datetime import UTC, datetime

import pytest

from blockd import prefixes
from blockd.config import Config
from blockd.errors import UnreachableError
from blockd.routes import packet
from blockd.routes.model import Kind
from blockd.routes.survey import Survey
from blockd.verify import packets, questions, run
from blockd.verify.expected import RIGHT, Found, Heard
from blockd.verify.questions import Address
from blockd.verify.report import Count, Report
from tests import topology

LISTED = Address(prefixes.parse("198.18.1.0"), Kind.BLACKHOLE, "prefixes")
EXCEPTED = Address(prefixes.parse("198.18.1.8"), None, "excepted prefixes")
PASSED = Heard("10.53.0.1", (11, 0))


@pytest.fixture
def probed(monkeypatch):
    """Return what is reported where each probe is answered as given."""
    monkeypatch.setattr(packets, "require", lambda: None)
    monkeypatch.setattr(run, "_REST", 0)

    def report(asked, answers):
        monkeypatch.setattr(questions, "addresses", lambda *_: iter(asked))
        monkeypatch.setattr(packets, "probes", answers)
        made = Report(generation=1, server="", place="client", started=datetime.now(UTC))
        run._probes(made, Config(), None, lambda *_: None, {})
        return made

    return report


def test_silence_of_the_listed_is_right_beside_answers_of_the_excepted(probed):
    answers = {LISTED.address: None, EXCEPTED.address: PASSED}
    found = probed([LISTED, EXCEPTED], lambda asked: [(at, answers[at]) for at in asked])
    assert found.checked == {
        "prefixes by packet": Count(right=1),
        "excepted prefixes by packet": Count(right=1),
    }
    assert found.not_checked == {}


def test_silence_of_all_proves_little_and_that_is_said(probed):
    found = probed([LISTED, EXCEPTED], lambda asked: [(at, None) for at in asked])
    assert found.checked["excepted prefixes by packet"] == Count(unclear=1)
    assert "proves little" in found.not_checked["silence"]


def test_an_excepted_address_that_is_silent_is_asked_again(probed):
    asked = []

    def answers(addresses):
        asked.extend(addresses)
        return [(at, PASSED if asked.count(at) == 3 else None) for at in addresses]

    found = probed([LISTED, EXCEPTED], answers)
    assert found.checked["excepted prefixes by packet"] == Count(right=1)
    assert asked.count(LISTED.address) == 1


@pytest.mark.root
@pytest.mark.parametrize("forwards", [0, 1])
def test_a_link_that_does_not_forward_says_nothing_against_the_routes(monkeypatch, forwards):
    monkeypatch.setattr(packet, "_forwards", lambda *_: True)  # as where /proc/sys is hidden
    with topology.gateway() as net:
        net.gateway.sysctl(f"net.ipv4.ip_forward={forwards}")
        net.gateway.ip("route add blackhole 198.18.1.0/29 table 5354 proto 177")
        net.gateway.ip("rule add pref 5354 table 5354 protocol 177")

        def inside():
            topology.assert_isolated()
            with Survey(5354, 177) as kernel:
                for each in (LISTED, EXCEPTED):
                    assert run._looked_up(kernel, each) == RIGHT
                    wrong = each._replace(kind=None if each.kind else Kind.BLACKHOLE)
                    assert run._looked_up(kernel, wrong).found is Found.WRONG

        net.gateway.call(inside)


def test_probes_that_cannot_be_sent_are_not_checked_and_nothing_is_wrong(probed):
    def refused(_addresses):
        raise UnreachableError("no probe can be sent: Operation not permitted")

    found = probed([LISTED], refused)
    assert (found.checked, found.wrong) == ({}, 0)
    assert found.not_checked == {"packets": "no probe can be sent: Operation not permitted"}
