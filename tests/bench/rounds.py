"""All servers on the same workloads, in rounds: each is measured shortly after the others.

A shared machine is faster in one minute than in another. So no server has its minutes to itself:
in each round a workload goes through all of them, and what counts is the median of the rounds.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from tests.bench import load, workloads
from tests.bench.load import Measured
from tests.bench.peers import Server

MOST_A_SECOND = 250_000
"""Queries that no server answers in a second here: how long the files of fresh ones are."""


class Running(NamedTuple):
    """A server that is up, with where its files are and the seconds to its first answer."""

    server: Server
    directory: Path
    first_answer: float


def start(
    starts: Mapping[str, Callable[[list[str], Path], Server]], names: list[str], scratch: Path
) -> list[Running]:
    """Start servers one after another, each with this list in a directory of its own."""
    running: list[Running] = []
    try:
        for name, begin in starts.items():
            directory = scratch / f"{name}-{len(names)}"
            directory.mkdir()
            server = begin(names, directory)
            running.append(Running(server, directory, 0.0))
            took = load.wait_until_up(server, names[0])
            running[-1] = running[-1]._replace(first_answer=took)
    except BaseException:
        stop(running)
        raise
    return running


def stop(running: Sequence[Running]) -> None:
    """End servers; those that have ended are none the worse."""
    for each in running:
        each.server.stop()


def measure(
    running: Sequence[Running],
    wanted: Sequence[str],
    names: list[str],
    rounds: int,
    seconds: float,
    scratch: Path,
) -> list[Measured]:
    """Return what each workload came to on each server, as the median of its rounds."""
    found: dict[tuple[str, str], list[Measured]] = {}
    for number in range(rounds):
        for workload in wanted:
            for server, _, _ in running:
                one = _once(server, workload, names, number, seconds, scratch)
                found.setdefault((workload, server.name), []).append(one)
                print(load.line(one), flush=True)
    return [_median(each) for each in found.values()]


def _once(
    server: Server, workload: str, names: list[str], number: int, seconds: float, scratch: Path
) -> Measured:
    """Measure one workload on one server; what must be asked once is new in each round."""
    queries, warm = scratch / "queries.txt", scratch / "warm.txt"
    count = int(seconds * MOST_A_SECOND)
    if workload == "w2":
        workloads.write(queries, workloads.w2(names, 2 * number, count))
        workloads.write(warm, workloads.w2(names, 2 * number + 1, MOST_A_SECOND))
    elif workload == "w4":
        run = f"{server.name.replace('-', '')}{number}"
        workloads.write(queries, workloads.w4(run, count))
        workloads.write(warm, workloads.w4(f"warm-{run}", MOST_A_SECOND))
    else:
        again = {"w1": workloads.w1(names), "w3": workloads.w3(), "w5": workloads.w5(names)}
        warm = workloads.write(queries, again[workload])
    if workload == "w5":
        return load.measure_fresh(server, queries, seconds)
    return load.measure(server, workload, queries, seconds, warm, once=workload in {"w2", "w4"})


def _median(each: Sequence[Measured]) -> Measured:
    costs = [one.microseconds for one in each]
    middle = sorted(each, key=lambda one: one.microseconds)[len(each) // 2]
    return Measured(
        server=middle.server,
        workload=middle.workload,
        microseconds=median(costs),
        kernel=median(one.kernel for one in each),
        least=min(costs),
        most=max(costs),
        answered=sum(one.answered for one in each),
        lost=sum(one.lost for one in each),
        rate=median(one.rate for one in each),
        codes=middle.codes,
    )
