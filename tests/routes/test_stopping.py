"""Which ending of a unit is a stop. What systemd really queues is seen in tests/e2e."""

import pytest

from blockd.errors import UnreachableError
from blockd.routes import stopping
from blockd.routes.stopping import Ending, ending

UNIT = "blockd-routes.service"
OTHERS = """\
1201 cron.service stop waiting
1202 blockd-routes.service.d-mount stop running
1203 blockd.service start running
"""


@pytest.mark.parametrize(
    ("jobs", "why"),
    [
        ("", Ending.RETURNS),
        (OTHERS, Ending.RETURNS),
        (f"313 {UNIT} stop running\n", Ending.STOPPED),
        (f"{OTHERS}313 {UNIT} stop running\n", Ending.STOPPED),
        (f"313 {UNIT} restart running\n", Ending.RETURNS),
        (f"313 {UNIT} start waiting\n", Ending.RETURNS),
        (f"313 {UNIT} stop running\n314 shutdown.target start waiting\n", Ending.SHUTDOWN),
        (f"314 shutdown.target start waiting\n{OTHERS}", Ending.SHUTDOWN),
        ("No jobs running.\n", Ending.RETURNS),
    ],
)
def test_only_a_job_of_type_stop_on_a_host_that_stays_up_is_a_stop(jobs, why):
    assert ending(jobs, UNIT) is why


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("#!/bin/sh\necho 'Failed to connect to bus' >&2\nexit 1\n", "Failed to connect to bus"),
        ("#!/bin/sh\nexit 3\n", "status 3"),
        ("#!/bin/sh\nexec sleep 60\n", "timed out"),
        (None, "No such file or directory"),
    ],
)
def test_a_systemd_that_does_not_answer_is_told_within_moments(tmp_path, monkeypatch, script, said):
    monkeypatch.setattr(stopping, "_PATIENCE", 0.2)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin" if script else str(tmp_path))
    if script:
        (tmp_path / "systemctl").write_text(script)
        (tmp_path / "systemctl").chmod(0o755)
    with pytest.raises(UnreachableError, match=said) as raised:
        stopping.why(UNIT)
    assert str(raised.value).startswith(f"systemd does not say why {UNIT} ends: ")


def test_systemd_is_asked_for_all_jobs_in_full(tmp_path, monkeypatch):
    (tmp_path / "systemctl").write_text(f'#!/bin/sh\necho "$*" >&2\necho "7 {UNIT} stop running"\n')
    (tmp_path / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    assert stopping.why(UNIT) is Ending.STOPPED
