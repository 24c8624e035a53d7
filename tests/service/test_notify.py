"""What the service manager hears, and that nobody dies of a manager that is not there."""

import os
import socket
import time

import pytest

from blockd.service import notify as service
from blockd.service.notify import notify, reloading


@pytest.fixture
def manager():
    """The manager's socket: the function takes its address and returns what came."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.settimeout(5)
        yield listener


def heard(listener):
    return listener.recv(65536).decode().split("\n")


def test_assignments_go_in_one_message(manager, tmp_path, monkeypatch):
    manager.bind(str(tmp_path / "notify"))
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    notify("READY=1", "STATUS=generation 1")
    assert heard(manager) == ["READY=1", "STATUS=generation 1"]


def test_an_abstract_address_is_meant_by_an_at_sign(manager, monkeypatch):
    manager.bind(f"\0blockd-test-{os.getpid()}")
    monkeypatch.setenv("NOTIFY_SOCKET", f"@blockd-test-{os.getpid()}")
    notify("STOPPING=1")
    assert heard(manager) == ["STOPPING=1"]


def test_a_reload_is_announced_with_the_time_of_the_monotonic_clock(manager, tmp_path, monkeypatch):
    manager.bind(str(tmp_path / "notify"))
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    before = time.monotonic_ns() // 1000
    reloading()
    after = time.monotonic_ns() // 1000
    first, second = heard(manager)
    assert first == "RELOADING=1"
    assert before <= int(second.removeprefix("MONOTONIC_USEC=")) <= after


@pytest.mark.parametrize("address", [None, "", "/nowhere/notify", "@blockd-test-nobody", "x" * 200])
def test_without_a_manager_nothing_happens(address, monkeypatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    if address is not None:
        monkeypatch.setenv("NOTIFY_SOCKET", address)
    notify("READY=1")
    reloading()


def test_a_manager_that_has_gone_is_survived(manager, tmp_path, monkeypatch):
    manager.bind(str(tmp_path / "notify"))
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    manager.close()
    notify("READY=1")


def test_a_manager_that_does_not_read_stops_nobody(manager, tmp_path, monkeypatch):
    manager.bind(str(tmp_path / "notify"))
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    monkeypatch.setattr(service, "_PATIENCE", 3600)
    taken = [notify(f"STATUS=generation {number}") for number in range(1000)]
    assert taken == sorted(taken, reverse=True)  # a few of them fit its queue
    assert not taken[-1]
    monkeypatch.setattr(service, "_PATIENCE", 0.2)
    spent = time.process_time()
    assert not notify("READY=1")
    assert time.process_time() - spent < 0.1  # it sleeps
    assert heard(manager) == ["STATUS=generation 0"]
    assert notify("READY=1")
