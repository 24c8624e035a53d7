"""`python -m tests.chaos`: the route daemon under everything that happens to a gateway at once.

Takes minutes, wants root, and works in network namespaces of its own alone. Ends with 0 if
everything was right, with 1 and the reason if it was not.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from tests import topology
from tests.chaos.churn import SECONDS, churn
from tests.chaos.flood import flood
from tests.chaos.storm import storm


def main():
    options = _parser().parse_args()
    if os.geteuid() != 0:
        print("needs root, for network namespaces", file=sys.stderr)
        return 2
    options.seed = int.from_bytes(os.urandom(4)) if options.seed is None else options.seed
    with tempfile.TemporaryDirectory(prefix="blockd-chaos-") as scratch, topology.gateway() as net:
        try:
            return options.run(net, Path(scratch), options)
        except AssertionError as error:
            print(error, file=sys.stderr)
            return 1


def _parser():
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=120, help="how long it goes on")
    parser.add_argument("--seed", type=int, help="for one sequence of steps; else a new one each")
    parser.set_defaults(run=_storm)
    verbs = parser.add_subparsers(title="other proofs")
    verb = verbs.add_parser("flood", help="count the packets that leak while the list changes")
    verb.add_argument("--packets", type=int, default=1_000_000)
    verb.add_argument("--changes", type=int, default=100, help="at least so many")
    verb.add_argument("--rate", type=int, default=50_000, help="packets a second; 0: no limit")
    verb.add_argument("--seed", type=int)
    verb.set_defaults(run=_flood)
    verb = verbs.add_parser("churn", help="measure the daemon beside foreign routes in motion")
    verb.add_argument("--routes", type=int, default=200_000)
    verb.add_argument("--seconds", type=float, default=SECONDS)
    verb.add_argument("--most", type=float, default=2, help="percent of a core that are allowed")
    verb.set_defaults(run=_churn)
    return parser


def _storm(net, directory, options):
    made = storm(net, directory, options.seed, seconds=options.seconds)
    print("\n".join(made.table()))
    return 0


def _flood(net, directory, options):
    counted = flood(
        net, directory, options.seed,
        packets=options.packets, changes=options.changes, rate=options.rate,
    )  # fmt: skip
    print("\n".join(counted.table()))
    return 1 if counted.leaked or not counted.passed else 0


def _churn(net, directory, options):
    measured = churn(net, directory, routes=options.routes, seconds=options.seconds)
    print("\n".join(measured.table()))
    return 1 if 100 * measured.share > options.most else 0


if __name__ == "__main__":
    sys.exit(main())
