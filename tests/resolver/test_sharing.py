"""Loops that share a socket: each datagram and each connection wakes one of them."""

import asyncio
import os
import select
import socket
import time

import pytest

from blockd.resolver.sharing import shared_loop

COUNT = 60


def _serve(sock, report):
    """Be a worker: count wake-ups and what came, until told to end."""
    woken = got = 0

    def readable():
        nonlocal woken, got
        woken += 1
        try:
            while True:
                sock.recv(16)
                got += 1
        except BlockingIOError:
            pass

    async def scenario(stop):
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        loop.add_reader(sock, readable)
        loop.add_reader(stop, done.set_result, None)
        os.write(report, b"ready\n")
        await done
        loop.remove_reader(stop)
        loop.remove_reader(sock)

    return scenario, lambda: os.write(report, f"{woken} {got}\n".encode())


def _fork(sock, stop):
    read, write = os.pipe()
    pid = os.fork()
    if pid:
        os.close(write)
        return pid, read
    try:
        scenario, tell = _serve(sock, write)
        with asyncio.Runner(loop_factory=lambda: shared_loop([sock])) as runner:
            runner.run(scenario(stop))
        tell()
    finally:
        os._exit(0)


def test_a_datagram_wakes_one_of_several_workers():
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    sock.settimeout(0)
    stop, stopper = os.pipe()
    workers = [_fork(sock, stop) for _ in range(3)]
    try:
        for _, report in workers:
            assert os.read(report, 100) == b"ready\n"
        time.sleep(0.05)  # all of them wait in their loops by now
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            for _ in range(COUNT):
                client.sendto(b"x", sock.getsockname())
                time.sleep(0.002)
        while select.select([sock], [], [], 0)[0]:
            time.sleep(0.01)
    finally:
        os.write(stopper, b"x")
        counts = [tuple(map(int, os.read(report, 100).split())) for _, report in workers]
        for pid, report in workers:
            os.waitpid(pid, 0)
            os.close(report)
        for descriptor in (stop, stopper):
            os.close(descriptor)
        sock.close()
    assert sum(got for _, got in counts) == COUNT
    # Without sharing it is COUNT for each of them.
    assert sum(woken for woken, _ in counts) < 1.5 * COUNT


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_shared_socket_is_served_stopped_and_served_again(kind):
    sock = socket.socket(socket.AF_INET, kind)
    sock.bind(("127.0.0.1", 0))
    sock.settimeout(0)

    async def streams():
        async def answer(reader, writer):
            writer.write(await reader.readexactly(1))
            writer.close()

        for _ in range(2):
            server = await asyncio.start_server(answer, sock=sock.dup())
            reader, writer = await asyncio.open_connection(*sock.getsockname())
            writer.write(b"x")
            assert await reader.read() == b"x"
            writer.close()
            await writer.wait_closed()
            server.close()
            await server.wait_closed()

    async def datagrams():
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.connect(sock.getsockname())
            for _ in range(2):
                came = loop.create_future()
                loop.add_reader(sock, lambda came=came: came.set_result(sock.recv(9)))
                client.send(b"x")
                async with asyncio.timeout(5):
                    assert await came == b"x"
                loop.remove_reader(sock)

    scenario = streams if kind is socket.SOCK_STREAM else datagrams
    with asyncio.Runner(loop_factory=lambda: shared_loop([sock])) as runner:
        runner.run(scenario())
    sock.close()
