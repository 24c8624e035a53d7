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
from tests.bench import load, peers, reload, report, routes, workloads
from tests.bench.load import Measured
from tests.bench.peers import Server

FEW, MANY = 372, 1_000_000


def main() -> None:
    """Run what the arguments ask for and print a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--servers", help="default: all that are found")
    parser.add_argument("--workloads", default="w1,w2,w3,w4,w5")
    parser.add_argument("--seconds", type=float, default=6.0)
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
    results: list[Measured] = []
    more: dict[str, Any] = {"sizes": []}
    with tempfile.TemporaryDirectory(prefix="blockd-bench-") as scratch:
        directory = Path(scratch)
        servers = peers.ALL
        if options.wheel:
            package = directory / "wheel"
            zipfile.ZipFile(options.wheel).extractall(package)
            servers = {"blockd": ("python3", partial(peers.blockd, package=package)), **servers}
        stub = peers.stub(directory)
        try:
            asked = options.servers.split(",") if options.servers else peers.found(servers)
            for name in asked:
                start = servers[name][1]
                few = [w for w in wanted if w != "w2"]
                results += run(name, start, FEW, few, options, directory, more)
                if "w2" in wanted:
                    results += run(name, start, options.many, ["w2"], options, directory, more)
        finally:
            stub.stop()
    for result in results:
        print(
            f"{result.workload} {result.server:14} {result.microseconds:8.2f} us"
            f" {result.rate:9.0f}/s lost {result.lost} {result.codes}"
        )
    print(f"{report.table(results)}\n\n{report.sizes(more)}")
    if options.out:
        report.write(options.out, results, more)


def run(
    name: str,
    start: Callable[[list[str], Path], Server],
    count: int,
    wanted: list[str],
    options: argparse.Namespace,
    directory: Path,
    more: dict[str, Any],
) -> list[Measured]:
    """Start a server with a list of that many names and measure the workloads on it."""
    if not wanted:
        return []
    names = workloads.listed(count)
    own = directory / f"{name}-{count}"
    own.mkdir()
    server = start(names, own)
    results = []
    try:
        took = load.wait_until_up(server, names[0])
        for workload in wanted:
            lines = {
                "w1": lambda: workloads.w1(names),
                "w2": lambda: workloads.w2(names),
                "w3": workloads.w3,
                "w4": lambda: workloads.w4(name.replace("-", "")),
                "w5": lambda: workloads.w5(names),
            }[workload]()
            queries = warm = workloads.write(directory / "queries.txt", lines)
            if workload == "w2":
                others = workloads.w2(names, 3, workloads.WARM)
                warm = workloads.write(directory / "warm.txt", others)
            elif workload == "w4":
                others = workloads.w4(f"warm-{name}", workloads.WARM)
                warm = workloads.write(directory / "warm.txt", others)
            if workload == "w5":
                results.append(load.measure_fresh(server, queries, options.seconds))
            else:
                once = workload in {"w2", "w4"}
                results.append(
                    load.measure(server, workload, queries, options.seconds, warm, once=once)
                )
        rss, pss = server.memory()
        size = {
            "server": name, "names": count, "first_answer_s": took,
            "resident_mb": rss, "proportional_mb": pss,
        }  # fmt: skip
        print(size, flush=True)
        more["sizes"].append(size)
        own_name = "blockd" if options.wheel else "blockd-pure"
        if name == own_name and count == options.many and options.reloads:
            more["reload"] = reload.measure(server, own, names, options.reloads)
            print(more["reload"], flush=True)
    finally:
        server.stop()
    return results


if __name__ == "__main__":
    main()
