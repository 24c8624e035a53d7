"""A small daemon of several workers, run as a program: who answers a datagram says who it is.

`python -m tests.resolver.crew DIRECTORY COUNT` serves `control` in the directory. Files
there change what workers do: `wait` keeps the last one from being ready, `refuse` has them
refuse to start, `crash` makes them raise something nobody expects.
"""

import asyncio
import logging
import os
import signal
import socket
import sys
from pathlib import Path

from blockd.errors import ListError
from blockd.resolver.sharing import shared_loop
from blockd.resolver.workers import run_workers, worker_socket
from blockd.service import control
from blockd.service.notify import notify, reloading
from blockd.service.watchdog import Watchdog


async def work(directory, count, sock, number, secret):
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    counted = {"asked": 0, "reloads": 0}
    ready = False

    def asked():
        try:
            _, client = sock.recvfrom(64)
        except BlockingIOError:
            return
        counted["asked"] += 1
        sock.sendto(f"{number} {os.getpid()} {secret.hex()}".encode(), client)

    def reload():
        reloading()
        counted["reloads"] += 1
        notify("READY=1")

    def status():
        return {
            "ready": ready,
            "generation": 10 - number,
            "counts": counted,
            "pid": os.getpid(),
            "inbox": os.environ["NOTIFY_SOCKET"],
        }

    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGHUP, reload)
    server = await control.serve(worker_socket(directory / "control", number), status)
    with Watchdog():
        while number == count and (directory / "wait").exists() and not stop.is_set():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        loop.add_reader(sock, asked)
        ready = True
        notify("READY=1", "STATUS=working")
        await stop.wait()
    server.close()


def main(directory, count):
    logging.basicConfig(format="%(message)s")
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    sock.settimeout(0)
    print(sock.getsockname()[1], flush=True)

    def child(number, secret):
        if (directory / "refuse").exists():
            (directory / "refused").touch()
            raise ListError("there is a reason")
        if (directory / "crash").exists():
            raise ZeroDivisionError
        with asyncio.Runner(loop_factory=lambda: shared_loop([sock])) as runner:
            runner.run(work(directory, count, sock, number, secret))

    return run_workers(count, child, directory / "control")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
