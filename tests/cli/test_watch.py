"""`blockd watch` as a process; what it does in detail is tests/compiler/test_daemon.py's."""

import signal

import pytest

from tests.cli.program import DAC_OVERRIDE, RULES, daemon, ended, until, without


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_compiles_what_changes_until_a_signal(gateway, number):
    with daemon(gateway.argv("watch"), gateway.place) as compiler:
        (ready,) = compiler.notices.until("READY=1")
        assert "STATUS=generation 1" in ready
        gateway.write(RULES.replace('"listed.example"', '"new.example"'))
        until(lambda: gateway.lists("new.example"))
        assert compiler.end(number) == 0
        assert "watch: generation 2: 1 added, 1 removed, 0 changed" in compiler.logged("n 2")


def test_a_state_that_may_not_be_written_is_fatal_at_start(gateway):
    gateway.place.joinpath("locked").mkdir(mode=0o555)
    gateway.state = gateway.place / "locked" / "state"
    done = ended(without(DAC_OVERRIDE, gateway.argv("watch")))
    assert done.returncode == 2
    assert f"blockd: {gateway.state}: cannot be written: Permission denied; choose" in done.stderr
