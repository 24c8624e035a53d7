"""The order in which configuration, state and sockets are found."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from blockd import config as configuration
from blockd.cli import setting
from blockd.cli.setting import Setting
from blockd.errors import ConfigError, UnreachableError
from tests import topology


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """A machine without configuration: /etc and the home are below a directory of the test."""
    monkeypatch.setattr(setting, "CONFIG", tmp_path / "etc/blockd.toml")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("STATE_DIRECTORY", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def installed(text=""):
    setting.CONFIG.parent.mkdir()
    setting.CONFIG.write_text(text)


def test_each_source_of_the_state_gives_way_to_the_one_before(nowhere, monkeypatch):
    assert Setting(None, None).state == nowhere / "home/.local/state/blockd"
    monkeypatch.setenv("XDG_STATE_HOME", str(nowhere / "xdg"))
    assert Setting(None, None).state == nowhere / "xdg/blockd"
    installed()
    assert Setting(None, None).state == Path("/var/lib/blockd")
    monkeypatch.setenv("STATE_DIRECTORY", f"{nowhere}/one:{nowhere}/two")
    assert Setting(None, None).state == nowhere / "one"
    setting.CONFIG.write_text('[service]\nstate = "/srv/blockd"\n')
    assert Setting(None, None).state == Path("/srv/blockd")
    assert Setting(None, nowhere / "given").state == nowhere / "given"


def test_the_given_configuration_wins_over_the_installed_one(nowhere):
    assert Setting(None, None).config_path is None
    installed("[resolver]\nttl = 5\n")
    assert Setting(None, None).config.resolver.ttl == 5
    other = nowhere / "other.toml"
    other.write_text("[resolver]\nttl = 6\n")
    assert Setting(other, None).config.resolver.ttl == 6


@pytest.mark.usefixtures("nowhere")
def test_without_a_configuration_the_shipped_rules_are_served_for_trying_out():
    config = Setting(None, None).config
    assert [str(endpoint) for endpoint in config.resolver.listen] == ["127.0.0.1:5300"]
    assert config.list.paths == (str(topology.repository() / "rules"),)
    assert (Path(config.list.paths[0]) / "platforms.toml").exists()
    assert config.routes == configuration.RoutesSection()


def test_where_the_configuration_is_wrong_the_defaults_stand_in_with_the_complaint(nowhere):
    assert Setting(None, None).config_or_defaults() == (setting.trial_config(), "")
    installed("[routes]\nwithdraw_on_stop = false\n")
    config, complaint = Setting(None, None).config_or_defaults()
    assert (config.routes.withdraw_on_stop, complaint) == (False, "")
    setting.CONFIG.write_text("[routes]\nwithdraw_on_stop = 1\n")
    config, complaint = Setting(None, None).config_or_defaults()
    assert config == configuration.Config()
    assert "routes.withdraw_on_stop" in complaint
    with pytest.raises(ConfigError, match="cannot be read"):
        Setting(nowhere / "missing.toml", None).config_or_defaults()


def test_what_a_wheel_holds_comes_before_the_checkout(nowhere, monkeypatch):
    monkeypatch.setattr(setting, "__file__", str(nowhere / "blockd/cli/setting.py"))
    assert setting.shipped("rules") == nowhere / "rules"
    (nowhere / "blockd/shipped/rules").mkdir(parents=True)
    assert setting.shipped("rules") == nowhere / "blockd/shipped/rules"


@pytest.mark.parametrize(
    ("config", "state", "socket"),
    [
        ("", "given", "{place}/given/run/routes/control"),
        ("", "/var/lib/blockd", "/run/blockd/routes/control"),
        ('[service]\nrun = "/run/other"\n', "/var/lib/blockd", "/run/other/routes/control"),
        ('[service]\nrun = "/run/other"\n', "given", "/run/other/routes/control"),
    ],
)
def test_control_sockets_stand_by_the_state_or_where_services_have_theirs(
    nowhere, config, state, socket
):
    installed(config)
    found = Setting(None, nowhere / state).control("routes")
    assert str(found) == socket.format(place=nowhere)


@pytest.mark.parametrize(
    ("write", "reason"),
    [
        (lambda _: None, "No such file or directory"),
        (lambda path: path.mkdir(), "Is a directory"),
        (lambda path: path.write_bytes(b"\xff\xfe"), "can't decode byte 0xff"),
    ],
    ids=["missing", "a directory", "not UTF-8"],
)
def test_a_configuration_that_cannot_be_read_is_named_with_the_reason(nowhere, write, reason):
    path = nowhere / "blockd.toml"
    write(path)
    with pytest.raises(ConfigError, match=f"blockd.toml: cannot be read: .*{reason}"):
        _ = Setting(path, None).config


def test_another_process_gets_the_same_setting(nowhere):
    assert Setting(None, nowhere).arguments() == ["--state", str(nowhere)]
    path = nowhere / "blockd.toml"
    path.write_text("")
    given = Setting(path, None)
    assert given.arguments() == ["--config", str(path), "--state", str(given.state)]


def test_a_reload_reads_the_file_again_and_the_verb_keeps_what_it_started_with(nowhere):
    path = nowhere / "blockd.toml"
    path.write_text("[resolver]\nttl = 5\n")
    given = Setting(path, None)
    assert given.config.resolver.ttl == 5
    path.write_text("[resolver]\nttl = 6\n")
    assert given.read_config().resolver.ttl == 6
    assert given.config.resolver.ttl == 5


@pytest.mark.root
@pytest.mark.parametrize("closed", ["state", "above"])
def test_a_state_that_is_closed_to_this_user_is_not_taken_for_an_empty_one(closed):
    topology.require()
    top = Path(tempfile.mkdtemp(prefix="blockd-test-"))  # pytest's own are closed to others
    try:
        state = top / "above/state"
        state.mkdir(parents=True)
        top.chmod(0o755)
        (state if closed == "state" else state.parent).chmod(0o700)
        assert Setting(None, state).store.current() is None
        child = os.fork()
        if child == 0:
            os.setgroups([])
            os.setuid(65534)
            try:
                _ = Setting(None, state).store
            except UnreachableError as error:
                os._exit(0 if "join the group blockd" in str(error) else 2)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    finally:
        shutil.rmtree(top)


@pytest.mark.parametrize(
    ("options", "unit", "said"),
    [
        (
            (None, None),
            False,
            "`blockd up` runs it in the foreground, and `blockd setup` makes it a",
        ),
        (
            (None, None),
            True,
            "`systemctl start blockd blockd-resolver blockd-routes` starts it, and",
        ),
        ((Path("/a b"), Path("/st")), True, "`blockd --config '/a b' --state /st up` runs it in"),
    ],
)
def test_how_the_daemons_are_started_is_what_fits_the_host(
    nowhere, monkeypatch, options, unit, said
):
    there = nowhere / "blockd.service"
    monkeypatch.setattr(setting, "UNITS", (nowhere / "other", there))
    if unit:
        there.touch()
    assert Setting(*options).to_start.startswith(said)
