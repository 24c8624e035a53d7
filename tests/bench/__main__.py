"""`python -m tests.bench`: blockd beside the peers that are installed, on the same workloads.

CPU time of the server a query, in one run, as ratios; the machine must do nothing else.
"""

import argparse
import tempfile
from pathlib import Path

from tests.bench import load, peers, workloads
from tests.bench.load import Measured

FEW, MANY = 372, 1_000_000


def main() -> None:
    """Run what the arguments ask for and print a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--servers", default=",".join(peers.found()))
    parser.add_argument("--workloads", default="w1,w2,w3,w4")
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--many", type=int, default=MANY)
    options = parser.parse_args()
    wanted = options.workloads.split(",")
    results: list[Measured] = []
    with tempfile.TemporaryDirectory(prefix="blockd-bench-") as scratch:
        directory = Path(scratch)
        stub = peers.stub(directory)
        try:
            for name in options.servers.split(","):
                few = [w for w in wanted if w != "w2"]
                results += run(name, FEW, few, options.seconds, directory)
                if "w2" in wanted:
                    results += run(name, options.many, ["w2"], options.seconds, directory)
        finally:
            stub.stop()
    for result in results:
        print(
            f"{result.workload} {result.server:14} {result.microseconds:8.2f} us"
            f" {result.rate:9.0f}/s lost {result.lost} {result.codes}"
        )


def run(
    name: str, count: int, wanted: list[str], seconds: float, directory: Path
) -> list[Measured]:
    """Start a server with a list of that many names and measure the workloads on it."""
    if not wanted:
        return []
    names = workloads.listed(count)
    own = directory / f"{name}-{count}"
    own.mkdir()
    server = peers.ALL[name][1](names, own)
    results = []
    try:
        took = load.wait_until_up(server, names[0])
        print(f"{name}: first answer after {took:.2f} s, {count} names", flush=True)
        for workload in wanted:
            lines = {
                "w1": lambda: workloads.w1(names),
                "w2": lambda: workloads.w2(names),
                "w3": workloads.w3,
                "w4": lambda: workloads.w4(name.replace("-", "")),
            }[workload]()
            queries = workloads.write(directory / "queries.txt", lines)
            once = workload in {"w2", "w4"}
            results.append(load.measure(server, workload, queries, seconds, once=once))
        rss, pss = server.memory()
        print(f"{name}: {rss:.0f} MB resident, {pss:.0f} MB proportional", flush=True)
    finally:
        server.stop()
    return results


if __name__ == "__main__":
    main()
