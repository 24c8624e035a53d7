"""One question to a resolver, and its answer as `blockd explain` shows it."""

import pytest

from blockd import names
from blockd.config import Endpoint, ResolverSection
from blockd.errors import UnreachableError
from blockd.resolver.asking import ask
from blockd.resolver.engine import Engine
from tests.ports import free_port
from tests.resolver import messages
from tests.resolver.stub import (
    answer,
    failing,
    long_answer,
    silent,
    upstream,
    wrong_id,
    wrong_question,
)

NAME = names.parse("www.example")


@pytest.fixture
def sinkhole(policy):
    """A behaviour that answers as the resolver's engine does."""
    engine = Engine(ResolverSection(), policy)
    return lambda packet, _: [(0, engine.answer(packet, 0.0).message)]


@pytest.mark.parametrize(
    ("name", "qtype", "said"),
    [
        ("a.listed.example", 1, ["NXDOMAIN", "EDE 16 Censored: p001: Notice 7"]),
        ("only.example", 1, ["NODATA", "EDE 16 Censored: p001: Notice 7"]),
        ("page.example", 28, ["NOERROR", "AAAA 2001:db8::1", "EDE 4 Forged Answer"]),
        ("refused.example", 1, ["REFUSED", "EDE 16 Censored: p004: Notice 7"]),
    ],
)
def test_a_sinkholes_answer_is_one_line(sinkhole, name, qtype, said):
    with upstream(sinkhole) as stub:
        shown = str(ask(stub.endpoint, names.parse(name), qtype))
    assert shown.split("; ")[: len(said)] == said


@pytest.mark.parametrize(
    ("behave", "said"),
    [(answer, "NOERROR; A 198.18.0.80"), (failing, "SERVFAIL"), (long_answer, "NODATA")],
)
def test_other_answers(behave, said):
    with upstream(behave) as stub:
        assert str(ask(stub.endpoint, NAME)) == said


def test_a_wildcard_is_asked_on_loopback():
    with upstream() as stub:
        assert ask(Endpoint("0.0.0.0", stub.port), NAME).rcode == "NOERROR"


def test_the_question_is_one_with_edns():
    with upstream() as stub:
        ask(stub.endpoint, NAME, 28)
        (packet,) = stub.udp
    seen = messages.read(packet)
    assert (seen.question[0].name.to_text(), seen.question[0].rdtype) == ("www.example.", 28)
    assert (seen.edns, seen.payload) == (0, 1232)


def test_no_answer_is_said_within_the_time():
    with (
        upstream(silent) as stub,
        pytest.raises(UnreachableError, match=f"{stub.endpoint} gives no answer"),
    ):
        ask(stub.endpoint, NAME, timeout=0.1)


def test_a_closed_port_is_said():
    with pytest.raises(UnreachableError, match="does not answer"):
        ask(Endpoint("127.0.0.1", free_port()), NAME)


@pytest.mark.parametrize("behave", [wrong_id, wrong_question, lambda *_: [(0, b"junk")]])
def test_what_is_no_answer_to_the_question_is_not_shown(behave):
    with upstream(behave) as stub, pytest.raises(UnreachableError):
        ask(stub.endpoint, NAME, timeout=0.2)
