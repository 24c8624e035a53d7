"""One look at everything: what answers, what does not, and which daemons there are to be."""

import asyncio
import threading
import time

import pytest

from blockd.config import Config, RoutesSection
from blockd.policy.store import Store
from blockd.web import standing
from tests.cli.program import answering

ALL = Config()
PLANE = Config(routes=RoutesSection(enabled=False))


@pytest.mark.parametrize(
    ("config", "names"),
    [(ALL, ["compiler", "resolver", "routes"]), (PLANE, ["compiler", "resolver"])],
)
def test_the_daemons_are_those_of_the_configuration(config, names):
    assert standing.wanted(config) == names


def look(place, config=ALL):
    return asyncio.run(standing.look(config, Store(place), lambda name: place / f"{name}.sock"))


def test_who_does_not_answer_is_none(tmp_path):
    with answering(tmp_path / "resolver.sock", lambda: {"plane": "resolver"}):
        found = look(tmp_path)
    assert found.record is None
    assert found.daemons == {"compiler": None, "resolver": {"plane": "resolver"}, "routes": None}
    assert found.of("routes") == found.of("nobody") == {}


@pytest.mark.parametrize(
    ("content", "found"), [(None, None), ("{", None), ("[]", None), ('{"a": 1}', {"a": 1})]
)
def test_a_verification_is_read_where_one_was_left(tmp_path, content, found):
    if content is not None:
        (tmp_path / "verify.json").write_text(content)
    assert look(tmp_path).verified == found


def test_all_are_asked_at_once(tmp_path):
    """Each waits until the others are asked too; one after the other, none would answer."""
    together = threading.Barrier(2)

    def status():
        together.wait(timeout=5)
        return {"plane": "any"}

    started = time.monotonic()
    with (
        answering(tmp_path / "compiler.sock", status),
        answering(tmp_path / "resolver.sock", status),
    ):
        found = look(tmp_path, PLANE)
    assert all(found.daemons.values()), time.monotonic() - started


@pytest.mark.parametrize(
    ("status", "problems"),
    [
        ({}, []),
        ({"problem": ""}, []),
        ({"problem": "a"}, ["a"]),
        ({"problems": ["a", "b"]}, ["a", "b"]),
        ({"problems": ["a"], "problem": "b"}, ["a", "b"]),
    ],
)
def test_problems_are_found_in_either_place(status, problems):
    assert standing.problems(status) == problems
