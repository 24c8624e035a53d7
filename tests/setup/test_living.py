"""What lives on a host, asked of whoever knows it: systemd, the kernel, the lists' directories."""

import os
import socket
import sys
import time

import pytest

from blockd import config as configuration
from blockd.config import Config, ListSection
from blockd.doctor.finding import UnseenError
from blockd.setup import living
from blockd.setup.facts import UnitState
from tests import topology

SHOWN = """\
Id=blockd.service
UnitFileState=enabled
ActiveState=active
NeedDaemonReload=yes
ActiveEnterTimestampMonotonic={entered}

Id=blockd-web.service
UnitFileState=
ActiveState=inactive
NeedDaemonReload=no
ActiveEnterTimestampMonotonic=0
"""


@pytest.fixture
def systemctl(tmp_path, monkeypatch):
    """Have a systemctl of the test's own say something."""

    def say(text, status=0):
        (tmp_path / "said").write_text(text)
        program = tmp_path / "systemctl"
        program.write_text(f"#!/bin/sh\ncat {tmp_path}/said\nexit {status}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    return say


def test_units_are_as_systemd_says(systemctl):
    entered = time.clock_gettime(time.CLOCK_MONOTONIC) - 60
    systemctl(SHOWN.format(entered=int(entered * 1e6)))
    found = living.units(["blockd.service", "blockd-web.service"])
    first = found["blockd.service"]
    assert abs(first.started - (time.time() - 60)) < 5
    assert first._replace(started=0) == UnitState("enabled", "active", 0, stale=True)
    assert found["blockd-web.service"]._replace(started=0) == UnitState()


def test_a_systemd_that_says_nothing_is_no_empty_host(systemctl):
    systemctl("", status=1)
    with pytest.raises(UnseenError, match="systemctl shows no units"):
        living.units(["blockd.service"])


def test_a_socket_is_found_with_its_program():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as held:
        held.bind(("127.0.0.1", 0))
        found, owners = living.listeners()
        (mine,) = [each for each in found if each.port == held.getsockname()[1]]
    assert any(program.endswith(f"({os.getpid()})") for program in mine.programs)
    assert not any(program.endswith("(1)") for program in owners)


@pytest.mark.parametrize(
    ("files", "listed"),
    [([], False), (["a.toml"], True), (["README.md"], False), (["b.hosts", "a.txt"], True)],
)
def test_a_directory_is_a_list_when_a_list_file_is_in_it(tmp_path, files, listed):
    for name in files:
        (tmp_path / name).write_text("a.example\n")
    assert living.is_listed(Config(list=ListSection(paths=(str(tmp_path),)))) is listed


def test_a_path_that_is_not_there_is_no_list():
    assert living.is_listed(Config(list=ListSection(paths=("/nowhere/at/all",)))) is False


def test_a_url_is_a_list_that_may_have_to_be_fetched_first(tmp_path):
    text = '[list]\npaths = []\n[[list.source]]\nurl = "https://lists.example/a.txt"\n'
    config = configuration.parse(f'{text}[fetch]\nspool = "{tmp_path}"\n', "x")
    assert living.is_listed(config)
    assert living.is_unfetched(config)


def test_without_a_state_there_is_no_generation(tmp_path):
    config = configuration.parse(f'[service]\nstate = "{tmp_path}/none"\n', "x")
    assert living.has_generation(config) is False


@pytest.mark.root
def test_routes_of_blockds_are_seen_and_those_of_others_are_not():
    def seen():
        script = "from blockd.setup.living import *; print(has_routes(Config()))"
        return space.run(sys.executable, "-c", script).stdout

    with topology.namespace() as space:
        assert seen() == "False\n"
        space.ip("route add blackhole 198.18.1.0/28 table 5354 proto 12")
        assert seen() == "False\n"
        space.ip("route add blackhole 198.18.2.0/28 table 5355 proto 177")
        assert seen() == "True\n"
