"""What /proc says of this very process, and of made-up ones."""

import os
import socket

import pytest

from blockd.doctor import proc
from blockd.doctor.finding import UnseenError


@pytest.mark.parametrize(
    ("family", "address"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
)
@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_a_bound_socket_is_seen_with_its_holder(family, address, kind):
    with socket.socket(family, kind) as bound:
        bound.bind((address, 0))
        if kind is socket.SOCK_STREAM:
            bound.listen()
        port = bound.getsockname()[1]
        (held,) = [
            each for each in proc.listeners() if (each.address, each.port) == (address, port)
        ]
    assert held.transport == ("UDP" if kind is socket.SOCK_DGRAM else "TCP")
    assert any(program.endswith(f"({os.getpid()})") for program in held.programs)


def test_a_connected_socket_waits_for_nobody_else():
    with socket.socket(type=socket.SOCK_DGRAM) as connected:
        connected.connect(("127.0.0.1", 9))
        port = connected.getsockname()[1]
        assert port not in {each.port for each in proc.listeners() if each.transport == "UDP"}


@pytest.mark.parametrize(
    ("cmdline", "comm", "name"),
    [
        (b"/usr/bin/python3\0-m\0blockd\0resolve\0", "python3", "blockd"),
        (b"/opt/blockd/bin/python3\0/opt/blockd/bin/blockd\0resolve\0", "blockd", "blockd"),
        (b"/usr/sbin/dnsmasq\0-k\0", "dnsmasq", "dnsmasq"),
        (b"", "kthread", "kthread"),
    ],
)
def test_our_processes_are_known_by_what_they_run(tmp_path, cmdline, comm, name):
    process = tmp_path / "7"
    (process / "fd").mkdir(parents=True)
    (process / "cmdline").write_bytes(cmdline)
    (process / "comm").write_text(f"{comm}\n")
    (process / "fd" / "3").symlink_to("socket:[99]")
    (process / "fd" / "4").symlink_to("/dev/null")
    (tmp_path / "net").mkdir()
    head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"
    line = "   1: 3500007F:0035 00000000:0000 {} 0:0 0:0 0 0 0 99 2\n"
    (tmp_path / "net/udp").write_text(head + line.format("07"))
    (tmp_path / "net/tcp").write_text(head + line.format("01"))
    assert proc.listeners(tmp_path) == [("UDP", "127.0.0.53", 53, (f"{name} (7)",))]


def test_settings_are_numbers_or_missing(tmp_path):
    place = tmp_path / "sys/net/ipv4/conf/eth0"
    place.mkdir(parents=True)
    (place / "rp_filter").write_text("2\n")
    assert proc.setting("net.ipv4.conf.eth0.rp_filter", tmp_path) == 2
    assert proc.setting("net.ipv6.conf.all.disable_ipv6", tmp_path) is None
    assert proc.rp_filter(tmp_path) == {"eth0": 2}


def test_capabilities_are_those_of_the_processes(tmp_path):
    for name, text in (("self", "CapBnd:\t00000000000010ff"), ("7", "CapEff:\t0000000000001000")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "status").write_text(f"Name:\tx\n{text}\n")
    assert proc.rights(7, tmp_path) == (0x10FF, 0x1000, 1024)
    assert proc.rights(8, tmp_path).daemon is None
    (tmp_path / "self" / "status").unlink()
    with pytest.raises(UnseenError):
        proc.rights(7, tmp_path)


def test_who_listens_on_a_unix_socket_is_known(tmp_path):
    path = tmp_path / "x.sock"
    assert proc.behind(path) is None
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        assert proc.behind(path) == os.getpid()
    assert proc.behind(path) is None
