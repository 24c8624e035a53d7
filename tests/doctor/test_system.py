"""What networkd's files, the disk and the clock say."""

import pytest

from blockd.config import Endpoint
from blockd.doctor import system
from blockd.doctor.finding import UnseenError


def put(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


RUNS = {"run/systemd/netif/state": ""}
MAIN = "etc/systemd/networkd.conf"
DROP = "{}/systemd/networkd.conf.d/{}.conf"


@pytest.mark.parametrize(
    ("files", "value"),
    [
        ({}, None),
        ({MAIN: "[Network]\n#X=no\nX = 1\n"}, "1"),
        ({MAIN: "[DHCPv4]\nX=1\n"}, None),
        ({MAIN: "[Network]\nX=1\n", DROP.format("usr/lib", "a"): "[Network]\nX=2\n"}, "2"),
        # By the names of the files, wherever they are; of one name, /etc comes first.
        ({DROP.format("usr/lib", "b"): "[Network]\nX=2\n",
          DROP.format("etc", "a"): "[Network]\nX=3\n"}, "2"),
        ({DROP.format("usr/lib", "a"): "[Network]\nX=2\n",
          DROP.format("etc", "a"): "[Network]\nX=3\n"}, "3"),
    ],
)  # fmt: skip
def test_the_setting_in_force_is_found_as_systemd_finds_it(tmp_path, files, value):
    put(tmp_path, {**RUNS, **files})
    assert (system.networkd(tmp_path) or {}).get("X") == value


def test_a_networkd_that_does_not_run_has_no_settings(tmp_path):
    put(tmp_path, {MAIN: "[Network]\nX=1\n"})
    assert system.networkd(tmp_path) is None


def test_the_disk_of_a_directory(tmp_path):
    space = system.disk(tmp_path)
    assert space.free > 0
    assert not space.read_only
    with pytest.raises(UnseenError, match="nowhere: No such file"):
        system.disk(tmp_path / "nowhere")


def test_proc_is_a_disk_without_room_or_inodes():
    assert system.disk("/proc")[:2] == (0, None)


def test_the_clock_can_be_asked_by_anybody():
    assert system.synchronised() in {True, False}


def test_servers_of_resolv_conf_are_read_and_other_words_are_not():
    text = "nameserver 198.18.0.53\nsearch example\nnameserver\t2001:db8::53\n; nameserver 1\n"
    text += "nameserver fe80::1%eth0\nnameserver localhost\nnameserver\n"
    assert system.nameservers(text) == [
        Endpoint("198.18.0.53"), Endpoint("2001:db8::53"), Endpoint("fe80::1"),
    ]  # fmt: skip
