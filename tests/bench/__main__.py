"""`python -m tests.bench`: blockd beside the peers that are installed, on the same workloads.

CPU time of the server a query, in one run, as ratios; the machine must do nothing else. Null
routes beside `ip -batch`, as root. Results go to `--out` as tables, JSON and plots.
"""

import argparse
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from tests import topology
from tests.bench import peers, reload, report, rounds, routes, workloads
from tests.bench.load import Measured
from tests.bench.peers import Server

FEW, MANY = 372, 1_000_000


def main() -> None:
    """Run what the arguments ask for and print a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--servers", help="default: all that are found")
    parser.add_argument("--workloads", default="w1,w2,w3,w4,w5")
    parser.add_argument("--rounds", type=int, default=3, help="each server in each of them")
    parser.add_argument("--seconds", type=float, default=3.0, help="of a workload in a round")
    parser.add_argument("--many", type=int, default=MANY)
    parser.add_argument("--reloads", type=int, default=5, help="at the many names, under load")
    parser.add_argument(
        "--wheel", type=Path, help="blockd as it ships, compiled: see `pip wheel --no-deps .`"
    )
    parser.add_argument("--out", type=Path, help="a directory for the results")
    parser.add_argument("--only", choices=("resolver", "routes"), help="one of the two parts")
    options = parser.parse_args()
    if options.only != "routes":
        _resolver(options)
    if options.only != "resolver":
        _routes(options.out)


def _routes(out: Path | None) -> None:
    if reason := topology.unavailable():
        raise SystemExit(f"routes: {reason}; --only resolver leaves them out")
    results = routes.measure()
    print(routes.text(results))
    if out:
        routes.write(out, results)


def _resolver(options: argparse.Namespace) -> None:
    for program in ("dnsperf", "unbound", "taskset"):
        if shutil.which(program) is None:
            raise SystemExit(f"needs {program}: apt-get install dnsperf unbound util-linux")
    wanted = options.workloads.split(",")
    few, many = [w for w in wanted if w != "w2"], [w for w in wanted if w == "w2"]
    results: list[Measured] = []
    more: dict[str, Any] = {"rounds": options.rounds, "seconds": options.seconds, "sizes": []}
    with tempfile.TemporaryDirectory(prefix="blockd-bench-") as scratch:
        directory = Path(scratch)
        servers = peers.ALL
        if options.wheel:
            package = directory / "wheel"
            zipfile.ZipFile(options.wheel).extractall(package)
            servers = {"blockd": ("python3", partial(peers.blockd, package=package)), **servers}
        asked = options.servers.split(",") if options.servers else peers.found(servers)
        starts = {name: servers[name][1] for name in asked}
        stub = peers.stub(directory)
        try:
            for count, some in ((FEW, few), (options.many, many)):
                if some:
                    results += _run(starts, workloads.listed(count), some, options, directory, more)
        finally:
            stub.stop()
    print(f"{report.table(results)}\n\n{report.sizes(more)}")
    if options.out:
        report.write(options.out, results, more)


def _run(
    starts: dict[str, Callable[[list[str], Path], Server]],
    names: list[str],
    wanted: list[str],
    options: argparse.Namespace,
    directory: Path,
    more: dict[str, Any],
) -> list[Measured]:
    """Measure the workloads on all servers with one list, then their sizes, then the reloads."""
    running = rounds.start(starts, names, directory)
    try:
        found = rounds.measure(running, wanted, names, options.rounds, options.seconds, directory)
        for server, _, first_answer in running:
            rss, pss = server.memory()
            size = {
                "server": server.name, "names": len(names), "first_answer_s": first_answer,
                "resident_mb": rss, "proportional_mb": pss,
            }  # fmt: skip
            print(size, flush=True)
            more["sizes"].append(size)
        own = running[0]
        if own.server.name in report.OWN and "w2" in wanted and options.reloads:
            rounds.stop(running[1:])
            more["reload"] = reload.measure(own.server, own.directory, names, options.reloads)
            print(more["reload"], flush=True)
    finally:
        rounds.stop(running)
    return found


if __name__ == "__main__":
    main()
