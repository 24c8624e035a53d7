"""A look: what answers, what does not and why, and what the state says."""

import socket
import sys

import pytest

from blockd.cli.glance.look import look
from blockd.cli.setting import Setting
from blockd.errors import AbsentError
from tests.cli.program import DAC_OVERRIDE, answering, ended, without
from tests.cli.test_status import RESOLVER

DAC_READ_SEARCH = 2
"""By linux/capability.h, as those beside it in `program`."""


def looked(gateway):
    return look(Setting(gateway.config, gateway.state), 30)


def test_who_answers_and_who_does_not_is_told_apart(gateway):
    gateway.run("compile")
    hung = gateway.control("compiler")
    hung.parent.mkdir(parents=True)
    with (
        socket.socket(socket.AF_UNIX) as listener,
        answering(gateway.control("resolver"), lambda: RESOLVER),
    ):
        listener.bind(str(hung))
        listener.listen()
        found = looked(gateway)
    assert found.standing.daemons == {"compiler": None, "resolver": RESOLVER}
    assert "timed out" in str(found.silent["compiler"])
    assert not isinstance(found.silent["compiler"], AbsentError)
    assert isinstance(looked(gateway).silent["resolver"], AbsentError)


def test_a_record_that_cannot_be_read_is_said_and_the_daemons_are_asked_all_the_same(gateway):
    gateway.run("compile")
    (record,) = gateway.state.glob("**/*1.json")
    record.write_text("{")
    with answering(gateway.control("resolver"), lambda: RESOLVER):
        found = looked(gateway)
    assert found.standing.record is None
    assert str(record) in found.unread
    assert found.standing.of("resolver") == RESOLVER
    done = gateway.run("status")
    assert done.out.startswith(f"NOT ENFORCING: {found.unread}")
    assert done.status == 4


@pytest.mark.root
def test_a_state_that_is_closed_to_the_user_is_not_taken_for_an_empty_one(gateway):
    gateway.run("compile")
    gateway.configure(f'[service]\nstate = "{gateway.state}"\n')
    gateway.state.chmod(0)
    argv = [sys.executable, "-m", "blockd", "--config", str(gateway.config), "status"]
    done = ended(without(DAC_READ_SEARCH, without(DAC_OVERRIDE, argv)))
    assert done.returncode == 4
    assert "join the group blockd" in done.stderr
