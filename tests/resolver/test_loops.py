"""A resolver that is its own upstream, by way of another one, notices and says so."""

import socket
import subprocess
import sys
import threading
import time

import pytest

from blockd.service import control


@pytest.fixture
def mirror():
    """Forward whatever comes to where it is told, as a forwarder that points back at us."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    sock.settimeout(0.1)
    end, target = threading.Event(), []

    def forward():
        while not end.is_set():
            try:
                packet, _ = sock.recvfrom(4096)
            except TimeoutError:
                continue
            if target:
                sock.sendto(packet, ("127.0.0.1", target[0]))

    thread = threading.Thread(target=forward)
    thread.start()
    yield sock.getsockname()[1], target
    end.set()
    thread.join()
    sock.close()


def test_a_loop_through_another_server_is_named_in_the_status(tmp_path, mirror):
    port, target = mirror
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        own = free.getsockname()[1]
    target.append(own)
    (tmp_path / "list.txt").write_text("listed.example\n")
    config = tmp_path / "blockd.toml"
    config.write_text(
        f'[list]\npaths = ["{tmp_path}/list.txt"]\n[routes]\nenabled = false\n'
        f'[resolver]\nlisten = ["127.0.0.1:{own}"]\nupstreams = ["127.0.0.1:{port}"]\n'
    )
    program = [sys.executable, "-m", "blockd", "--config", str(config), "--state", str(tmp_path)]
    subprocess.run([*program, "compile"], check=True, capture_output=True)
    daemon = subprocess.Popen([*program, "resolve"], stderr=subprocess.PIPE)
    try:
        deadline = time.monotonic() + 15
        problem = ""
        while not problem and time.monotonic() < deadline:
            time.sleep(0.05)
            if (tmp_path / "run" / "resolver" / "control").exists():
                problem = control.ask(tmp_path / "run" / "resolver" / "control")["problem"]
        assert problem.startswith(f"upstream 127.0.0.1:{port} sends questions back")
    finally:
        daemon.terminate()
        _, said = daemon.communicate(timeout=15)
    assert said.count(b"a loop; name another server") == 1
